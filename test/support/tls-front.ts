import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, type TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, connect, createSecureContext } from 'node:tls';
import { testCa as ca } from './test-tls.ts';

/** Speaks TLS to a port for clients that speak plainly: each connection is one of TLS, from the same address. */
export interface TlsFront {
  readonly port: number;
  close(): Promise<void>;
}

/** @param port of a listener on 127.0.0.1 that shows the certificate of `testTls` */
export async function startTlsFront(port: number): Promise<TlsFront> {
  const sockets = new Set<Socket>();
  // One for all connections: reading the authority's certificate costs more than a handshake that resumes a session.
  const secureContext = createSecureContext({ ca });
  let session: Buffer | undefined;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (plain) => {
    const options: ConnectionOptions & TcpNetConnectOpts = {
      port,
      host: '127.0.0.1',
      localAddress: plain.remoteAddress ?? '127.0.0.1',
      secureContext,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
    };
    // Handshakes that resume one are cheap.
    const secure = connect(session === undefined ? options : { ...options, session });
    secure.setNoDelay(true);
    secure.on('session', (next) => {
      session = next;
    });
    for (const [one, other] of [
      [plain, secure],
      [secure, plain],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.once('close', () => {
        sockets.delete(one);
        // What was written to the other is sent before.
        other.destroySoon();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
