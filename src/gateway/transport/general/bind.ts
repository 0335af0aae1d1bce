import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, createServer, type ListenOptions } from 'node:net';

/**
 * How many sockets accept connections at one address. libuv accepts one at each socket whenever the event loop comes
 * round, and a round of a busy gateway takes milliseconds: of many clients that come at once the last would wait for
 * seconds (docs/adr/0038).
 */
const SOCKETS = 16;

/**
 * Accepts connections at an address.
 * @param open makes one of the servers among which the system shares the connections out
 * @param port 0 for any free one
 * @param onError hears of errors once they are bound
 * @returns where they are bound; a rejection with the system's error when they cannot be
 */
export async function bind(
  open: () => Server,
  port: number,
  host: string,
  onError: (error: Error) => void,
): Promise<AddressInfo> {
  // A worker is given its connections by its primary, which does little else.
  const shared = process.platform === 'linux' && !cluster.isWorker;
  if (!shared) return listening(open(), { port, host }, onError);
  // Sockets that share a port share it with those of any other process of the user, who is to be told that it is taken.
  if (port !== 0) await whollyFree(port, host);
  const bound = await listening(open(), { port, host, reusePort: true }, onError);
  for (let more = 1; more < SOCKETS; more++)
    await listening(open(), { port: bound.port, host, reusePort: true }, onError);
  return bound;
}

async function whollyFree(port: number, host: string): Promise<void> {
  const server = createServer();
  server.listen({ port, host });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

function listening(
  server: Server,
  options: ListenOptions,
  onError: (error: Error) => void,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      // The system may refuse to accept, for want of file descriptors; that ends nothing that is open.
      server.on('error', onError);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('not a network address'));
      else resolve(address);
    });
  });
}
