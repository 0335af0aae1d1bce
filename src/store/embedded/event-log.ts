import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { LogEvent } from '../../domain/log-event.ts';
import type { EventPage, EventQuery, Report } from '../../domain/store.ts';
import { eventFrom, jsonText } from '../records.ts';

/** An event as it is stored. */
interface Row {
  readonly published: number;
  readonly persisted_at: number;
  readonly sequence: number;
  readonly record: string;
}

const COLUMNS = 'published, persisted_at, sequence, record';
const PERSISTED = 'persisted_at, sequence';
const PUBLISHED = 'published, persisted_at, sequence';

/** A page in each order, behind a place and between two moments. */
const PAGES = {
  'persisted ascending': page(PERSISTED, '>', 'ASC'),
  'persisted descending': page(PERSISTED, '<', 'DESC'),
  'published ascending': page(PUBLISHED, '>', 'ASC'),
  'published descending': page(PUBLISHED, '<', 'DESC'),
};

/** The System Log in the database. Its methods run in the caller's transaction. */
export class EventLog {
  readonly #lastPersisted: StatementSync;
  readonly #append: StatementSync;
  readonly #pages: Readonly<Record<keyof typeof PAGES, StatementSync>>;
  readonly #purge: StatementSync;
  readonly #forgetTold: StatementSync;
  readonly #tell: StatementSync;

  constructor(database: DatabaseSync) {
    const sql = (text: string) => database.prepare(text);
    this.#lastPersisted = sql('SELECT max(persisted_at) AS last FROM event');
    this.#append = sql('INSERT INTO event (persisted_at, record) VALUES (?, ?)');
    this.#pages = {
      'persisted ascending': sql(PAGES['persisted ascending']),
      'persisted descending': sql(PAGES['persisted descending']),
      'published ascending': sql(PAGES['published ascending']),
      'published descending': sql(PAGES['published descending']),
    };
    this.#purge = sql(
      'DELETE FROM event WHERE sequence IN (SELECT sequence FROM event WHERE published < ? LIMIT ?)',
    );
    this.#forgetTold = sql('DELETE FROM told WHERE until <= ?');
    this.#tell = sql('INSERT INTO told (key, until) VALUES (?, ?) ON CONFLICT DO NOTHING');
  }

  /** @param now milliseconds since the epoch; a clock that was set back does not change the order */
  append(events: readonly LogEvent[], now: number): void {
    if (events.length === 0) return;
    const persistedAt = Math.max(now, Number(this.#lastPersisted.get()?.['last'] ?? 0));
    for (const event of events) this.#append.run(persistedAt, jsonText(event));
  }

  /** Appends each event whose key was not told of, or no longer holds. */
  report(reports: readonly Report[], now: number): void {
    for (const { event, key, until } of reports) {
      if (this.toldFirst(key, event.published, until)) this.append([event], now);
    }
  }

  /** Whether nothing was told under that key that holds at `now`; from then on, until `until`, something is. Milliseconds since the epoch. */
  toldFirst(key: string, now: number, until: number): boolean {
    this.#forgetTold.run(now);
    return Number(this.#tell.run(key, until).changes) > 0;
  }

  page({ by, order, since, until, after, limit }: EventQuery): EventPage {
    const from = since ?? 0;
    const to = until ?? Number.MAX_SAFE_INTEGER;
    const rows = this.#pages[`${by} ${order}`].all(from, to, ...place(by, order, after), limit + 1);
    const items = (rows as unknown as Row[]).slice(0, limit).map((row) => {
      const { published, persisted_at, sequence, record } = row;
      const cursor = by === 'persisted' ? [persisted_at, sequence] : [published, persisted_at, sequence];
      return { event: eventFrom(record), cursor: cursor.join('_') };
    });
    return { items, more: rows.length > limit };
  }

  /** Removes at most so many. @returns how many there were */
  purgeBefore(time: number, most: number): number {
    return Number(this.#purge.run(time, most).changes);
  }
}

function page(columns: string, behind: '>' | '<', direction: 'ASC' | 'DESC'): string {
  const [moment] = columns.split(', ');
  const names = columns.split(', ');
  const places = names.map(() => '?').join(', ');
  return `SELECT ${COLUMNS} FROM event WHERE ${moment} >= ? AND ${moment} < ? AND (${columns}) ${behind} (${places})
    ORDER BY ${names.map((name) => `${name} ${direction}`).join(', ')} LIMIT ?`;
}

/** The numbers of a cursor; where there is none, those before the first event. */
function place(by: EventQuery['by'], order: EventQuery['order'], after: string | null): SQLInputValue[] {
  if (after !== null) return after.split('_').map(Number);
  const end = order === 'ascending' ? -1 : Number.MAX_SAFE_INTEGER;
  return by === 'persisted' ? [end, end] : [end, end, end];
}
