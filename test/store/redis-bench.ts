/** What the tests of the Redis store's failures share: a server of their own, a store on it, and its log. */
import { Redis } from 'ioredis';
import { afterEach } from 'vitest';
import { openRedisStore, type RedisStore, type RedisStoreOptions } from '../../src/store/redis/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../support/redis-server.ts';
import { Waiters } from './ear.ts';

export interface Opened {
  readonly store: RedisStore;
  readonly clock: ManualClock;
  /** What the store logged, one line each. */
  readonly log: readonly string[];
  /** Resolves once a line that matches was logged after the first `skip` lines. */
  logged(line: RegExp, skip?: number): Promise<void>;
}

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A server that ends with the test. */
export async function aServer(options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  endings.push(() => server.stop());
  return server;
}

/** A store that is closed with the test. */
export async function open(
  url: string,
  commandTimeoutMs = 5_000,
  more: Partial<RedisStoreOptions> = {},
): Promise<Opened> {
  const clock = manualClock();
  const log: string[] = [];
  const waiters = new Waiters();
  const onLog = (_: string, line: string) => {
    log.push(line);
    waiters.happened();
  };
  const store = await openRedisStore({ url, prefix: 'tg:', commandTimeoutMs, clock, onLog, ...more });
  endings.push(() => store.close());
  const logged = (line: RegExp, skip = 0) =>
    waiters.until(() => log.slice(skip).some((each) => line.test(each)));
  return { store, clock, log, logged };
}

/** A client for what only a test does to a server. */
export function rawClient(url: string): Redis {
  const raw = new Redis(url);
  raw.on('error', () => {});
  endings.push(() => raw.disconnect());
  return raw;
}
