/** What only one record of the file may have. Remembers the line of the first that claims it. */
export class Claims {
  readonly #lines = new Map<string, number>();

  /** @returns the line that has claimed it before, or null: now it is claimed */
  claim(what: string, line: number): number | null {
    const holder = this.#lines.get(what);
    if (holder !== undefined) return holder;
    this.#lines.set(what, line);
    return null;
  }

  /** The line that has claimed it, or null. */
  holder(what: string): number | null {
    return this.#lines.get(what) ?? null;
  }
}
