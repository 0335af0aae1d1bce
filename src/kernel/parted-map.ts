import { partOf, partsFor } from './parts.ts';

/** A Map for very many entries, which never stops the event loop to make room (parts.ts). The order is that of its parts. */
export class PartedMap<V> {
  readonly #parts: readonly Map<string, V>[];
  #size = 0;

  /** @param entries how many it will hold at the most, about */
  constructor(entries: number) {
    this.#parts = Array.from({ length: partsFor(entries) }, () => new Map<string, V>());
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#partOf(key).get(key);
  }

  has(key: string): boolean {
    return this.#partOf(key).has(key);
  }

  set(key: string, value: V): void {
    const part = this.#partOf(key);
    const before = part.size;
    part.set(key, value);
    this.#size += part.size - before;
  }

  delete(key: string): void {
    if (this.#partOf(key).delete(key)) this.#size -= 1;
  }

  *[Symbol.iterator](): Generator<[string, V]> {
    for (const part of this.#parts) yield* part;
  }

  #partOf(key: string): Map<string, V> {
    // There is a part of each number below their count.
    return this.#parts[partOf(key, this.#parts.length)] as Map<string, V>;
  }
}
