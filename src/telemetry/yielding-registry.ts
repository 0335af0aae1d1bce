import { setImmediate } from 'node:timers/promises';
import { type PrometheusContentType, Registry, type RegistryContentType } from 'prom-client';
import type { Snapshot } from './worker-metrics.ts';

/** How long a scrape computes before requests that wait for the event loop have their turn, in milliseconds. */
const TURN_MS = 1;

/**
 * A registry that yields to the event loop while it is scraped. prom-client's own reads and writes all metrics in one
 * turn, for which every request waits (docs/adr/0043-long-turns.md).
 */
export class YieldingRegistry<
  Type extends RegistryContentType = PrometheusContentType,
> extends Registry<Type> {
  readonly #now: () => number;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    super();
    this.#now = now;
  }

  /** Everything, in the text form that `contentType` says. */
  override async metrics(): Promise<string> {
    const texts = await this.#each((name) => this.getSingleMetricAsString(name));
    const isOpenMetrics = this.contentType === Registry.OPENMETRICS_CONTENT_TYPE;
    return isOpenMetrics ? `${texts.join('\n')}\n# EOF\n` : `${texts.join('\n\n')}\n`;
  }

  /** Everything, as plain data. */
  override async getMetricsAsJSON(): Promise<Snapshot> {
    const read = await this.#each(async (name) => this.getSingleMetric(name)?.get() ?? []);
    return read.flat();
  }

  /** In the order of their declaration: some metrics of prom-client are set by the one before them. */
  async #each<T>(read: (name: string) => Promise<T>): Promise<T[]> {
    const all: T[] = [];
    let began = this.#now();
    for (const { name } of this.getMetricsAsArray()) {
      all.push(await read(name));
      if (this.#now() - began < TURN_MS) continue;
      await setImmediate();
      began = this.#now();
    }
    return all;
  }
}
