import { spawnSync } from 'node:child_process';
import { mintSecret } from '../src/domain/secret.ts';
import { Child } from './child.ts';
import { type Effort, measure, type Sample, type Surroundings } from './measure.ts';
import type { LoadProcess } from './processes/load.ts';
import type { UpstreamProcess } from './processes/upstream.ts';
import type { Variant } from './variant.ts';

export interface Plan extends Effort {
  readonly variants: readonly Variant[];
  readonly rounds: number;
}

export interface Measured {
  readonly variant: Variant;
  /** One a round, in the order of the rounds. */
  readonly samples: readonly Sample[];
  /** Why there are none; null when there are. */
  readonly skipped: string | null;
}

/** Enough to see every variant work, and too little to learn anything from. */
export const SMOKE = {
  rounds: 1,
  connections: 4,
  warmUp: { requests: 4 },
  measured: { requests: 100 },
} as const satisfies Omit<Plan, 'variants'>;

/** What secrets begin with in the benchmark. */
export const SECRET_PREFIX = 'tg';

/**
 * Measures every variant once a round.
 * @param tell hears of each measurement, for people who wait
 */
export async function run(plan: Plan, tell: (line: string) => void): Promise<Measured[]> {
  const redisMissing =
    spawnSync(process.env['TEST_REDIS_SERVER'] ?? 'redis-server', ['--version']).status !== 0;
  const isSkipped = (variant: Variant) => variant.needsRedis && redisMissing;
  const samples = new Map<Variant, Sample[]>(plan.variants.map((variant) => [variant, []]));
  const upstream = Child.start<UpstreamProcess>(new URL('./processes/upstream.ts', import.meta.url));
  const load = Child.start<LoadProcess>(new URL('./processes/load.ts', import.meta.url));
  try {
    const upstreamOrigin = await upstream.ask('listen', undefined);
    const around: Surroundings = { upstream, upstreamOrigin, load, secret: mintSecret(SECRET_PREFIX) };
    for (let round = 1; round <= plan.rounds; round++) {
      for (const variant of inOrder(plan.variants, round)) {
        if (isSkipped(variant)) continue;
        const sample = await measure(variant, around, plan);
        samples.get(variant)?.push(sample);
        tell(`round ${round}: ${variant.name} ${sample.cpuMicroseconds.toFixed(1)} µs a request`);
      }
    }
  } finally {
    await Promise.all([upstream.end(), load.end()]);
  }
  return plan.variants.map((variant) => ({
    variant,
    samples: samples.get(variant) ?? [],
    skipped: isSkipped(variant) ? 'there is no redis-server on PATH' : null,
  }));
}

/** The order is reversed each round, so that a machine that grows slower or faster meanwhile favours nobody. */
export function inOrder<V>(variants: readonly V[], round: number): readonly V[] {
  return round % 2 === 1 ? variants : variants.toReversed();
}
