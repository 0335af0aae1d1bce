/** Reads what a gateway tells on /metrics: the text format of Prometheus, as far as Tollgate writes it. */

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** @throws Error when the answer is not 200 */
export async function scrape(origin: string): Promise<Samples> {
  const response = await fetch(`${origin}/metrics`);
  const text = await response.text();
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  return new Samples(text);
}

/** One scrape. */
export class Samples {
  readonly #all: readonly Sample[];

  /** @param text the whole answer; comments are passed over */
  constructor(text: string) {
    this.#all = text.split('\n').flatMap((line) => sampleOf(line) ?? []);
  }

  /** The sum of all series with this name and these labels; 0 where there is none. */
  sum(name: string, labels: Labels = {}): number {
    return this.#with(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** What each value of one label comes to, all other labels summed. */
  by(name: string, label: string): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { labels, value } of this.#with(name, {})) {
      const key = labels[label] ?? '';
      sums.set(key, (sums.get(key) ?? 0) + value);
    }
    return sums;
  }

  /**
   * The upper bound of the bucket in which that part of a histogram's observations ends: they took no longer.
   * @param part such as 0.99
   * @param since only what was observed after this scrape
   * @returns seconds; Infinity above all bounds, NaN where nothing was observed
   */
  bound(name: string, labels: Labels, part: number, since: Samples | null = null): number {
    const before = since?.buckets(name, labels) ?? new Map<number, number>();
    const counts = [...this.buckets(name, labels)]
      .map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const)
      .sort(([a], [b]) => a - b);
    const total = counts.at(-1)?.[1] ?? 0;
    if (total === 0) return Number.NaN;
    return counts.find(([, count]) => count >= total * part)?.[0] ?? Number.POSITIVE_INFINITY;
  }

  /** What part of a histogram's observations took no longer than one of its bounds, from 0 to 1; NaN where there were none. */
  within(name: string, labels: Labels, bound: number, since: Samples | null = null): number {
    const count = (le: number) =>
      (this.buckets(name, labels).get(le) ?? 0) - (since?.buckets(name, labels).get(le) ?? 0);
    return count(bound) / count(Number.POSITIVE_INFINITY);
  }

  /** The running sums of a histogram, by upper bound. */
  buckets(name: string, labels: Labels): Map<number, number> {
    const sums = new Map<number, number>();
    for (const sample of this.#with(`${name}_bucket`, labels)) {
      const bound = Number((sample.labels['le'] ?? '').replace('+Inf', 'Infinity'));
      sums.set(bound, (sums.get(bound) ?? 0) + sample.value);
    }
    return sums;
  }

  #with(name: string, wanted: Labels): Sample[] {
    const fits = ({ labels }: Sample) =>
      Object.entries(wanted).every(([key, value]) => labels[key] === value);
    return this.#all.filter((sample) => sample.name === name && fits(sample));
  }
}

function sampleOf(line: string): Sample | null {
  const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
  if (name === undefined || value === undefined) return null;
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [
    key,
    text,
  ]);
  return {
    name,
    labels: Object.fromEntries(pairs) as Labels,
    value: Number(value.replace('+Inf', 'Infinity')),
  };
}
