/** Keeps the first so many of all that are added, in an order, without ever sorting more than twice as many. */
export class FirstInOrder<T> {
  readonly #count: number;
  readonly #compare: (a: T, b: T) => number;
  #kept: T[] = [];

  /** @param count how many to keep, at least 1 */
  constructor(count: number, compare: (a: T, b: T) => number) {
    this.#count = count;
    this.#compare = compare;
  }

  add(item: T): void {
    this.#kept.push(item);
    if (this.#kept.length >= 2 * this.#count) this.#cut();
  }

  /** Those that are first, in order. */
  first(): readonly T[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept.sort(this.#compare);
    this.#kept.length = Math.min(this.#kept.length, this.#count);
  }
}
