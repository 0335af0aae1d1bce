/** Places at the start; a power of two, as their number always is. */
const PLACES = 16;

/**
 * First in, first out, for very much that passes through: nothing is allocated while there is room, and a place that was left
 * leads to nothing (docs/adr/0034-what-comes-and-goes.md). It keeps its greatest size.
 */
export class Ring<T> {
  #places: (T | undefined)[] = new Array(PLACES).fill(undefined);
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts it behind all others. */
  push(entry: T): void {
    if (this.#size === this.#places.length) this.#grow();
    this.#places[this.#at(this.#size)] = entry;
    this.#size += 1;
  }

  /** Takes the first; undefined when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const entry = this.#places[this.#first];
    this.#places[this.#first] = undefined;
    this.#first = this.#at(1);
    this.#size -= 1;
    return entry;
  }

  clear(): void {
    this.#places = new Array(PLACES).fill(undefined);
    this.#first = 0;
    this.#size = 0;
  }

  #at(offset: number): number {
    return (this.#first + offset) & (this.#places.length - 1);
  }

  #grow(): void {
    const inOrder = [...this.#places.slice(this.#first), ...this.#places.slice(0, this.#first)];
    this.#places = inOrder.concat(new Array(inOrder.length).fill(undefined));
    this.#first = 0;
  }
}
