import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type Agent, type RequestOptions, request, Agent as TlsAgent } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Serving } from '../../src/cli/serve.ts';
import { authorization, createSite, type Settings, type Site, upstream } from './serving.ts';

const FILES = fileURLToPath(new URL('../support/tls/', import.meta.url));
const pem = (name: string) => readFileSync(join(FILES, name), 'utf8');
const ca = pem('ca.crt');

let site: Site;
let agents: Agent[];
let sessions: ClientHttp2Session[];
beforeEach(() => {
  site = createSite();
  agents = [];
  sessions = [];
  put('gateway');
});
afterEach(async () => {
  for (const agent of agents) agent.destroy();
  for (const session of sessions) session.destroy();
  await site.close();
});

/** Puts a certificate and a key where the configuration names them. */
function put(name: string, key = name): void {
  copyFileSync(join(FILES, `${name}.crt`), join(site.folder, 'tls.crt'));
  copyFileSync(join(FILES, `${key}.key`), join(site.folder, 'tls.key'));
}

function write(tls: Settings[string] = {}, listen: Settings[string] = {}): void {
  const files = { certificates: ['tls.crt'], keys: ['tls.key'] };
  site.write({ listen: { ...listen, tls: { ...files, ...tls } }, forward: upstream('builtin:echo') });
}

interface Answer {
  readonly status: number;
  readonly body: string;
  /** The common name of the certificate that the gateway showed. */
  readonly shown: string;
  readonly port: number;
}

function ask(port: number | undefined, path: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      path,
      ca,
      headers: { authorization },
      servername: 'gateway.example.com',
      agent: false,
      ...options,
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const socket = response.socket as TLSSocket;
      const shown = String(socket.getPeerCertificate().subject.CN);
      const local = socket.localPort ?? 0;
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body, shown, port: local }));
    });
    sent.end();
  });
}

function keptAlive(): Agent {
  const agent = new TlsAgent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  return agent;
}

describe.each(['auto', 'general'])('TLS on the listeners, with listen.transport %s', (transport) => {
  it('carries requests, tells the upstream https, and keeps the connection', async () => {
    write({}, { transport });
    const { proxy } = await site.serve('gateway');
    const agent = keptAlive();
    const answers: Answer[] = [];
    for (const path of ['/one', '/two', '/three']) answers.push(await ask(proxy?.port, path, { agent }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ port }) => port)).size).toBe(1);
    expect(answers[0]?.body).toContain('"x-forwarded-proto": "https"');
  });

  it('carries what the fast transport hands over, on the same connection: chunks, and what is refused', async () => {
    write({}, { transport });
    const { proxy } = await site.serve('gateway');
    const socket = connect({ host: '127.0.0.1', port: proxy?.port ?? 0, ca, servername: 'localhost' });
    let received = '';
    socket.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    const over = new Promise((resolve) => socket.once('close', resolve));
    const head = (line: string) =>
      `${line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n`;
    socket.write(`${head('GET /plain')}\r\n`);
    await expect.poll(() => received.split('HTTP/1.1 200').length).toBe(2);
    socket.write(`${head('POST /chunks')}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    await expect.poll(() => received.split('HTTP/1.1 200').length).toBe(3);
    socket.write(`${head('GET /a/../b')}\r\n${head('GET /not-read')}\r\n`);
    await expect.poll(() => received).toContain('HTTP/1.1 400');
    socket.end();
    await over;
  });

  it('carries WebSockets', async () => {
    write({}, { transport });
    const { proxy } = await site.serve('gateway');
    // The built-in upstream speaks no WebSocket: it answers the handshake, which is what the client then says.
    const socket = new WebSocket(`wss://127.0.0.1:${proxy?.port}/`, [], {
      headers: { authorization },
      ca,
    });
    const failed = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(failed.message).toContain('200');
  });
});

