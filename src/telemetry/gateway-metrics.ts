import { type Declare, type Sample, single } from './declare.ts';
import type { Durations } from './durations.ts';
import type { PairCounts } from './pair-counts.ts';
import { type RequestMeasures, TIMED_STAGES } from './request-measures.ts';

/** What the metrics of a gateway read. */
export interface GatewaySources {
  readonly requests: RequestMeasures;
  readonly underway: () => number;
  readonly openConnections: () => number;
  /** How many connections came, by the kind of their peer. */
  readonly peers: Readonly<Record<string, number>>;
  /** Every target with its health. */
  readonly targets: () => readonly { readonly upstream: string; readonly health: string }[];
  /** Answers of the token cache by kind. */
  readonly lookups: Readonly<Record<string, number>>;
  readonly cachedTokens: () => number;
  /** How long changes had been committed when this gateway acted on them: one series. */
  readonly changeLag: Durations;
  /** Whether the breaker in front of the store is open, by stage. */
  readonly storeAway: Readonly<Record<'resolve' | 'limit', () => boolean>>;
  /** Null where budgets are not leased. */
  readonly leases: LeaseSums | null;
  readonly usage: Queue & { readonly droppedCounts: number };
  readonly events: Queue;
  /** Null where requests are not traced. */
  readonly traces: Pick<Queue, 'dropped'> | null;
}

/** The sums of the domain's `LeaseCounts`. */
export interface LeaseSums {
  readonly asked: number;
  readonly failed: number;
  readonly granted: number;
  readonly returned: number;
  readonly wasted: number;
}

/** What waits to be written to the store, and what found no room. */
export interface Queue {
  readonly depth: number;
  readonly dropped: number;
}

/** What is known of a target's health; each has its series, so that none is missing when there is something to see. */
const HEALTH = ['up', 'ejected', 'down'] as const;

/** Declares the metrics of a gateway. */
export function declareGateway(declare: Declare, sources: GatewaySources): void {
  declareRequests(declare, sources);
  declareUpstreams(declare, sources);
  declareResolve(declare, sources);
  if (sources.leases !== null) declareLeases(declare, sources.leases);
  declareQueue(declare, 'usage', 'notes of last use', sources.usage);
  declare.counter(
    {
      name: 'tollgate_usage_counts_dropped_total',
      help: 'Of how many tokens the count of an interval was dropped because too many waited for the store.',
    },
    single(() => sources.usage.droppedCounts),
  );
  declareQueue(declare, 'event', 'events for the System Log', sources.events);
  if (sources.traces !== null) declareTraces(declare, sources.traces);
}

function declareRequests(
  declare: Declare,
  { requests, underway, openConnections, peers }: GatewaySources,
): void {
  declare.counter(
    {
      name: 'tollgate_requests_total',
      help: 'Requests by endpoint and decision: forwarded, or the code of the refusal.',
      labelNames: ['endpoint', 'decision'],
    },
    () => pairs(requests.decisions, 'endpoint', 'decision'),
  );
  declare.gauge(
    { name: 'tollgate_requests_in_flight', help: 'Requests that are being decided, forwarded or answered.' },
    'sum',
    single(underway),
  );
  declare.durations(
    {
      name: 'tollgate_stage_duration_seconds',
      help: 'Time that requests spent in a stage, by stage; gate is resolve, zone and limit together, whole is all.',
      labelNames: ['stage'],
    },
    () => TIMED_STAGES.map((stage, series) => ({ labels: { stage }, reading: requests.stages.read(series) })),
  );
  declare.counter(
    { name: 'tollgate_request_body_bytes_total', help: 'Bytes of request bodies that came from clients.' },
    single(() => requests.bytesIn),
  );
  declare.counter(
    { name: 'tollgate_response_body_bytes_total', help: 'Bytes of answer bodies that were sent to clients.' },
    single(() => requests.bytesOut),
  );
  declare.gauge(
    { name: 'tollgate_open_connections', help: 'Client connections that are open.' },
    'sum',
    single(openConnections),
  );
  declare.counter(
    {
      name: 'tollgate_peers_total',
      help: 'Connections by kind of peer: trusted (zone.trustedProxies), other private addresses, public ones.',
      labelNames: ['kind'],
    },
    () => Object.entries(peers).map(([kind, value]) => ({ labels: { kind }, value })),
  );
}

