import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { RequestCounts } from './request-counts.ts';

/** What the metrics read when they are scraped. Everything here is cheap to ask and bounded in size. */
export interface MetricSources {
  readonly requests: RequestCounts;
  /** Answers of the token cache by kind. */
  readonly lookups: Readonly<Record<string, number>>;
  readonly cachedTokens: () => number;
  readonly usageDepth: () => number;
  readonly usageDropped: () => number;
  readonly eventsDepth: () => number;
  readonly eventsDropped: () => number;
  readonly storeAway: () => boolean;
  readonly openConnections: () => number;
  /** Whom to tell, from now on, how long each change was under way when it was acted on: seconds. */
  readonly onChangeLag: (observe: (seconds: number) => void) => void;
}

/** Where a push is quick, where it is still within what is wanted, and where it is not: seconds. */
const LAG_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * Declares every metric once; each reads its source when scraped, so a request costs no label set.
 * @param sources null for a process without a gateway, which has the process's own metrics alone
 */
export function createMetrics(sources: MetricSources | null): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  if (sources === null) return registry;
  const registers = [registry];
  new Counter({
    name: 'tollgate_requests_total',
    help: 'Requests by endpoint and decision: forwarded, or the code of the refusal.',
    labelNames: ['endpoint', 'decision'] as const,
    registers,
    collect() {
      this.reset();
      for (const { endpoint, decision, count } of sources.requests.entries()) {
        this.inc({ endpoint, decision }, count);
      }
    },
  });
  new Counter({
    name: 'tollgate_token_lookups_total',
    help: 'Answers of the token cache: hit, miss, stale, unknown, junk.',
    labelNames: ['answer'] as const,
    registers,
    collect() {
      this.reset();
      for (const [answer, count] of Object.entries(sources.lookups)) this.inc({ answer }, count);
    },
  });
  const changeLag = new Histogram({
    name: 'tollgate_change_lag_seconds',
    help: 'How long pushed changes had been committed, at the most, when this gateway acted on them.',
    buckets: LAG_BUCKETS,
    registers,
  });
  sources.onChangeLag((seconds) => changeLag.observe(seconds));
  gauge('tollgate_cached_tokens', 'Tokens in the cache of this process.', sources.cachedTokens);
  gauge('tollgate_usage_queue_depth', 'Tokens whose last use waits to be written.', sources.usageDepth);
  gauge(
    'tollgate_event_queue_depth',
    'Events that wait to be written to the System Log.',
    sources.eventsDepth,
  );
  gauge('tollgate_store_away', '1 while the store does not answer, else 0.', () =>
    Number(sources.storeAway()),
  );
  gauge('tollgate_open_connections', 'Client connections that are open.', sources.openConnections);
  counter(
    'tollgate_usage_dropped_total',
    'Notes of last use that were dropped because the queue was full.',
    sources.usageDropped,
  );
  counter(
    'tollgate_events_dropped_total',
    'Events for the System Log that were dropped because the queue was full.',
    sources.eventsDropped,
  );
  return registry;

  function counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
}
