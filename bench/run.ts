import { spawnSync } from 'node:child_process';
import { mintSecret } from '../src/domain/secret.ts';
import { Child } from './child.ts';
import { RunningVariant, type Surroundings, type Turn } from './measure.ts';
import type { Extent, LoadProcess } from './processes/load.ts';
import type { UpstreamProcess } from './processes/upstream.ts';
import type { Variant } from './variant.ts';

export interface Plan {
  readonly variants: readonly Variant[];
  /** Each begins with fresh processes. */
  readonly rounds: number;
  /** How often each variant is measured in a round. */
  readonly turns: number;
  readonly turn: Extent;
  /** What each process is asked before it is measured, so that code is compiled and caches are filled. */
  readonly warmUp: Extent;
  readonly connections: number;
}

export interface Measured {
  readonly variant: Variant;
  /** The turns of each round. */
  readonly rounds: readonly (readonly Turn[])[];
  /** Why there are none; null when there are. */
  readonly skipped: string | null;
}

/** Enough to see every variant work, and too little to learn anything from. */
export const SMOKE = {
  rounds: 1,
  turns: 1,
  turn: { requests: 100 },
  warmUp: { requests: 4 },
  connections: 4,
} as const satisfies Omit<Plan, 'variants'>;

/** What secrets begin with in the benchmark. */
const SECRET_PREFIX = 'tg';

/**
 * Measures every variant. In a round all of them are alive, each in a fresh process, and take short turns: what else
 * the machine does meanwhile lasts longer than a turn, and so touches all alike.
 * @param tell hears of each round, for people who wait
 */
export async function run(plan: Plan, tell: (line: string) => void): Promise<Measured[]> {
  const redisServer = process.env['TEST_REDIS_SERVER'] ?? 'redis-server';
  const redisMissing = spawnSync(redisServer, ['--version']).status !== 0;
  const isSkipped = (variant: Variant) => variant.needsRedis && redisMissing;
  const variants = plan.variants.filter((variant) => !isSkipped(variant));
  const rounds: Map<Variant, Turn[]>[] = [];
  const upstream = Child.start<UpstreamProcess>(new URL('./processes/upstream.ts', import.meta.url));
  const load = Child.start<LoadProcess>(new URL('./processes/load.ts', import.meta.url));
  try {
    const upstreamOrigin = await upstream.ask('listen', undefined);
    const { connections } = plan;
    const around = { upstream, upstreamOrigin, load, secret: mintSecret(SECRET_PREFIX), connections };
    for (let round = 1; round <= plan.rounds; round++) {
      rounds.push(await runRound(inOrder(variants, round), plan, around));
      tell(`round ${round} of ${plan.rounds} is over`);
    }
  } finally {
    await Promise.all([upstream.end(), load.end()]);
  }
  return plan.variants.map((variant) => ({
    variant,
    rounds: isSkipped(variant) ? [] : rounds.map((round) => round.get(variant) ?? []),
    skipped: isSkipped(variant) ? 'there is no redis-server on PATH' : null,
  }));
}

async function runRound(
  variants: readonly Variant[],
  { turns, turn, warmUp }: Plan,
  around: Surroundings,
): Promise<Map<Variant, Turn[]>> {
  const starts = variants.map((variant) => RunningVariant.start(variant, around));
  const measured = new Map<Variant, Turn[]>(variants.map((variant) => [variant, []]));
  try {
    const running = await Promise.all(starts);
    for (const each of running) await each.turn(warmUp);
    for (let number = 1; number <= turns; number++) {
      for (const each of inOrder(running, number)) measured.get(each.variant)?.push(await each.turn(turn));
    }
    return measured;
  } finally {
    const started = await Promise.allSettled(starts);
    await Promise.all(started.map((start) => (start.status === 'fulfilled' ? start.value.end() : null)));
  }
}

/** The order is reversed each time, so that a machine that grows slower or faster meanwhile favours nobody. */
export function inOrder<V>(variants: readonly V[], time: number): readonly V[] {
  return time % 2 === 1 ? variants : variants.toReversed();
}
