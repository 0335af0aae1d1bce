import { hashOf, partOfHash } from './parts.ts';

/**
 * What was made of objects that come again and again. Of one that comes once nothing is kept but a number: a WeakMap would
 * keep what was made of each for as long as the object lives, and be moved whole each time it grows, and whoever
 * remembered the object itself would make it an old one (docs/adr/0044-what-becomes-old.md). Two objects of one place
 * push each other out, and are made anything of anew.
 */
export class Memo<K extends object, V extends {}> {
  readonly #make: (key: K) => V;
  /** Whose id came last to each place, by its hash. */
  readonly #came: Int32Array;
  /** Who came to each place twice, with nobody else in between. */
  readonly #keys: (K | null)[];
  /** What was made of these. */
  readonly #values: (V | null)[];

  /** @param places a power of two, up to 65,536 */
  constructor(places: number, make: (key: K) => V) {
    this.#make = make;
    this.#came = new Int32Array(places);
    this.#keys = new Array<K | null>(places).fill(null);
    this.#values = new Array<V | null>(places).fill(null);
  }

  /** @param id of the object; random towards its end, since that chooses the place */
  of(key: K, id: string): V {
    const hash = hashOf(id);
    const place = partOfHash(hash, this.#came.length);
    const held = this.#values[place] ?? null;
    if (held !== null && this.#keys[place] === key) return held;
    const made = this.#make(key);
    if (this.#came[place] === hash) {
      this.#keys[place] = key;
      this.#values[place] = made;
    } else this.#came[place] = hash;
    return made;
  }
}
