import { type RejectionCode, rejectionRow } from '../domain/rejection.ts';
import { Durations } from './durations.ts';
import { PairCounts } from './pair-counts.ts';

/** When a request passed from stage to stage; the gateway's `StageTimes`. Milliseconds of a monotonic clock, or NaN. */
export interface Times {
  readonly began: number;
  readonly resolved: number;
  readonly zoned: number;
  readonly limited: number;
  readonly answered: number;
}

/** What the metrics need of an exchange's end; the gateway's `Outcome` has it all. */
export interface MeasuredEnd {
  readonly arrival: { readonly times: Times } | null;
  readonly decision: 'forwarded' | RejectionCode;
  readonly permit: unknown;
  readonly upstream: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly tries: number;
}

/** The stages that are timed, in the order of their series; `gate` is resolve, zone and limit, `whole` everything. */
export const TIMED_STAGES = ['resolve', 'zone', 'limit', 'gate', 'forward', 'whole'] as const;
const [RESOLVE, ZONE, LIMIT, GATE, FORWARD, WHOLE] = [0, 1, 2, 3, 4, 5] as const;

/** What is counted and timed of every request. */
export class RequestMeasures {
  /** By endpoint and decision. */
  readonly decisions = new PairCounts();
  readonly stages = new Durations(TIMED_STAGES.length);
  /** By the name of the upstream. */
  readonly upstreams = new Map<string, Durations>();
  /** Requests that an upstream failed, by its name and the code of the refusal. */
  readonly upstreamErrors = new PairCounts();
  /** Further tries, by upstream; the second label is not used. */
  readonly retries = new PairCounts();
  bytesIn = 0;
  bytesOut = 0;

  /** Makes series for these upstreams. Others are not timed. */
  know(upstreams: readonly string[]): void {
    for (const name of upstreams) if (!this.upstreams.has(name)) this.upstreams.set(name, new Durations(1));
  }

  /**
   * @param endpoint the name of the endpoint, or `none` for a request refused before it was known
   * @param now when the request was over, in milliseconds of the clock of its times
   */
  measure(end: MeasuredEnd, endpoint: string, now: number): void {
    this.decisions.count(endpoint, end.decision);
    this.bytesIn += end.bytesIn;
    this.bytesOut += end.bytesOut;
    if (end.arrival !== null) this.#time(end.arrival.times, end.permit !== null, now);
    if (end.upstream !== null) this.#measureUpstream(end, end.upstream);
  }

  /**
   * Makes a traced request the one that the buckets of its stages show.
   * @param now when it was over, in milliseconds of the clock of its times
   * @param at the same in seconds since the epoch
   */
  exemplify(times: Times, permitted: boolean, now: number, traceId: string, at: number): void {
    const { stages } = this;
    const { began, resolved, zoned, limited } = times;
    stages.exemplify(RESOLVE, resolved - began, traceId, at);
    stages.exemplify(ZONE, zoned - resolved, traceId, at);
    stages.exemplify(LIMIT, limited - zoned, traceId, at);
    stages.exemplify(GATE, decidedAt(times) - began, traceId, at);
    if (permitted) stages.exemplify(FORWARD, now - limited, traceId, at);
    stages.exemplify(WHOLE, now - began, traceId, at);
  }

  #time(times: Times, permitted: boolean, now: number): void {
    const { stages } = this;
    const { began, resolved, zoned, limited } = times;
    stages.observe(RESOLVE, resolved - began);
    stages.observe(ZONE, zoned - resolved);
    stages.observe(LIMIT, limited - zoned);
    stages.observe(GATE, decidedAt(times) - began);
    if (permitted) stages.observe(FORWARD, now - limited);
    stages.observe(WHOLE, now - began);
  }

  #measureUpstream({ arrival, decision, tries }: MeasuredEnd, upstream: string): void {
    if (arrival !== null) {
      const { answered, limited } = arrival.times;
      this.upstreams.get(upstream)?.observe(0, answered - limited);
    }
    if (decision !== 'forwarded' && rejectionRow(decision).source === 'upstream') {
      this.upstreamErrors.count(upstream, decision);
    }
    if (tries > 1) this.retries.count(upstream, '', tries - 1);
  }
}

/** When the gate's answer was there, whichever stage gave it; NaN when none did. */
export function decidedAt({ resolved, zoned, limited }: Times): number {
  if (limited >= 0) return limited;
  return zoned >= 0 ? zoned : resolved;
}
