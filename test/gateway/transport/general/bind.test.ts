import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer } from 'node:net';
import { setImmediate as nextRound } from 'node:timers/promises';
import { connect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { bind } from '../../../../src/gateway/transport/general/bind.ts';
import { testTls } from '../../../support/test-tls.ts';

const HOST = '127.0.0.1';

/** Binds such servers until the test is over. */
async function bound(make: () => Server, port = 0) {
  const servers: Server[] = [];
  const errors: Error[] = [];
  onTestFinished(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });
  const open = () => {
    const server = make();
    servers.push(server);
    return server;
  };
  const address = await bind(open, port, HOST, (error) => errors.push(error));
  return { port: address.port, errors };
}

/** Connects so often from another process, while this one stands still. They wait to be accepted. */
function connectMeanwhile(port: number, clients: number): void {
  const script = `
    const net = require('node:net');
    let left = ${clients};
    for (let made = 0; made < ${clients}; made++)
      net.connect(${port}, '${HOST}', () => { if (--left === 0) process.exit(); });
  `;
  execFileSync(process.execPath, ['-e', script]);
}

it.runIf(process.platform === 'linux')(
  'clients that come at once are accepted several each time the event loop comes round',
  async () => {
    const clients = 96;
    let accepted = 0;
    const { port, errors } = await bound(() => createHttpServer().on('connection', () => accepted++));
    connectMeanwhile(port, clients);
    let rounds = 0;
    for (; accepted < clients; rounds++) await nextRound();
    expect(rounds).toBeLessThan(clients / 2);
    expect(errors).toEqual([]);
  },
);

it('a port at which another gateway accepts connections is refused, as is one of another program', async () => {
  const { port } = await bound(() => createHttpServer());
  await expect(bound(() => createHttpServer(), port)).rejects.toThrow('EADDRINUSE');
  const other = createServer().listen(0, HOST);
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const taken = (other.address() as { port: number }).port;
  await expect(bound(() => createHttpServer(), taken)).rejects.toThrow('EADDRINUSE');
});

it('a port that was given up is bound again', async () => {
  const servers: Server[] = [];
  const open = () => {
    const server = createHttpServer();
    servers.push(server);
    return server;
  };
  const { port } = await bind(open, 0, HOST, () => {});
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  expect((await bound(() => createHttpServer(), port)).port).toBe(port);
});

it('a TLS session goes on whichever socket accepts the client', async () => {
  const tls = testTls();
  const open = () => {
    const server = createTlsServer(tls.options(10_000), (_, response) => response.end('fine'));
    tls.attach(server);
    return server;
  };
  const { port } = await bound(open);
  const visit = async (session: Buffer | null) => {
    const socket = connect({ port, host: HOST, rejectUnauthorized: false, ...(session && { session }) });
    let next: Buffer | null = null;
    socket.once('session', (given) => {
      next = given;
    });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    socket.resume();
    await once(socket, 'secureConnect');
    const goesOn = socket.isSessionReused();
    await once(socket, 'close');
    return { next, goesOn };
  };
  const { next } = await visit(null);
  expect(next).not.toBe(null);
  for (let time = 0; time < 12; time++) expect((await visit(next)).goesOn).toBe(true);
});
