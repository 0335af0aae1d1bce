import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/** How many scripts Redis has run, which is how a gateway leases, gives back and notes use. */
export async function scriptCalls(redis: Redis): Promise<number> {
  return callsIn(await redis.info('commandstats'));
}

/** How many a second while nobody asks anything, measured for so many seconds. */
export async function idleCalls(redis: Redis, seconds: number): Promise<number> {
  const [before, since] = [await scriptCalls(redis), performance.now()];
  await setTimeout(seconds * 1000);
  return ((await scriptCalls(redis)) - before) / ((performance.now() - since) / 1000);
}

/** @param stats what INFO commandstats answers */
export function callsIn(stats: string): number {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
