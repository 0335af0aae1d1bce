/** Remembers what was told, each until a moment of its own. */
export class Told {
  readonly #until = new Map<string, number>();

  get size(): number {
    return this.#until.size;
  }

  /** Whether nothing holds under this key at `now`; from then on, until `until`, it does. Milliseconds since the epoch. */
  first(key: string, now: number, until: number): boolean {
    const held = this.#until.get(key);
    if (held !== undefined && now < held) return false;
    this.#until.set(key, until);
    return true;
  }

  /** Forgets what no longer holds at `now`. */
  sweep(now: number): void {
    for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key);
  }
}
