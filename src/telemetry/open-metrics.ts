import { Gauge, type OpenMetricsContentType, Registry } from 'prom-client';
import type { Snapshot } from './worker-metrics.ts';
import { YieldingRegistry } from './yielding-registry.ts';

export const OPEN_METRICS_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

/** Whether a scraper says that it reads OpenMetrics. @param accept the `Accept` header, if any */
export function readsOpenMetrics(accept: string | undefined): boolean {
  return accept?.includes('application/openmetrics-text') ?? false;
}

/**
 * Metrics in the text form of OpenMetrics, which has room for exemplars. Samples have the names that they have in
 * the form of Prometheus; of a counter, the metric's own name is without `_total` (OpenMetrics 1.0, §5.1.1).
 */
export function openMetricsText(snapshot: Snapshot): Promise<string> {
  const registry = new YieldingRegistry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const metric of snapshot) new ShownMetric(metric, registry);
  return registry.metrics();
}

/** A metric that shows what is there already. It is no counter itself, whose name prom-client would change for good. */
class ShownMetric extends Gauge {
  readonly #metric: Snapshot[number];

  constructor(metric: Snapshot[number], registry: Registry<OpenMetricsContentType>) {
    const { name, help } = metric;
    super({ name, help, registers: [registry] });
    const shownName = String(metric.type) === 'counter' ? name.replace(/_total$/, '') : name;
    this.#metric = { ...metric, name: shownName };
  }

  override async get(): Promise<Snapshot[number]> {
    return this.#metric;
  }
}