function declareUpstreams(declare: Declare, { requests, targets }: GatewaySources): void {
  declare.durations(
    {
      name: 'tollgate_upstream_duration_seconds',
      help: 'Time from the permit to the head of the answer, by upstream; further tries are part of it.',
      labelNames: ['upstream'],
    },
    function* () {
      for (const [upstream, durations] of requests.upstreams)
        yield { labels: { upstream }, reading: durations.read(0) };
    },
  );
  declare.counter(
    {
      name: 'tollgate_upstream_errors_total',
      help: 'Requests that an upstream failed, by upstream and code of the refusal.',
      labelNames: ['upstream', 'code'],
    },
    () => pairs(requests.upstreamErrors, 'upstream', 'code'),
  );
  declare.counter(
    {
      name: 'tollgate_upstream_retries_total',
      help: 'Further tries of requests at another target, by upstream.',
      labelNames: ['upstream'],
    },
    function* () {
      for (const [upstream, , value] of requests.retries.entries()) yield { labels: { upstream }, value };
    },
  );
  declare.gauge(
    {
      name: 'tollgate_upstream_targets',
      help: 'Targets by upstream and health: up, ejected or down.',
      labelNames: ['upstream', 'health'],
    },
    'max',
    function* () {
      const all = targets();
      // Not those of which requests were measured: a reload may have taken one away, and what is not there is not down.
      for (const upstream of new Set(all.map((each) => each.upstream))) {
        for (const health of HEALTH) {
          const value = all.filter((each) => each.upstream === upstream && each.health === health).length;
          yield { labels: { upstream, health }, value };
        }
      }
    },
  );
}

function declareResolve(
  declare: Declare,
  { lookups, cachedTokens, changeLag, storeAway }: GatewaySources,
): void {
  declare.counter(
    {
      name: 'tollgate_token_lookups_total',
      help: 'Answers of the token cache: hit, miss, stale, unknown, junk.',
      labelNames: ['answer'],
    },
    () => Object.entries(lookups).map(([answer, value]) => ({ labels: { answer }, value })),
  );
  declare.durations(
    {
      name: 'tollgate_change_lag_seconds',
      help: 'How long pushed changes had been committed, at the most, when this gateway acted on them.',
    },
    () => [{ labels: {}, reading: changeLag.read(0) }],
  );
  declare.gauge(
    { name: 'tollgate_cached_tokens', help: 'Tokens in the cache of this process.' },
    'max',
    single(cachedTokens),
  );
  declare.gauge(
    {
      name: 'tollgate_store_away',
      help: '1 while the store does not answer a stage, else 0.',
      labelNames: ['stage'],
    },
    'max',
    () => Object.entries(storeAway).map(([stage, away]) => ({ labels: { stage }, value: Number(away()) })),
  );
}

function declareLeases(declare: Declare, leases: LeaseSums): void {
  declare.counter(
    {
      name: 'tollgate_lease_asks_total',
      help: 'Questions for a lease, by result: answered or failed.',
      labelNames: ['result'],
    },
    () => [
      { labels: { result: 'answered' }, value: Math.max(0, leases.asked - leases.failed) },
      { labels: { result: 'failed' }, value: leases.failed },
    ],
  );
  declare.counter(
    { name: 'tollgate_lease_granted_total', help: 'Requests that were leased to this gateway.' },
    single(() => leases.granted),
  );
  declare.counter(
    { name: 'tollgate_lease_returned_total', help: 'Leased requests that were given back in time.' },
    single(() => leases.returned),
  );
  declare.counter(
    { name: 'tollgate_lease_wasted_total', help: 'Leased requests that were neither spent nor given back.' },
    single(() => leases.wasted),
  );
}

function declareQueue(declare: Declare, name: 'usage' | 'event', what: string, queue: Queue): void {
  declare.gauge(
    { name: `tollgate_${name}_queue_depth`, help: `How many ${what} wait to be written.` },
    'sum',
    single(() => queue.depth),
  );
  declare.counter(
    {
      name: `tollgate_${name}_dropped_total`,
      help: `How many ${what} were dropped because the queue was full.`,
    },
    single(() => queue.dropped),
  );
}

function declareTraces(declare: Declare, traces: Pick<Queue, 'dropped'>): void {
  declare.counter(
    {
      name: 'tollgate_spans_dropped_total',
      help: 'Spans that were dropped because too many waited for the receiver of traces, or it did not take them.',
    },
    single(() => traces.dropped),
  );
}

function* pairs(counts: PairCounts, first: string, second: string): Generator<Sample> {
  for (const [one, other, value] of counts.entries())
    yield { labels: { [first]: one, [second]: other }, value };
}
