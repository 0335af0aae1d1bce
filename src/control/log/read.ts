import { cursorBefore } from '../../domain/event-cursor.ts';
import type { EventPage, EventQuery, Management } from '../../domain/store.ts';
import { boundedCursor, type LogQuery } from './query.ts';
import { type LogEventBody, logEventBody } from './wire.ts';

/** How many events are read from the store at once. */
const READ_AT_ONCE = 100;
/** How many events one request looks at, at the most; what a filter lets pass may lie behind many others. */
const LOOKED_AT_MAX = 10_000;

export interface LogPage {
  readonly items: readonly LogEventBody[];
  /** Where the next page begins; null where a bounded query has come to its end. */
  readonly next: string | null;
}

/**
 * A page of the events that a query asks for. Who follows the log always gets a place to go on from. Where few
 * events match, a page can be shorter than its limit and yet not be the last.
 */
export async function readLog(
  store: Management,
  { range, bounded, limit, matches }: LogQuery,
): Promise<LogPage> {
  const items: LogEventBody[] = [];
  let place = range.after;
  let more = true;
  for (let seen = 0; items.length < limit && more && seen < LOOKED_AT_MAX; ) {
    const page = await store.events({ ...range, after: place, limit: READ_AT_ONCE });
    const taken = take(page, limit - items.length, matches, items);
    seen += taken;
    place = page.items[taken - 1]?.cursor ?? place;
    more = page.more || taken < page.items.length;
    // The embedded store answers without waiting: let other requests through between two reads.
    await new Promise((resume) => setImmediate(resume));
  }
  if (bounded) return { items, next: more && place !== null ? boundedCursor(place, range.since) : null };
  return { items, next: place ?? start(range) };
}

/** Takes what matches until there is enough. @returns how many events were looked at */
function take(
  { items }: EventPage,
  wanted: number,
  matches: LogQuery['matches'],
  into: LogEventBody[],
): number {
  let found = 0;
  for (const [index, { event }] of items.entries()) {
    const body = logEventBody(event);
    if (!matches(body)) continue;
    into.push(body);
    found++;
    if (found === wanted) return index + 1;
  }
  return items.length;
}

/** Where somebody who follows the log begins when nothing was there yet. */
function start({ since }: Pick<EventQuery, 'since'>): string {
  return cursorBefore(since ?? 0);
}
