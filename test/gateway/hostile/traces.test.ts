/**
 * What requests leave behind, in the log, the metrics, the store and at the upstream (B10–B13 of docs/threats.md).
 */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleGateway, type Gateway } from '../../../src/cli/assemble.ts';
import { parseConfig } from '../../../src/config/config.ts';
import type { Store } from '../../../src/domain/store.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { openRedisStore } from '../../../src/store/redis/store.ts';
import { createHealthServer } from '../../../src/telemetry/health-server.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { metricsOf } from '../../support/metrics.ts';
import { RawClient } from '../../support/raw-client.ts';
import { aToken, aUser } from '../../support/records.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { type StrictUpstream, startStrictUpstream } from '../../support/strict-upstream.ts';
import { head } from './attack.ts';

const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** A gateway as it is served, whose log is kept. */
interface Served {
  readonly gateway: Gateway;
  readonly port: number;
  readonly lines: string[];
  stop(): Promise<void>;
}

async function serve(store: Store, upstream: StrictUpstream): Promise<Served> {
  const lines: string[] = [];
  const config = parseConfig(
    `
    resolve: { schemes: [SSWS, Bearer], header: X-Api-Key, failures: null }
    endpoints:
      - { name: users, match: "* /api/v1/users/**", max: 1000000 }
      - { name: tight, match: "* /tight", max: 2 }
    log: { access: true }
    limit: { unmatched: { max: 1000000, window: 60s } }
    forward:
      upstreams:
        - { name: strict, targets: ["${upstream.origin}"], paths: [/] }
    `,
    {},
    'traces.yaml',
  );
  const log = createLog('debug', { write: (text) => void lines.push(...text.split(/(?<=\n)/)) });
  const gateway = await assembleGateway(config, store, systemClock, log);
  const { port } = await gateway.transport.listen(0, '127.0.0.1');
  return { gateway, port, lines, stop: () => gateway.stop(0) };
}

async function someone(store: Store, name = 'a token', login = 'ada@example.com') {
  const owner = aUser({ login, createdAt: Date.now() });
  const made = aToken(owner.id, { name, createdAt: Date.now() });
  await store.commit([
    { put: 'user', user: owner },
    { put: 'token', token: made.token },
  ]);
  return made;
}

/** Sends bytes over a connection of their own and returns every byte that comes back until it is closed. */
async function everythingBack(port: number, bytes: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.send(bytes);
  const all = await client.bytes(Number.POSITIVE_INFINITY);
  client.destroy();
  return all;
}

describe('the log', () => {
  it('is one line of JSON for each request, whatever its path, its headers and the names around it hold', async () => {
    const store = await openEmbeddedStore({ path: ':memory:', clock: systemClock });
    const upstream = await startStrictUpstream();
    const served = await serve(store, upstream);
    const evil = '\u001b[31m"}\r\n{"level":30,"msg":"forged","decision":"forwarded"}\u2028\u0000';
    const { secret } = await someone(store, evil, `${evil}@example.com`);
    const targets = [
      ...[
        '/%22%7D%7B',
        '/"}{"msg":"forged"}',
        "/'",
        '/%F0%9F%98%80',
        '/%C2%85',
        '/%E2%80%A8',
        '/<script>',
        '/$%7Bjndi:ldap:a%7D',
      ],
      ...[
        '/%1b%5b31m',
        '/a%0d%0aforged',
        '/a%00',
        `/${'a'.repeat(4_000)}`,
        '/?a="}{',
        '/__proto__',
        '/{"a":1}',
        '/`id`',
      ],
    ];
    const odd = ['User-Agent: \u0080\u009b31m"}{', 'Referer: {"msg":"forged"}', 'X-A: \u00ff\u00fe'];
    for (const target of targets) {
      const lines = [...odd, 'Connection: close'];
      await everythingBack(served.port, head(`GET ${target} HTTP/1.1`, secret, lines));
    }
    await everythingBack(served.port, 'garbage\u001b[31m\r\n\r\n');
    await everythingBack(served.port, head('GET / HTTP/1.1', '"}\u001b{', ['Connection: close']));

    await served.stop();
    await upstream.close();
    await store.close();

    const requests = served.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
    expect(requests).toHaveLength(targets.length + 2);
    for (const line of served.lines) {
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(/\p{Cc}|[\u2028\u2029]/u);
    }
    expect(served.lines.filter((line) => JSON.parse(line).msg === 'forged')).toEqual([]);
  });
});

