/*
 * Tables of what comes and goes. When a Map or Set has no place left, V8 gives it a new table, and the one before says which,
 * for iterators. A table that has become an old object keeps all that came after it from being collected with the young
 * objects, and with each what was in it when it was given up: of a Map that requests pass through, nearly all of them
 * become old objects, and are copied on the way (docs/adr/0034-what-comes-and-goes.md). Here a new Map takes the place of
 * one through which so much has passed, and nothing leads from the one to the other.
 */

/** A table is replaced when so many entries have left it, or twice as many as are in it. */
const LEFT_MIN = 64;

/** A Map of what comes and goes. An iteration may miss what comes while it is under way. */
export class TurnoverMap<K, V> {
  #entries = new Map<K, V>();
  /** How many more may leave. */
  #mayLeave = LEFT_MIN;

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  /** @returns whether it was there */
  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#mayLeave -= 1;
    if (this.#mayLeave <= 0) this.#replace();
    return true;
  }

  clear(): void {
    this.#entries = new Map();
    this.#mayLeave = LEFT_MIN;
  }

  *keys(): Generator<K> {
    for (const [key] of this.#current()) yield key;
  }

  *values(): Generator<V> {
    for (const [, value] of this.#current()) yield value;
  }

  *#current(): Generator<[K, V]> {
    for (const entry of this.#entries) {
      // It may have gone since another Map took the place of the one that is gone through.
      if (this.#entries.has(entry[0])) yield entry;
    }
  }

  #replace(): void {
    const before = this.#entries;
    this.#entries = new Map();
    for (const [key, value] of before) this.#entries.set(key, value);
    this.#mayLeave = Math.max(LEFT_MIN, 2 * this.#entries.size);
  }
}

/** A Set of what comes and goes. An iteration may miss what comes while it is under way. */
export class TurnoverSet<T> {
  readonly #entries = new TurnoverMap<T, true>();

  get size(): number {
    return this.#entries.size;
  }

  add(entry: T): void {
    this.#entries.set(entry, true);
  }

  has(entry: T): boolean {
    return this.#entries.has(entry);
  }

  /** @returns whether it was there */
  delete(entry: T): boolean {
    return this.#entries.delete(entry);
  }

  clear(): void {
    this.#entries.clear();
  }

  [Symbol.iterator](): Generator<T> {
    return this.#entries.keys();
  }
}
