/**
 * Upper bounds of the buckets of every duration, in seconds: fine where the gate's own work lies (a stage of
 * 5 µs is told from one of 10 or 20, and a p99 of 200 µs from one of 150 or 300), coarse up to a minute, which is where upstreams are given up.
 */
export const DURATION_BOUNDS: readonly number[] = [
  0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_15, 0.000_2, 0.000_3, 0.000_5, 0.001, 0.002, 0.005,
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
];

const BOUNDS_MS = Float64Array.from(DURATION_BOUNDS, (seconds) => seconds * 1000);

/** A request that shows what its bucket holds: where its trace is to be found. */
export interface Exemplar {
  readonly traceId: string;
  readonly seconds: number;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** One histogram as it stands. */
export interface DurationReading {
  /** By bucket, not summed up; the last is for what is longer than every bound. */
  readonly counts: readonly number[];
  readonly sumSeconds: number;
  readonly exemplars: readonly (Exemplar | undefined)[];
}

/**
 * Histograms of durations, one for each of a few series that are known beforehand. An observation adds to three
 * numbers in memory that is there already; a metric reads the sums when it is scraped.
 */
export class Durations {
  readonly #counts: Float64Array;
  readonly #sumsMs: Float64Array;
  readonly #exemplars: (Exemplar | undefined)[] = [];

  /** @param series how many histograms */
  constructor(series: number) {
    this.#counts = new Float64Array(series * (BOUNDS_MS.length + 1));
    this.#sumsMs = new Float64Array(series);
  }

  /** Adds one duration in milliseconds to a series. NaN, the time of what was never reached, adds nothing. */
  observe(series: number, ms: number): void {
    if (!(ms >= 0)) return;
    const place = placeOf(series, ms);
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#sumsMs[series] = (this.#sumsMs[series] ?? 0) + ms;
  }

  /** Makes a traced request the one that its bucket shows. @param at seconds since the epoch */
  exemplify(series: number, ms: number, traceId: string, at: number): void {
    if (!(ms >= 0)) return;
    this.#exemplars[placeOf(series, ms)] = { traceId, seconds: ms / 1000, at };
  }

  read(series: number): DurationReading {
    const from = placeOf(series, 0);
    const to = from + BOUNDS_MS.length + 1;
    return {
      counts: [...this.#counts.subarray(from, to)],
      sumSeconds: (this.#sumsMs[series] ?? 0) / 1000,
      exemplars: this.#exemplars.slice(from, to),
    };
  }
}

/** Where the bucket of a duration stands. */
function placeOf(series: number, ms: number): number {
  let bucket = 0;
  while (bucket < BOUNDS_MS.length && ms > (BOUNDS_MS[bucket] ?? 0)) bucket += 1;
  return series * (BOUNDS_MS.length + 1) + bucket;
}
