import { type Aggregator, Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { DURATION_BOUNDS, type DurationReading, type Exemplar } from './durations.ts';

/** A value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram with its labels. */
export interface DurationSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly reading: DurationReading;
}

interface Declaration {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/**
 * Declares metrics that read their source when they are scraped, so that what is counted costs an addition and no
 * label set. Where several workers are scraped as one, sums are summed; of a gauge it is said what becomes of it.
 */
export class Declare {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter(declaration: Declaration, read: () => Iterable<Sample>): void {
    new Counter({
      ...declaration,
      registers: this.#registers,
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.inc(labels, value);
      },
    });
  }

  gauge(declaration: Declaration, aggregator: Aggregator, read: () => Iterable<Sample>): void {
    new Gauge({
      ...declaration,
      aggregator,
      registers: this.#registers,
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.set(labels, value);
      },
    });
  }

  durations(declaration: Declaration, read: () => Iterable<DurationSample>): void {
    new ScrapedHistogram({ ...declaration, registers: this.#registers }, read);
  }
}

/** One value without labels. */
export function single(read: () => number): () => Iterable<Sample> {
  return () => [{ labels: {}, value: read() }];
}

type Values = Awaited<ReturnType<Histogram['get']>>['values'];
/** As prom-client writes it in the OpenMetrics format. */
interface ShownExemplar {
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  readonly timestamp: number;
}

/** A histogram of prom-client whose numbers are kept elsewhere. */
class ScrapedHistogram extends Histogram {
  readonly #name: string;
  /** What prom-client says of a histogram besides its numbers. */
  readonly #shape: Histogram;
  readonly #read: () => Iterable<DurationSample>;

  constructor(
    declaration: Declaration & { readonly registers: Registry[] },
    read: () => Iterable<DurationSample>,
  ) {
    super({ ...declaration, buckets: [...DURATION_BOUNDS] });
    this.#name = declaration.name;
    this.#shape = new Histogram({ ...declaration, registers: [] });
    this.#read = read;
  }

  override async get(): ReturnType<Histogram['get']> {
    const metric = await this.#shape.get();
    const values: Values = [];
    for (const { labels, reading } of this.#read()) this.#write(values, labels, reading);
    return { ...metric, values };
  }

  /** What prom-client asks for instead of `get` when it writes text. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get();
  }

  #write(values: Values, labels: Sample['labels'], { counts, sumSeconds, exemplars }: DurationReading): void {
    let upTo = 0;
    for (const [bucket, count] of counts.entries()) {
      upTo += count;
      const le = DURATION_BOUNDS[bucket] ?? '+Inf';
      const value = { metricName: `${this.#name}_bucket`, labels: { ...labels, le }, value: upTo };
      values.push(Object.assign(value, shown(exemplars[bucket])));
    }
    values.push({ metricName: `${this.#name}_sum`, labels: { ...labels }, value: sumSeconds });
    values.push({ metricName: `${this.#name}_count`, labels: { ...labels }, value: upTo });
  }
}

function shown(exemplar: Exemplar | undefined): { exemplar?: ShownExemplar } {
  if (exemplar === undefined) return {};
  const { traceId, seconds, at } = exemplar;
  return { exemplar: { labelSet: { trace_id: traceId }, value: seconds, timestamp: at } };
}
