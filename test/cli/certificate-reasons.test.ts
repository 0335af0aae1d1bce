/** Why an upstream's certificate was refused, as the access log tells it. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../support/tollgate-process.ts';

const files = join(import.meta.dirname, '../support/tls');
const file = (name: string) => join(files, name);
const pem = (name: string) => readFileSync(file(name), 'utf8');
const Authorization = `SSWS ${BOOTSTRAP_SECRET}`;

/** What is wrong, by the name of the upstream and of its path: what it is held to, and the reason. */
const WRONG: Readonly<Record<string, readonly [tls: object, reason: RegExp]>> = {
  'no-authority': [{ serverName: 'upstream.example.com' }, /^SELF_SIGNED_CERT_IN_CHAIN$/],
  'other-authority': [
    { ca: file('stranger-ca.crt'), serverName: 'upstream.example.com' },
    /^SELF_SIGNED_CERT_IN_CHAIN$/,
  ],
  'other-name': [{ ca: file('ca.crt'), serverName: 'other.example.com' }, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
};

/** The upstream that is shown no certificate of ours, and wants one. */
const NOT_SHOWN = 'not-shown';

let folder: string;
let upstream: Server;
/** Refuses whoever shows no certificate as OpenSSL does: by an alert, which Node's own server does not send. */
let strict: RedisServer;
let tollgate: TollgateProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-reasons-'));
  upstream = createServer({
    cert: pem('upstream.crt'),
    key: pem('upstream.key'),
    ca: pem('ca.crt'),
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const targets = [`https://127.0.0.1:${(upstream.address() as AddressInfo).port}`];
  const plain = { name: 'plain', targets: ['http://127.0.0.1:9'], paths: ['/plain'] };
  const upstreams = Object.entries(WRONG).map(([name, [tls]]) => ({
    name,
    targets,
    tls,
    paths: [`/${name}`],
  }));
  strict = await startRedis({ tls: true });
  upstreams.push({
    name: NOT_SHOWN,
    targets: [strict.url.replace('rediss:', 'https:')],
    tls: { ca: file('ca.crt') },
    paths: [`/${NOT_SHOWN}`],
  });
  tollgate = await new TollgateProcess(
    JSON.stringify({
      store: { kind: 'embedded', path: join(folder, 'tollgate.db') },
      listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
      forward: { upstreams: [plain, ...upstreams] },
      log: { access: true },
    }),
  ).ready();
});
afterAll(async () => {
  await tollgate.kill();
  upstream.closeAllConnections();
  upstream.close();
  await strict.stop();
  rmSync(folder, { recursive: true });
});

/** How a request is carried. */
const CARRIED: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  'the fast transport': (path) => fetch(`${tollgate.proxy}${path}`, { headers: { Authorization } }),
  // Left to it by the fast one.
  'the general transport': async (path) => {
    const sent = request(`${tollgate.proxy}${path}`, { headers: { Authorization, Expect: '100-continue' } });
    const answered = once(sent, 'response');
    sent.end();
    const [response]: IncomingMessage[] = await answered;
    response?.resume();
  },
  'a WebSocket': (path) => {
    const url = `${tollgate.proxy}${path}`.replace('http', 'ws');
    return once(new WebSocket(url, { headers: { Authorization } }), 'error');
  },
};

const rows = Object.keys(CARRIED).flatMap((by) => Object.keys(WRONG).map((name) => [by, name] as const));
it.each(rows)('a request by %s, of an upstream with %s, is a line with the reason', async (by, name) => {
  const path = `/${name}/${rows.findIndex((row) => row[0] === by)}`;
  await CARRIED[by]?.(path);
  const line = () => tollgate.log('request').find((each) => each.path === path);
  await expect.poll(line).toMatchObject({
    decision: 'forward.certificate',
    reason: expect.stringMatching(WRONG[name]?.[1] ?? ''),
  });
});

it.each(Object.keys(CARRIED))('a request by %s, of an upstream that refuses ours, is one too', async (by) => {
  const path = `/${NOT_SHOWN}/${by.replaceAll(' ', '-')}`;
  await CARRIED[by]?.(path);
  const line = () => tollgate.log('request').find((each) => each.path === path);
  await expect.poll(line).toMatchObject({
    decision: 'forward.certificate',
    reason: expect.stringContaining('ALERT_CERTIFICATE_REQUIRED'),
  });
});

it('a request that fails otherwise has no reason', async () => {
  await fetch(`${tollgate.proxy}/plain`, { headers: { Authorization } });
  const line = () => tollgate.log('request').find((each) => each.path === '/plain');
  await expect.poll(line).toMatchObject({ decision: 'forward.connect', reason: null });
});
