import type { EventPage, EventQuery, Report } from '../../domain/store.ts';
import { eventFrom, jsonText } from '../records.ts';
import type { Commands } from './client.ts';
import type { Connection } from './connection.ts';
import { EVENTS_PUBLISHED, PURGE_EVENTS, REPORT } from './event-scripts.ts';
import { listFrom, textFrom } from './reply.ts';
import { type KeyName, managementKey, type Script } from './script.ts';

/** Events removed by one script at the most, so that it blocks Redis for a few milliseconds only. */
const PURGED_AT_ONCE = 500;
const REPORTED_AT_ONCE = 500;
/** The widths of the numbers in the index by time, so that its texts sort as the numbers do. */
const WIDTHS = [15, 15, 9];

/**
 * The System Log in Redis: a stream, whose ids are when each event was taken, and an index of when each happened,
 * whose entries are `happened_taken_number`.
 */
export class EventLog {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async report(reports: readonly Report[]): Promise<void> {
    for (let from = 0; from < reports.length; from += REPORTED_AT_ONCE) {
      const some = reports.slice(from, from + REPORTED_AT_ONCE).map(({ event, key, until }) => {
        return { key, until, published: event.published, record: jsonText(event) };
      });
      await this.#run(REPORT, jsonText(some));
    }
  }

  page(query: EventQuery): Promise<EventPage> {
    return query.by === 'persisted' ? this.#persistedPage(query) : this.#publishedPage(query);
  }

  async purgeBefore(time: number): Promise<number> {
    let purged = 0;
    for (;;) {
      const some = Number(await this.#run(PURGE_EVENTS, indexed([time]), PURGED_AT_ONCE));
      purged += some;
      if (some < PURGED_AT_ONCE) return purged;
    }
  }

  async #persistedPage(query: EventQuery): Promise<EventPage> {
    const [from, to] = bounds(query, ([taken, sequence]) => `${taken}-${sequence ?? 0}`, '');
    const read = (redis: Commands) => {
      const key = this.#key('events');
      return query.order === 'ascending'
        ? redis.xrange(key, from, to, 'COUNT', query.limit + 1)
        : redis.xrevrange(key, from, to, 'COUNT', query.limit + 1);
    };
    const found = await this.#connection.ask(read);
    const items = found.slice(0, query.limit).map(([id, [, record]]) => {
      return { event: eventFrom(textFrom(record)), cursor: id.replace('-', '_') };
    });
    return { items, more: found.length > query.limit };
  }

  async #publishedPage(query: EventQuery): Promise<EventPage> {
    const [from, to] = bounds(query, indexed, '[');
    const reverse = query.order === 'ascending' ? '' : 'REV';
    const reply = listFrom(await this.#run(EVENTS_PUBLISHED, from, to, reverse, query.limit + 1));
    const items = [];
    for (let i = 0; i < reply.length && items.length < query.limit; i += 2) {
      items.push({ event: eventFrom(textFrom(reply[i + 1])), cursor: textFrom(reply[i]) });
    }
    return { items, more: reply.length / 2 > query.limit };
  }

  #run(script: Script, ...args: (string | number)[]): Promise<unknown> {
    return this.#connection.run(
      script,
      script.keys.map((name) => this.#key(name)),
      args,
    );
  }

  #key(name: KeyName): string {
    return managementKey(this.#prefix, name);
  }
}

/** Where to begin and end reading, as Redis wants it; `included` marks a bound that belongs to the range. */
function bounds(
  { order, since, until, after }: EventQuery,
  write: (numbers: readonly number[]) => string,
  included: string,
): [string, string] {
  const place = after === null ? null : after.split('_').map(Number);
  const moment = place?.[0] ?? 0;
  const behind = place && `(${write(place)}`;
  const earliest = since === null ? '-' : `${included}${write([since])}`;
  const latest = until === null ? '+' : `(${write([until])}`;
  return order === 'ascending'
    ? [behind !== null && moment >= (since ?? 0) ? behind : earliest, latest]
    : [behind !== null && moment < (until ?? Number.POSITIVE_INFINITY) ? behind : latest, earliest];
}

/** The numbers as the index by time writes them. */
function indexed(numbers: readonly number[]): string {
  return numbers.map((number, position) => String(number).padStart(WIDTHS[position] ?? 0, '0')).join('_');
}
