import { AggregatorRegistry, Registry } from 'prom-client';
import { type Declare, single } from './declare.ts';

/** The metrics of one process at one moment. Crosses process boundaries as plain data. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a primary knows of its workers. */
export interface WorkerFacts {
  /** The ids of the workers that run. */
  readonly running: () => readonly number[];
  /** How many workers have ended without being told to. */
  readonly died: () => number;
  /** How many times a worker did not tell its metrics in time. */
  readonly silent: () => number;
}

/** Declares the metrics of a primary's workers. */
export function declareWorkers(declare: Declare, { running, died, silent }: WorkerFacts): void {
  declare.gauge(
    { name: 'tollgate_workers', help: 'Worker processes that run.' },
    'sum',
    single(() => running().length),
  );
  declare.counter(
    {
      name: 'tollgate_worker_deaths_total',
      help: 'Worker processes that have ended without being told to. Each is replaced.',
    },
    single(died),
  );
  declare.counter(
    {
      name: 'tollgate_worker_scrapes_missed_total',
      help: 'Times a worker did not tell its metrics in time.',
    },
    single(silent),
  );
}

/** Where the metrics of workers come from. */
export interface WorkerSource extends Pick<WorkerFacts, 'running'> {
  /** The metrics of every worker that answers in time, by the worker's id. */
  readonly snapshots: () => Promise<ReadonlyMap<number, Snapshot>>;
}

/**
 * The metrics of a primary: its own, and those of its workers, each series by the rule that its metric declares (a
 * sum, unless it says otherwise). What only rises goes on rising when a worker dies or does not answer in time: it
 * counts with what it said last.
 */
export class WorkerMetrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #own: Registry;
  readonly #source: WorkerSource;
  readonly #last = new Map<number, Snapshot>();
  /** The sums of workers that are gone. */
  #gone: Snapshot = [];

  /** @param own the primary's own metrics */
  constructor(own: Registry, source: WorkerSource) {
    this.#own = own;
    this.#source = source;
  }

  /** Everything, in the text form of Prometheus. */
  async metrics(): Promise<string> {
    return merged(await this.#everything()).metrics();
  }

  /** Everything, with the exemplars that the form of Prometheus has no room for. */
  async getMetricsAsJSON(): Promise<Snapshot> {
    const parts = await this.#everything();
    return withExemplars(await merged(parts).getMetricsAsJSON(), parts);
  }

  async #everything(): Promise<Snapshot[]> {
    const fresh = await this.#source.snapshots();
    const running = new Set(this.#source.running());
    for (const [id, snapshot] of this.#last) {
      if (running.has(id) || fresh.has(id)) continue;
      this.#gone = await merged([this.#gone, rising(snapshot)]).getMetricsAsJSON();
      this.#last.delete(id);
    }
    for (const [id, snapshot] of fresh) this.#last.set(id, snapshot);
    const late = [...running].filter((id) => !fresh.has(id));
    const before = late.map((id) => rising(this.#last.get(id) ?? []));
    return [await this.#own.getMetricsAsJSON(), this.#gone, ...before, ...fresh.values()];
  }
}

function merged(snapshots: readonly Snapshot[]): Registry {
  return AggregatorRegistry.aggregate([...snapshots]);
}

/** Sums with the newest exemplar of each among what they are sums of: prom-client sums up without them. */
function withExemplars(sums: Snapshot, parts: readonly Snapshot[]): Snapshot {
  const newest = new Map<string, Exemplified>();
  for (const value of parts.flat().flatMap(({ values }): Exemplified[] => values)) {
    const at = value.exemplar?.timestamp ?? Number.NEGATIVE_INFINITY;
    const key = seriesOf(value);
    if (at > (newest.get(key)?.exemplar?.timestamp ?? Number.NEGATIVE_INFINITY)) newest.set(key, value);
  }
  return sums.map((metric) => ({
    ...metric,
    values: metric.values.map((value) => ({ ...newest.get(seriesOf(value)), ...value })),
  }));
}

/** A value as prom-client writes it, which its types do not show. */
type Exemplified = Snapshot[number]['values'][number] & {
  readonly metricName?: string;
  readonly exemplar?: { readonly timestamp: number };
};

function seriesOf({ metricName = '', labels }: Exemplified): string {
  return JSON.stringify([metricName, ...Object.entries(labels).sort()]);
}

/** What never falls while a process lives, and so must not fall when it ends. */
function rising(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ type }) => TYPES_THAT_RISE.has(String(type)));
}

const TYPES_THAT_RISE: ReadonlySet<string> = new Set(['counter', 'histogram']);
