/** The contract's site in a Redis: one server, or what serves a cluster. */
import type { Cluster, Redis } from 'ioredis';
import type { Store } from '../../src/domain/store.ts';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import type { Site } from './site.ts';

export interface RedisUnderTest {
  /** What stores are opened with. */
  readonly url: string;
  /** For what a test does to keys from outside. */
  readonly raw: Redis | Cluster;
  /** Every server that holds keys. */
  readonly servers: readonly Redis[];
  /** What the prefixes of sites begin with. */
  readonly name?: string;
}

let sites = 0;

/** Makes a site with a prefix of its own. */
export function redisSite({ url, raw, servers, name = 'site' }: RedisUnderTest): Site {
  const prefix = `${name}-${sites++}:`;
  const stores: Store[] = [];
  // The gateway's clocks are moved past the window with it. Its timers stand still, but for `second`.
  let skippedMs = 0;
  const standing = manualClock();
  const clock = {
    ...standing,
    now: () => standing.now() + skippedMs,
    monotonic: () => standing.monotonic() + skippedMs,
  };
  return {
    async open() {
      const store = await openRedisStore({ url, prefix, commandTimeoutMs: 5_000, clock });
      stores.push(store);
      return store;
    },
    notice: () => {},
    second: () => standing.advance(1_000),
    now: () => redisTime(raw),
    // Redis keeps the time here: instead of waiting for the end, the end is moved to now.
    async endWindow({ name, windowSeconds }) {
      skippedMs += windowSeconds * 1000;
      const key = windowKey(prefix, name);
      if ((await raw.exists(key)) === 1) await raw.hset(key, 'ends', await redisTime(raw));
    },
    async content() {
      const contents = await Promise.all(servers.map((server) => contentOf(server, prefix)));
      return contents.join('\n');
    },
    async close() {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

async function redisTime(raw: Redis | Cluster): Promise<number> {
  const [seconds, microseconds] = await raw.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** Every key under the prefix with all that it holds, as text. */
async function contentOf(raw: Redis, prefix: string): Promise<string> {
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
