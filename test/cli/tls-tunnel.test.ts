import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { authorization, createSite, type Site, upstream } from './serving.ts';

const FILES = fileURLToPath(new URL('../support/tls/', import.meta.url));
const ca = readFileSync(join(FILES, 'ca.crt'), 'utf8');

let site: Site;
let greeter: WebSocketServer;
let origin: string;
let agent: Agent;
beforeEach(async () => {
  site = createSite();
  for (const name of ['gateway.crt', 'gateway.key']) copyFileSync(join(FILES, name), join(site.folder, name));
  const server = createServer((_, response) => response.end('plain'));
  greeter = new WebSocketServer({ server });
  greeter.on('connection', (socket) => {
    socket.send('welcome');
    socket.on('message', (data) => socket.send(`you said ${data}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
});
afterEach(async () => {
  agent.destroy();
  await site.close();
  for (const client of greeter.clients) client.terminate();
  greeter.close();
});

/** The status of a request over the agent's connection, and the port that it came from. */
async function ask(port: number | undefined, path: string, method = 'GET') {
  const sent = request({ host: '127.0.0.1', port, path, method, ca, agent, headers: { authorization } });
  sent.end();
  const [response] = await once(sent, 'response');
  const from = response.socket.localPort;
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode, from };
}

it.each(['auto', 'general'])(
  'over TLS a WebSocket is open until its token is revoked, with listen.transport %s',
  async (transport) => {
    const tls = { certificates: ['gateway.crt'], keys: ['gateway.key'], listeners: ['proxy', 'admin'] };
    site.write({ listen: { transport, tls }, forward: upstream(origin) });
    const { proxy, admin } = await site.serve();
    const before = await ask(proxy?.port, '/plain');
    expect(before.status).toBe(200);

    // The handshake comes over the connection that has carried a plain request.
    const socket = new WebSocket(`wss://127.0.0.1:${proxy?.port}/`, {
      headers: { authorization },
      ca,
      agent,
    });
    const heard: string[] = [];
    socket.on('message', (data) => heard.push(String(data)));
    const closed = once(socket, 'close');
    const [response] = await once(socket, 'upgrade');
    expect(response.socket.localPort).toBe(before.from);
    await expect.poll(() => heard).toEqual(['welcome']);
    socket.send('hello');
    await expect.poll(() => heard).toEqual(['welcome', 'you said hello']);

    expect((await ask(admin?.port, '/api/v1/api-tokens/current', 'DELETE')).status).toBe(204);
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([1008, 'Invalid token provided']);
    expect(heard).toHaveLength(2);
    expect((await ask(proxy?.port, '/plain')).status).toBe(401);
  },
);
