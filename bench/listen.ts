import { once } from 'node:events';
import type { Server } from 'node:net';

/** Listens on a free port of the loopback interface. @returns the origin, `http://127.0.0.1:port` */
export async function listenOnLoopback(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has an address');
  return `http://127.0.0.1:${address.port}`;
}
