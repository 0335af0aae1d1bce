import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../../bench/child.ts';
import { listenOnLoopback } from '../../bench/listen.ts';
import type { GatewayProcess } from '../../bench/processes/gateway.ts';
import { PATH, requestHeaders } from '../../bench/request.ts';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const secret = mintSecret('tg');
const OUTSIDE = '198.51.100.1';

/** What a row does with a good token, with an unknown one, and with a good one from elsewhere; and whether it counts. */
const ROWS = [
  { name: 'general', good: 200, unknown: 200, outside: 200, counts: false },
  { name: 'transport', good: 200, unknown: 200, outside: 200, counts: false },
  { name: 'resolve', good: 200, unknown: 401, outside: 200, counts: false },
  { name: 'zone', good: 200, unknown: 401, outside: 403, counts: false },
  { name: 'limit', good: 200, unknown: 401, outside: 403, counts: true },
  { name: 'account', good: 200, unknown: 401, outside: 403, counts: true },
  { name: 'redis', good: 200, unknown: 401, outside: 403, counts: true },
] as const;

// One process for all, which a measurement never has, because starting one takes longer than the tests.
const child = Child.start<GatewayProcess>(new URL('../../bench/processes/gateway.ts', import.meta.url));
const upstream = createServer((_, response) => response.end('{}'));
const root = mkdtempSync(path.join(tmpdir(), 'tollgate-bench-test-'));
let redis: RedisServer;
let upstreamOrigin = '';

beforeAll(async () => {
  redis = await startRedis();
  upstreamOrigin = await listenOnLoopback(upstream);
});
afterAll(async () => {
  await child.end();
  await redis.stop();
  upstream.close().closeAllConnections();
  rmSync(root, { recursive: true });
});

describe.each(ROWS)('the row $name of the benchmark', ({ name, good, unknown, outside, counts }) => {
  const folder = path.join(root, name);
  let origin = '';
  const ask = (headers: Record<string, string>) => fetch(origin + PATH, { headers });

  beforeAll(async () => {
    const setting = { upstream: upstreamOrigin, secret, folder, redis: name === 'redis' ? redis.url : null };
    origin = await child.ask('start', { name, setting });
  });

  it(`answers ${good} with its token, ${unknown} with an unknown one, ${outside} outside its zone`, async () => {
    const headers = requestHeaders(secret);
    const statuses = [
      (await ask(headers)).status,
      (await ask(requestHeaders(mintSecret('tg')))).status,
      (await ask({ ...headers, 'X-Forwarded-For': OUTSIDE })).status,
    ];
    expect(statuses).toEqual([good, unknown, outside]);
  });

  it(counts ? 'counts each request against its budget' : 'counts nothing', async () => {
    const remaining = async () => (await ask(requestHeaders(secret))).headers.get('x-rate-limit-remaining');
    const [first, second] = [await remaining(), await remaining()];
    if (counts) expect(Number(first) - Number(second)).toBe(1);
    else expect([first, second]).toEqual([null, null]);
  });

  if (name === 'account') {
    it('notes the last use of its token in the store', async () => {
      const store = await openEmbeddedStore({ path: path.join(folder, 'tollgate.db'), clock: systemClock });
      const lastUse = async () => (await store.findByHash(secretIndex(secret, null)))?.token.lastUsedAt;
      await expect.poll(lastUse).toBeTypeOf('number');
      await store.close();
    });
  }

  if (name === 'redis') {
    it('counts in Redis', async () => {
      const client = new Redis(redis.url);
      const leased = () => client.hget(windowKey('tg:', '/api/v1/users/{id:.+}'), 'all');
      // The requests of the tests above that were admitted; what was leased beyond them is given back.
      await expect.poll(leased).toBe('3');
      await client.quit();
    });
  }
});