describe('HTTP/2', () => {
  const speak = (port: number | undefined) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'gateway.example.com' });
    sessions.push(session);
    return session;
  };

  it.each(['auto', 'general'])(
    'is spoken with listen.http2, beside HTTP/1.1, over listen.transport %s',
    async (transport) => {
      write({}, { transport, http2: true });
      const { proxy } = await site.serve('gateway');
      const stream = speak(proxy?.port).request({ ':method': 'POST', ':path': '/x', authorization });
      stream.end('hello');
      let body = '';
      for await (const text of stream.setEncoding('utf8')) body += text;
      expect(stream.rstCode).toBe(0);
      expect(body).toContain('"x-forwarded-proto": "https"');
      expect((await ask(proxy?.port, '/x')).status).toBe(200);
    },
  );

  it('is not spoken unless it is switched on, and cannot be switched on where the port is plain', async () => {
    write();
    const { proxy } = await site.serve('gateway');
    const [error] = await once(speak(proxy?.port), 'error');
    expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
    write({ listeners: ['admin'] }, { http2: true });
    await expect(site.serve('gateway')).rejects.toThrow('listen.http2: must be false');
  });
});

describe('certificates', () => {
  it('are renewed by a reload: connections stay, and the next one is shown the new certificate', async () => {
    write();
    const serving = await site.serve();
    const agent = keptAlive();
    const before = await ask(serving.proxy?.port, '/x', { agent });
    put('renewed');
    expect(await serving.reload()).toMatchObject({ applied: true });
    const kept = await ask(serving.proxy?.port, '/x', { agent });
    const after = await ask(serving.proxy?.port, '/x');
    const admin = await ask(serving.admin?.port, '/api/v1/users/me');
    expect([before.shown, kept.shown, after.shown, admin.shown]).toEqual([
      'gateway',
      'gateway',
      'renewed',
      'renewed',
    ]);
    expect(kept.port).toBe(before.port);
  });

  it('tell in the metrics when each ends that is shown since the last reload, by its place', async () => {
    const endOf = (name: string) => new X509Certificate(pem(`${name}.crt`)).validToDate.getTime() / 1000;
    const two = {
      certificates: ['tls.crt', join(FILES, 'other.crt')],
      keys: ['tls.key', join(FILES, 'other.key')],
    };
    write({ ...two, listeners: ['proxy'] });
    const serving = await site.serve('gateway');
    const ends = async () => {
      const text = await (await fetch(`http://127.0.0.1:${serving.metrics?.port}/metrics`)).text();
      const lines = text.matchAll(/^tollgate_certificate_expiry_timestamp_seconds(.+) (.+)$/gm);
      return [...lines].map(([, labels, value]) => [labels, Number(value)]);
    };
    const first = ['{certificate="0"}', endOf('gateway')];
    expect(await ends()).toEqual([first, ['{certificate="1"}', endOf('other')]]);
    write({ listeners: ['proxy'] });
    expect(await serving.reload()).toMatchObject({ applied: true });
    expect(await ends()).toEqual([first]);
  });

  it.each([
    ['a key that belongs to another', () => put('renewed', 'gateway'), 'are no pair'],
    ['no certificate', () => copyFileSync(join(FILES, 'make.sh'), join(site.folder, 'tls.crt')), 'as PEM'],
    [
      'no key',
      () => copyFileSync(join(FILES, 'make.sh'), join(site.folder, 'tls.key')),
      'a private key as PEM',
    ],
  ])('with %s are refused, and the ones before stay', async (_what, spoil, reason) => {
    write();
    const serving = await site.serve('gateway');
    spoil();
    expect(await serving.reload()).toEqual({ applied: false, problems: [expect.stringContaining(reason)] });
    expect((await ask(serving.proxy?.port, '/x')).shown).toBe('gateway');
    put('renewed');
    await serving.reload();
    expect((await ask(serving.proxy?.port, '/x')).shown).toBe('renewed');
  });

  it('that are wrong at the start keep the process from starting, and say what to do', async () => {
    put('renewed', 'gateway');
    write();
    await expect(site.serve()).rejects.toThrow('listen.tls.certificates[0]: tls.crt and tls.key are no pair');
    write({ keys: [] });
    await expect(site.serve()).rejects.toThrow('listen.tls.keys: must hold one file for each');
    write({ clientCertificates: 'required' });
    await expect(site.serve()).rejects.toThrow('listen.tls.clientCa: must name the authorities');
  });

  it('are chosen by the name that the client asks for; an unknown name gets the first', async () => {
    write({
      certificates: ['tls.crt', join(FILES, 'other.crt')],
      keys: ['tls.key', join(FILES, 'other.key')],
    });
    const { proxy } = await site.serve('gateway');
    const shown = async (servername: string) =>
      (await ask(proxy?.port, '/x', { servername, checkServerIdentity: () => undefined })).shown;
    expect(await shown('api.other.example.com')).toBe('other');
    expect(await shown('gateway.example.com')).toBe('gateway');
    expect(await shown('nobody.example.com')).toBe('gateway');
  });
});

