import type { Page } from '../domain/store.ts';

/**
 * How many records are read from the store, and judged, in one turn of the event loop. The embedded store reads and
 * parses a token in about 16 µs, and traffic may wait behind it in the same process.
 */
const READ_AT_ONCE = 100;

/**
 * Every record from a place on, in slices between which other work has its turn.
 * @param read a page of the records behind an id, or from the first, as the store has it
 */
export async function* scan<T>(
  read: (after: string | null, limit: number) => Promise<Page<T>>,
  start: string | null,
): AsyncGenerator<readonly T[]> {
  let after = start;
  do {
    const page = await read(after, READ_AT_ONCE);
    yield page.items;
    after = page.next;
    await new Promise((resume) => setImmediate(resume));
  } while (after !== null);
}
