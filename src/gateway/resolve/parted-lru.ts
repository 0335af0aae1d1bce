import { LRUCache } from 'lru-cache';
import { partOf, partsFor } from '../../kernel/parts.ts';

/**
 * A bounded cache of what was used last, for very many entries: in parts, so that it never stops the event loop to
 * make room (kernel/parts.ts). Each part forgets by itself what was used longest ago. Keys fall on the parts by
 * chance, so a full part forgets while others have room: of 100,000 places about one in a hundred is not used.
 * A part takes its room, all of it, when the first entry falls on it: a start makes no tables that nothing may need.
 */
export class PartedLru<V extends {}> {
  readonly #options: LRUCache.Options<string, V, unknown>;
  readonly #parts: (LRUCache<string, V> | undefined)[];

  /** @param max how many entries are held at the most, rounded up to a multiple of the number of parts */
  constructor(max: number) {
    const parts = partsFor(max);
    this.#options = { max: Math.ceil(max / parts) };
    this.#parts = Array.from({ length: parts }, () => undefined);
  }

  get size(): number {
    return this.#parts.reduce((sum, part) => sum + (part?.size ?? 0), 0);
  }

  /** The value, which counts as used now. */
  get(key: string): V | undefined {
    return this.#parts[partOf(key, this.#parts.length)]?.get(key);
  }

  /** The same, without counting as used. */
  peek(key: string): V | undefined {
    return this.#parts[partOf(key, this.#parts.length)]?.peek(key);
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined;
  }

  set(key: string, value: V): void {
    const at = partOf(key, this.#parts.length);
    let part = this.#parts[at];
    if (part === undefined) {
      part = new LRUCache(this.#options);
      this.#parts[at] = part;
    }
    part.set(key, value);
  }

  delete(key: string): void {
    this.#parts[partOf(key, this.#parts.length)]?.delete(key);
  }

  clear(): void {
    for (const part of this.#parts) part?.clear();
  }
}
