import type { Sample } from './measure.ts';
import type { Measured, Plan } from './run.ts';

/** A row of the table: plain data, as it is written to the file. */
export interface Row {
  readonly name: string;
  readonly does: string;
  readonly addsTo: string | null;
  /** Why it was not measured; null when it was. */
  readonly skipped: string | null;
  readonly samples: readonly Sample[];
  /** The median of each figure by itself; null without samples. */
  readonly median: Sample | null;
  /**
   * What the row costs more than the one it adds to: the median of the rounds' differences, in microseconds of
   * processor time a request. A round's two samples lie close together, so what the machine does meanwhile cancels.
   */
  readonly priceMicroseconds: number | null;
}

export interface Report {
  readonly takenAt: string;
  readonly machine: string;
  readonly effort: string;
  readonly rows: readonly Row[];
}

export function makeReport(measured: readonly Measured[], plan: Plan, machine: string): Report {
  const { rounds, connections, warmUp, measured: extent } = plan;
  const length = 'seconds' in extent ? `${extent.seconds} s` : `${extent.requests} requests`;
  const before = 'seconds' in warmUp ? `${warmUp.seconds} s` : `${warmUp.requests} requests`;
  return {
    takenAt: new Date().toISOString(),
    machine,
    effort: `${connections} connections, ${rounds} rounds of ${length} after ${before} of warm-up`,
    rows: measured.map((each) => makeRow(each, measured)),
  };
}

function makeRow({ variant, samples, skipped }: Measured, all: readonly Measured[]): Row {
  const { name, does, addsTo } = variant;
  const base = all.find((other) => other.variant.name === addsTo)?.samples ?? [];
  return {
    name,
    does,
    addsTo,
    skipped,
    samples,
    median: samples.length === 0 ? null : medianSample(samples),
    priceMicroseconds: price(samples, base),
  };
}

function price(samples: readonly Sample[], base: readonly Sample[]): number | null {
  const differences = samples.flatMap(({ cpuMicroseconds }, round) => {
    const below = base[round];
    return below === undefined ? [] : [cpuMicroseconds - below.cpuMicroseconds];
  });
  return differences.length === 0 ? null : median(differences);
}

function medianSample(samples: readonly Sample[]): Sample {
  const of = (figure: keyof Sample) => median(samples.map((sample) => sample[figure]));
  return {
    requests: of('requests'),
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    cpuMicroseconds: of('cpuMicroseconds'),
  };
}

/** The middle value; of an even number of values the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