describe('listeners', () => {
  it('speak TLS where they are told to; the others stay plain', async () => {
    write({ listeners: ['metrics'] });
    const { metrics, proxy } = await site.serve();
    expect((await ask(metrics?.port, '/livez')).body).toBe('ok\n');
    const plain = await fetch(`http://127.0.0.1:${proxy?.port}/x`, { headers: { authorization } });
    expect(await plain.text()).toContain('"x-forwarded-proto": "http"');
  });

  it('link with https on the management API', async () => {
    write();
    const { admin } = await site.serve();
    const { body } = await ask(admin?.port, '/api/v1/users/me');
    expect(body).toContain(`https://127.0.0.1:${admin?.port}/api/v1/users/`);
  });

  it('close a connection that does not speak TLS, and one that speaks an older version', async () => {
    write({ minVersion: 'TLSv1.3' });
    const { proxy } = await site.serve('gateway');
    await expect(fetch(`http://127.0.0.1:${proxy?.port}/x`)).rejects.toThrow();
    await expect(ask(proxy?.port, '/x', { maxVersion: 'TLSv1.2' })).rejects.toThrow(/version|alert/);
    expect((await ask(proxy?.port, '/x')).status).toBe(200);
  });

  it('cannot be switched to or from TLS by a reload', async () => {
    write();
    const serving: Serving = await site.serve('gateway');
    write({ certificates: [], keys: [] });
    expect(await serving.reload()).toEqual({
      applied: false,
      problems: ['listen.tls.certificates: to switch TLS on or off needs a restart'],
    });
    expect((await ask(serving.proxy?.port, '/x')).status).toBe(200);
  });
});

describe('client certificates', () => {
  const clientCa = join(FILES, 'ca.crt');
  const shows = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });

  it('that are required are asked for before any request is read', async () => {
    write({ clientCa, clientCertificates: 'required' });
    const { proxy, admin } = await site.serve();
    for (const port of [proxy?.port, admin?.port]) {
      expect((await ask(port, '/api/v1/users/me', shows('client'))).status).toBe(200);
      await expect(ask(port, '/api/v1/users/me')).rejects.toThrow();
      await expect(ask(port, '/api/v1/users/me', shows('stranger'))).rejects.toThrow();
    }
  });

  it('that are optional may be left out, but must be good where they are shown', async () => {
    write({ clientCa, clientCertificates: 'optional' });
    const { proxy } = await site.serve('gateway');
    expect((await ask(proxy?.port, '/x')).status).toBe(200);
    expect((await ask(proxy?.port, '/x', shows('client'))).status).toBe(200);
    await expect(ask(proxy?.port, '/x', shows('stranger'))).rejects.toThrow();
    // A connection that is to be kept is another transport's.
    const stranger = { ...shows('stranger'), agent: keptAlive() };
    await expect(ask(proxy?.port, '/x', stranger)).rejects.toThrow();
  });
});