describe('metrics', () => {
  it('stay few, whatever paths, methods, hosts and tokens are sent', async () => {
    const store = await openEmbeddedStore({ path: ':memory:', clock: systemClock });
    const upstream = await startStrictUpstream();
    const served = await serve(store, upstream);
    const { secret } = await someone(store);
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(served.port)));
    const ask = async (client: RawClient, at: number) => {
      const method = ['GET', 'POST', 'DELETE', 'OPTIONS'][at % 4] ?? '';
      const target = `/${['api/v1/users/', '', 'x/'][at % 3]}${at.toString(36)}?q=${at}`;
      const token = at % 2 === 0 ? secret : `random-${at}`;
      client.send(
        `${method} ${target} HTTP/1.1\r\nHost: h${at}.example.com\r\nAuthorization: SSWS ${token}\r\n\r\n`,
      );
      expect((await client.response(method))?.status).toBe(at % 2 === 0 ? 200 : 401);
    };
    const flood = (from: number, to: number) =>
      Promise.all(
        clients.map(async (client, of) => {
          for (let at = from + of; at < to; at += clients.length) await ask(client, at);
        }),
      );
    const seriesNow = async () =>
      (await metricsOf(served.gateway.metrics).metrics())
        .split('\n')
        // Node's own are not about requests, and begin to be when what they count first happens.
        .filter((line) => line !== '' && !/^(#|nodejs_)/.test(line))
        .map((line) => line.replace(/ \S+$/, ''));
    // Methods of a caller's own making, which close the connection.
    for (const method of ['FOO', 'BAR', 'PROPFIND'])
      await everythingBack(served.port, head(`${method} / HTTP/1.1`, secret));
    await flood(0, 500);
    const series = await seriesNow();
    await flood(500, 3_000);
    expect(await seriesNow()).toEqual(series);
    expect(series.length).toBeLessThan(2_000);
    for (const client of clients) client.destroy();

    const registry = metricsOf(served.gateway.metrics);
    const text = await registry.metrics();
    const endpoints = new Set([...text.matchAll(/endpoint="([^"]*)"/g)].map((match) => match[1]));
    expect(
      [...endpoints].filter((name) => !['users', 'tight', 'unmatched', 'none'].includes(name ?? '')),
    ).toEqual([]);
    await served.stop();
    await upstream.close();
    await store.close();
  });
});

/** A store that can be searched for a text: every byte that it wrote, or was told. */
interface Searchable {
  readonly store: Store;
  search(text: string): Promise<string[]>;
  close(): Promise<void>;
}

async function searchableFile(): Promise<Searchable> {
  const directory = mkdtempSync(join(tmpdir(), 'traces-'));
  const store = await openEmbeddedStore({ path: join(directory, 'tollgate.db'), clock: systemClock });
  return {
    store,
    search: async (text) =>
      readdirSync(directory).filter((name) => readFileSync(join(directory, name)).includes(text)),
    async close() {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function searchableRedis(): Promise<Searchable> {
  const server: RedisServer = await startRedis();
  const probe = new Redis(server.url);
  const monitor = await probe.monitor();
  const told: string[] = [];
  monitor.on('monitor', (_time: string, words: string[]) => told.push(words.join(' ')));
  const store = await openRedisStore({
    url: server.url,
    prefix: 'tg:',
    commandTimeoutMs: 2_000,
    clock: systemClock,
  });
  return {
    store,
    async search(text) {
      // What the server was told before this is in the monitor's stream when this has come through it.
      const marker = `marker-${told.length}`;
      await probe.echo(marker);
      while (!told.some((words) => words.includes(marker))) await once(monitor, 'monitor');
      const values: string[] = [];
      for (const key of await probe.keys('*'))
        values.push(key, (await probe.dumpBuffer(key))?.toString('latin1') ?? '');
      return [...told, ...values].filter((each) => each.includes(text));
    },
    async close() {
      await store.close();
      monitor.disconnect();
      probe.disconnect();
      await server.stop();
    },
  };
}

describe.each([
  ['one file', searchableFile],
  ['Redis', searchableRedis],
] as const)('a secret, with the store in %s', (_, open) => {
  let searchable: Searchable;
  let upstream: StrictUpstream;
  let served: Served;
  beforeAll(async () => {
    searchable = await open();
    upstream = await startStrictUpstream();
    served = await serve(searchable.store, upstream);
  });
  afterAll(async () => {
    await served.stop();
    await upstream.close();
    await searchable.close();
  });

  it('is found nowhere: not in the log, the metrics, the store, an answer, or at the upstream', async () => {
    const { token, secret } = await someone(searchable.store);
    const revoked = aToken(token.userId, { revokedAt: Date.now() });
    await searchable.store.commit([{ put: 'token', token: revoked.token }]);
    const unknown = aToken(token.userId).secret;
    const garbled = `${secret.slice(0, -1)}!`;
    const close = 'Connection: close';
    const line = 'GET /api/v1/users/me HTTP/1.1';
    let back = '';
    for (const canary of [secret, revoked.secret, unknown, garbled]) {
      for (const bytes of [
        head(line, canary, [close]),
        head(line, '', [close, `Authorization: Bearer ${canary}`]),
        head(line, '', [close, `X-Api-Key: ${canary}`]),
        head(line, '', [close, `Authorization: ${canary}`]),
        head(line, canary, [close, `X-Api-Key: ${canary}x`]),
        head(line, canary, [close, `Authorization: SSWS ${canary}`]),
        head(line, canary, [close, 'X_A: b']),
        head(line, canary, HANDSHAKE),
        head('GET /tight HTTP/1.1', canary, [close]),
        head('POST /a/../b HTTP/1.1', canary, [close]),
        head('BREW / HTTP/1.1', canary, [close]),
        head('GET / HTTP/9.9', canary, [close]),
        head(line, canary, [close, 'Content-Length: 1', 'Content-Length: 2']),
        head(line, canary, [close, `X-A: ${'a'.repeat(20_000)}`]),
        `${canary}\r\n\r\n`,
        `GET /?token=${canary} HTTP/9.9\r\n\r\n`,
        `GET / HTTP/1.1\r\n${canary}\r\n\r\n`,
      ]) {
        back += await everythingBack(served.port, bytes);
      }
    }
    upstream.answer = (_request, socket) => socket.destroy();
    back += await everythingBack(served.port, head(line, secret, [close]));
    const metrics = await metricsOf(served.gateway.metrics).metrics();
    await served.stop();
    const { lines } = served;
    served = await serve(searchable.store, upstream);

    const places = {
      log: lines.join(''),
      metrics,
      answers: back,
      upstream: JSON.stringify([upstream.requests, upstream.malformed]),
    };
    expect(back).toContain('HTTP/1.1 200 OK');
    expect(lines.filter((line) => line.includes(token.id)).length).toBeGreaterThan(0);
    expect(upstream.requests.length).toBeGreaterThan(0);
    for (const canary of [secret, revoked.secret, unknown, garbled]) {
      // The part that is random; what stands in front of it says only that it is a token.
      const core = canary.slice(4, 24);
      for (const [place, text] of Object.entries(places)) expect(text.includes(core), place).toBe(false);
      expect(await searchable.search(core)).toEqual([]);
    }
    // The search finds what is there: the hash is what the store knows the token by.
    expect(await searchable.search(token.id)).not.toEqual([]);
  });
});

describe('the port for machines', () => {
  it('serves no request of the gateway, and takes no input', async () => {
    const store = await openEmbeddedStore({ path: ':memory:', clock: systemClock });
    const upstream = await startStrictUpstream();
    const served = await serve(store, upstream);
    const { secret } = await someone(store);
    const health = createHealthServer({
      metrics: metricsOf(served.gateway.metrics),
      readiness: () => 'ready',
      components: {},
    });
    health.listen(0, '127.0.0.1');
    await once(health, 'listening');
    const { port } = health.address() as AddressInfo;
    for (const [request, status] of [
      ['GET /api/v1/users/me HTTP/1.1', 404],
      ['GET / HTTP/1.1', 404],
      ['GET /metrics/../api/v1/users HTTP/1.1', 404],
      ['GET //metrics HTTP/1.1', 404],
      ['GET http://api.example.com/api/v1/users HTTP/1.1', 404],
      ['POST /metrics HTTP/1.1', 405],
      ['DELETE /livez HTTP/1.1', 405],
      ['GET /livez HTTP/1.1', 200],
    ] as const) {
      const back = await everythingBack(port, head(request, secret, ['Connection: close']));
      expect(back.slice(0, 12), request).toBe(`HTTP/1.1 ${status}`);
    }
    expect(upstream.requests).toEqual([]);
    health.close();
    await served.stop();
    await upstream.close();
    await store.close();
  });
});
