/**
 * Every metric, declared once, with the metrics of prom-client for the process itself. docs/metrics.md lists them
 * all, and a test holds it to that.
 */
import { readdir } from 'node:fs/promises';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import { declareCertificates } from './certificate-metrics.ts';
import { type ConfigFacts, declareConfig } from './config-metrics.ts';
import { type ControlSources, declareControl } from './control-metrics.ts';
import { Declare, single } from './declare.ts';
import { declareGateway, type GatewaySources } from './gateway-metrics.ts';
import { STORE_OPERATIONS, type StoreCalls } from './store-calls.ts';
import { declareWorkers, type WorkerFacts } from './worker-metrics.ts';
import { YieldingRegistry } from './yielding-registry.ts';

/** What the metrics read when they are scraped. Everything is cheap to ask and bounded in size. */
export interface MetricSources {
  readonly process: ProcessSources;
  /** Null in a process without a gateway. */
  readonly gateway: GatewaySources | null;
  /** Null in a process without the control plane. */
  readonly control: ControlSources | null;
  /** Null in a process without workers. */
  readonly workers: WorkerFacts | null;
}

/** What every process has. */
export interface ProcessSources {
  /** Of the package. */
  readonly version: string;
  readonly config: ConfigFacts;
  /** When the certificates that the listeners show end, in milliseconds since the epoch; none without TLS. */
  readonly certificateEnds: () => readonly number[];
  readonly store: StoreCalls;
  /** Lines that were not written because the log's reader did not keep up. */
  readonly logDropped: () => number;
}

/** Declares the metrics of one process in one registry. */
export function createMetrics({ process: facts, gateway, control, workers }: MetricSources): Registry {
  const registry = new YieldingRegistry();
  collectDefaultMetrics({ register: registry });
  replaceOpenFiles(registry);
  const declare = new Declare(registry);
  declareProcess(declare, facts);
  declareConfig(declare, facts.config);
  declareCertificates(declare, facts.certificateEnds);
  if (gateway !== null) declareGateway(declare, gateway);
  if (control !== null) declareControl(declare, control);
  if (workers !== null) declareWorkers(declare, workers);
  return registry;
}

/** prom-client's own lists the open files while the event loop waits, and they are as many as the connections. */
function replaceOpenFiles(registry: Registry): void {
  const name = 'process_open_fds';
  // Where there is no /proc it is not declared.
  if (registry.getSingleMetric(name) === undefined) return;
  registry.removeSingleMetric(name);
  new Gauge({
    name,
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      const open = await readdir('/proc/self/fd').catch(() => null);
      // One of them is what lists them.
      if (open !== null) this.set(open.length - 1);
    },
  });
}

function declareProcess(declare: Declare, { version, store, logDropped }: ProcessSources): void {
  declare.gauge(
    {
      name: 'tollgate_build_info',
      help: '1, with the versions of Tollgate and Node.',
      labelNames: ['version', 'node'],
    },
    'first',
    () => [{ labels: { version, node: process.version }, value: 1 }],
  );
  declare.counter(
    {
      name: 'tollgate_log_dropped_total',
      help: 'Log lines that were dropped because their reader did not keep up.',
    },
    single(logDropped),
  );
  declare.durations(
    {
      name: 'tollgate_store_duration_seconds',
      help: 'Time from a call of the store to its answer, by operation.',
      labelNames: ['operation'],
    },
    function* () {
      for (const [series, operation] of STORE_OPERATIONS.entries()) {
        const reading = store.durations.read(series);
        // Most processes use a few of them.
        if (reading.counts.some((count) => count > 0)) yield { labels: { operation }, reading };
      }
    },
  );
  declare.counter(
    {
      name: 'tollgate_store_errors_total',
      help: 'Calls of the store that failed, by operation and error: away or refused.',
      labelNames: ['operation', 'error'],
    },
    function* () {
      for (const [operation, error, value] of store.errors.entries())
        yield { labels: { operation, error }, value };
    },
  );
}
