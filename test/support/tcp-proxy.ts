/** A network between a client and a server on loopback that does what a test wants of it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

export interface TcpProxy {
  readonly port: number;
  /** How many connections there have been. */
  readonly connections: number;
  /** How long what the server says is under way, in milliseconds. */
  delayMs: number;
  /** Whether each thing that the server says breaks off in its middle, and the connection with it. */
  cutsReplies: boolean;
  /** Whether what the server says is lost, judged by all that the client has said on that connection, and by what is said. */
  loses: (asked: string, said: string) => boolean;
  /** Has every client hear this, as if the server had said it. */
  say(text: string): void;
  close(): Promise<void>;
}

/** @param port where to listen; 0 for a free one */
export async function startTcpProxy(to: number, port = 0): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(to, '127.0.0.1');
    clients.add(client);
    client.on('close', () => clients.delete(client));
    let asked = '';
    /** What was said last, on its way: nothing overtakes it. */
    let last = Promise.resolve();
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      asked += chunk.toString('latin1');
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (proxy.loses(asked, chunk.toString('latin1'))) return;
      if (proxy.cutsReplies) client.end(chunk.subarray(0, Math.floor(chunk.length / 2)));
      else {
        const arrives = proxy.delayMs === 0 ? null : after(proxy.delayMs);
        last = last.then(() => arrives).then(() => void client.write(chunk));
      }
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    delayMs: 0,
    cutsReplies: false,
    loses: () => false,
    say(text) {
      for (const client of clients) client.write(text);
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return proxy;
}
