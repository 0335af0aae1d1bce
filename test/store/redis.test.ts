import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import type { Store } from '../../src/domain/store.ts';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeContract } from './contract.ts';
import type { Site } from './site.ts';

let server: RedisServer;
let raw: Redis;
beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
});
afterAll(async () => {
  raw.disconnect();
  await server.stop();
});

let sites = 0;
storeContract('the Redis store', async (): Promise<Site> => {
  const prefix = `site-${sites++}:`;
  const stores: Store[] = [];
  // The gateway's clocks are moved past the window with it. Its timers stand still.
  let skippedMs = 0;
  const standing = manualClock();
  const clock = {
    ...standing,
    now: () => standing.now() + skippedMs,
    monotonic: () => standing.monotonic() + skippedMs,
  };
  return {
    async open() {
      const options = { url: server.url, prefix, commandTimeoutMs: 5_000, clock };
      const store = await openRedisStore(options);
      stores.push(store);
      return store;
    },
    notice: () => {},
    now: redisTime,
    // Redis keeps the time here: instead of waiting for the end, the end is moved to now.
    async endWindow({ name, windowSeconds }) {
      skippedMs += windowSeconds * 1000;
      const key = windowKey(prefix, name);
      if ((await raw.exists(key)) === 1) await raw.hset(key, 'ends', await redisTime());
    },
    content: () => contentOf(prefix),
    async close() {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
});

async function redisTime(): Promise<number> {
  const [seconds, microseconds] = await raw.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** Every key under the prefix with all that it holds, as text. */
async function contentOf(prefix: string): Promise<string> {
  const lines: string[] = [];
  for (const key of (await raw.keys(`${prefix}*`)).sort()) {
    const type = await raw.type(key);
    if (type === 'hash') lines.push(key, JSON.stringify(await raw.hgetall(key)));
    else if (type === 'zset') lines.push(key, JSON.stringify(await raw.zrange(key, '0', '-1', 'WITHSCORES')));
    else if (type === 'stream') lines.push(key, JSON.stringify(await raw.xrange(key, '-', '+')));
    else if (type === 'list') lines.push(key, JSON.stringify(await raw.lrange(key, 0, -1)));
    else lines.push(key, (await raw.get(key)) ?? '');
  }
  return lines.join('\n');
}
