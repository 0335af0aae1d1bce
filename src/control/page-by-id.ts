/**
 * How many records are looked at for one page. What lies behind them is behind the `next` link, so that no request,
 * whatever it asks for, reads without end.
 */
export const LOOKED_AT_MAX = 50_000;

export interface PageById<T> {
  readonly items: readonly T[];
  /** The id that the next page begins behind; null on the last. Where few are wanted, a page may be short and not the last. */
  readonly next: string | null;
}

/**
 * The first so many of the records that are wanted, in the order of ids.
 * @param slices the records from a place on, as `scan` gives them
 * @param choose those of a slice that are wanted, in their order
 * @param limit how many a page holds, at least 1
 */
export async function pageById<T>(
  slices: AsyncIterable<readonly T[]>,
  choose: (slice: readonly T[]) => readonly T[] | Promise<readonly T[]>,
  limit: number,
  idOf: (item: T) => string,
): Promise<PageById<T>> {
  const items: T[] = [];
  let lookedAt = 0;
  let next: string | null = null;
  for await (const slice of slices) {
    if (lookedAt >= LOOKED_AT_MAX && slice.length > 0) return { items, next };
    for (const item of await choose(slice)) {
      if (items.length === limit) return { items, next: idOf(items[limit - 1] ?? item) };
      items.push(item);
    }
    lookedAt += slice.length;
    const last = slice.at(-1);
    // What was looked at in vain is not looked at again.
    if (last !== undefined) next = idOf(last);
  }
  return { items, next: null };
}
