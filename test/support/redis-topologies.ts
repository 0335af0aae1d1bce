/** What tests of Sentinel and Cluster begin with: servers, and stores on them, which end with the test. */
import { Redis } from 'ioredis';
import { afterEach, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore, type RedisStore, type RedisStoreOptions } from '../../src/store/redis/store.ts';
import { type ClusterOptions, type RedisCluster, startCluster } from './redis-cluster.ts';
import { type Sentinels, startSentinels } from './redis-sentinel.ts';

// Servers agree in their own time, and a busy machine gives them little of it.
vi.setConfig({ testTimeout: 60_000 });

const endings: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Has something done when the test is over; what was begun last ends first. */
export function atTheEnd(end: () => Promise<unknown> | unknown): void {
  endings.push(end);
}

export async function aCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const cluster = await startCluster(options);
  atTheEnd(() => cluster.stop());
  return cluster;
}

export async function sentinels(): Promise<Sentinels> {
  const started = await startSentinels();
  atTheEnd(() => started.stop());
  return started;
}

/** A gateway's store, in real time, and what it says. */
export async function gateway(
  url: string,
  more: Partial<RedisStoreOptions> = {},
): Promise<{ readonly store: RedisStore; readonly log: readonly string[] }> {
  const log: string[] = [];
  const store = await openRedisStore({
    ...{ url, prefix: 'tg:', commandTimeoutMs: 500, clock: systemClock },
    onLog: (_, line) => log.push(line),
    ...more,
  });
  atTheEnd(() => store.close());
  return { store, log };
}

/** A client for what only a test does to a server. */
export function rawClient(url: string): Redis {
  const raw = new Redis(url);
  raw.on('error', () => {});
  atTheEnd(() => raw.disconnect());
  return raw;
}
