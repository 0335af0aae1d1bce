/**
 * Counts by two labels, such as endpoint and decision, without building a label set for each: a metric reads the
 * sums when it is scraped. Both labels must be bounded, by the configuration or by a table in the code.
 */
export class PairCounts {
  readonly #byFirst = new Map<string, Map<string, number>>();

  count(first: string, second: string, by = 1): void {
    let bySecond = this.#byFirst.get(first);
    if (bySecond === undefined) {
      bySecond = new Map();
      this.#byFirst.set(first, bySecond);
    }
    bySecond.set(second, (bySecond.get(second) ?? 0) + by);
  }

  *entries(): Generator<readonly [first: string, second: string, count: number]> {
    for (const [first, bySecond] of this.#byFirst) {
      for (const [second, count] of bySecond) yield [first, second, count];
    }
  }
}
