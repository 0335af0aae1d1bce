import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Serving } from '../../src/cli/serve.ts';
import { authorization, createSite, type Site } from './serving.ts';

const FILES = fileURLToPath(new URL('../support/tls/', import.meta.url));
const pem = (name: string) => readFileSync(join(FILES, name), 'utf8');
const inFiles = (name: string) => join(FILES, name);
const CA = inFiles('ca.crt');
const SERVER_NAME = 'upstream.example.com';
const CLIENT = { cert: inFiles('client.crt'), key: inFiles('client.key') };

let site: Site;
let upstream: Server;
let origin: string;
beforeEach(async () => {
  site = createSite();
  upstream = createServer(
    {
      cert: pem('upstream.crt'),
      key: pem('upstream.key'),
      ca: pem('ca.crt'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (req, res) => {
      const { servername, getPeerCertificate } = req.socket as TLSSocket;
      res.end(`${getPeerCertificate.call(req.socket).subject.CN} asks ${servername}`);
    },
  );
  const sockets = new WebSocketServer({ server: upstream });
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`heard ${text}`)));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  origin = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await site.close();
  upstream.closeAllConnections();
  upstream.close();
});

function write(tls: Readonly<Record<string, unknown>>, transport = 'auto', forward = {}): void {
  site.write({
    listen: { transport },
    forward: { upstreams: [{ name: 'api', targets: [origin], paths: ['/'], tls }], ...forward },
  });
}

async function ask({ proxy }: Serving, path = '/x') {
  const response = await fetch(`http://127.0.0.1:${proxy?.port}${path}`, { headers: { authorization } });
  return { status: response.status, body: await response.text() };
}

const metrics = async ({ metrics: address }: Serving) =>
  (await fetch(`http://127.0.0.1:${address?.port}/metrics`)).text();

describe.each(['auto', 'general'])('an upstream over TLS, with listen.transport %s', (transport) => {
  it('is verified by the authority and the name that are configured, and shown our certificate', async () => {
    write({ ca: CA, serverName: SERVER_NAME, ...CLIENT }, transport);
    const serving = await site.serve('gateway');
    for (let asked = 0; asked < 3; asked += 1) {
      expect(await ask(serving)).toEqual({ status: 200, body: `client asks ${SERVER_NAME}` });
    }
  });

  it.each([
    ['that no known authority has signed', { serverName: SERVER_NAME, ...CLIENT }],
    [
      'that another authority has signed',
      { ca: inFiles('stranger-ca.crt'), serverName: SERVER_NAME, ...CLIENT },
    ],
    ['that is for another name', { ca: CA, serverName: 'other.example.com', ...CLIENT }],
    ['that is not for its address', { ca: CA, ...CLIENT }],
  ])('is refused with a certificate %s, and nothing is sent', async (_what, tls) => {
    let requests = 0;
    upstream.on('request', () => {
      requests += 1;
    });
    write(tls, transport);
    const serving = await site.serve('gateway');
    expect(await ask(serving)).toMatchObject({ status: 502, body: expect.stringContaining('securely') });
    expect(await metrics(serving)).toContain('decision="forward.certificate"');
    expect(requests).toBe(0);
  });
});

describe('an upstream over TLS', () => {
  it('shares no connection with another that has the same target and is held to something else', async () => {
    const good = { ca: CA, serverName: SERVER_NAME, ...CLIENT };
    const named = (name: string, tls: object) => ({ name, targets: [origin], paths: [`/${name}`], tls });
    const renewed = { ...good, cert: inFiles('renewed.crt'), key: inFiles('renewed.key') };
    const bad = { ...good, serverName: 'other.example.com' };
    site.write({
      forward: { upstreams: [named('good', good), named('renewed', renewed), named('bad', bad)] },
    });
    const serving = await site.serve('gateway');
    for (let asked = 0; asked < 2; asked += 1) {
      expect((await ask(serving, '/good')).body).toBe(`client asks ${SERVER_NAME}`);
      expect((await ask(serving, '/renewed')).body).toBe(`renewed asks ${SERVER_NAME}`);
      expect((await ask(serving, '/bad')).status).toBe(502);
    }
  });

  it('carries WebSockets, under the same rules', async () => {
    write({ ca: CA, serverName: SERVER_NAME, ...CLIENT });
    const serving = await site.serve('gateway');
    const open = () =>
      new WebSocket(`ws://127.0.0.1:${serving.proxy?.port}/`, { headers: { authorization } });
    const socket = open();
    await once(socket, 'open');
    socket.send('hello');
    const [text] = await once(socket, 'message');
    expect(String(text)).toBe('heard hello');
    socket.terminate();
    write({ ca: CA, serverName: 'other.example.com', ...CLIENT });
    await serving.reload();
    const [error] = await once(open(), 'error');
    expect(String(error)).toContain('502');
    expect(await metrics(serving)).toContain('decision="forward.certificate"');
  });

  it('is probed over TLS, under the same rules', async () => {
    const health = { probePath: '/healthz', probeInterval: '100ms', failures: 1 };
    write({ ca: CA, serverName: SERVER_NAME, ...CLIENT }, 'auto', { health });
    const serving = await site.serve('gateway');
    const probed = once(upstream, 'request');
    await probed;
    expect((await ask(serving)).status).toBe(200);
    write({ ca: CA, ...CLIENT }, 'auto', { health });
    await serving.reload();
    await expect.poll(async () => (await ask(serving)).status).toBe(503);
  });

  it('is shown the certificate that a reload has renewed', async () => {
    const own = { cert: 'own.crt', key: 'own.key' };
    const put = (name: string) => {
      copyFileSync(inFiles(`${name}.crt`), join(site.folder, 'own.crt'));
      copyFileSync(inFiles(`${name}.key`), join(site.folder, 'own.key'));
    };
    put('client');
    write({ ca: CA, serverName: SERVER_NAME, ...own });
    const serving = await site.serve('gateway');
    expect((await ask(serving)).body).toContain('client asks');
    put('renewed');
    await serving.reload();
    expect((await ask(serving)).body).toContain('renewed asks');
    copyFileSync(inFiles('client.key'), join(site.folder, 'own.key'));
    expect(await serving.reload()).toEqual({
      applied: false,
      problems: [expect.stringContaining('forward.upstreams[0].tls: own.crt and own.key are no pair')],
    });
    expect((await ask(serving)).body).toContain('renewed asks');
  });

  it('is configured whole: half a pair, or TLS for a target without it, is a mistake', async () => {
    write({ cert: CLIENT.cert });
    await expect(site.serve()).rejects.toThrow('must name cert and key, or neither');
    origin = 'http://127.0.0.1:1';
    write({ ca: CA });
    await expect(site.serve()).rejects.toThrow('no target begins with https://');
  });
});
