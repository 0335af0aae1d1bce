import type { Redis } from 'ioredis';

/** How many scripts Redis has run, which is how a gateway leases, gives back and notes use. */
export async function scriptCalls(redis: Redis): Promise<number> {
  return callsIn(await redis.info('commandstats'));
}

/** @param stats what INFO commandstats answers */
export function callsIn(stats: string): number {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
