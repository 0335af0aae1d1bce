import { partOf } from './parts.ts';

/**
 * What was made of objects that come again and again. Of one that comes once nothing is kept but that it came: a WeakMap
 * would keep what was made of each for as long as the object lives, and be moved whole each time it grows. Two
 * objects of one place push each other out, and are made anything of anew.
 */
export class Memo<K extends object, V extends {}> {
  readonly #make: (key: K) => V;
  /** Who came last to each place. */
  readonly #keys: (K | null)[];
  /** What was made of it, once it has come twice in a row. */
  readonly #values: (V | null)[];

  /** @param places a power of two, up to 65,536 */
  constructor(places: number, make: (key: K) => V) {
    this.#make = make;
    this.#keys = new Array<K | null>(places).fill(null);
    this.#values = new Array<V | null>(places).fill(null);
  }

  /** @param id of the object; random towards its end, since that chooses the place */
  of(key: K, id: string): V {
    const place = partOf(id, this.#keys.length);
    const held = this.#values[place] ?? null;
    const isSame = this.#keys[place] === key;
    if (isSame && held !== null) return held;
    const made = this.#make(key);
    this.#keys[place] = key;
    this.#values[place] = isSame ? made : null;
    return made;
  }
}
