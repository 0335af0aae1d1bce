/** Reads the parameters of the System Log's query, and says what Okta says where they break its rules (docs/okta.md §8). */
import { z } from 'zod';
import { isEventCursor } from '../../domain/event-cursor.ts';
import type { EventQuery } from '../../domain/store.ts';
import { type ApiError, BAD_CURSOR, badFilter, invalid } from '../api-error.ts';
import type { Body } from '../filter/match.ts';
import { filterOf } from './fields.ts';

const DAY = 24 * 60 * 60 * 1000;
/** How far back a query without `since` looks. */
const SINCE_DEFAULT = 7 * DAY;
const SINCE_MAX = 180 * DAY;
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const KEYWORDS_MAX = 10;
const KEYWORD_LENGTH_MAX = 40;

const one = z.string({ error: 'must be given once' }).optional();

export const logQuery = z.object({
  since: one.describe(
    'The earliest moment, in ISO 8601; 7 days before `until` unless given. Not with `after`.',
  ),
  until: one.describe(
    'The moment before which to look, in ISO 8601. Without it, ascending, the log is followed.',
  ),
  after: one.describe('The cursor of a `next` link.'),
  filter: one.describe('A SCIM filter.'),
  q: one.describe('Up to 10 keywords of up to 40 characters, all of which must be found, in any case.'),
  limit: one.describe('0 to 1000; 100 unless given.'),
  sortOrder: one.describe('`ASCENDING` or `DESCENDING`.'),
});

export type LogParameters = z.output<typeof logQuery>;

/** A query that can be answered. */
export interface LogQuery {
  readonly kind: 'query';
  /** Where the reading begins; its `limit` is the reader's matter. */
  readonly range: Omit<EventQuery, 'limit'>;
  /** Whether there is an end: `until` was given, or the order is descending. Otherwise the log is followed. */
  readonly bounded: boolean;
  readonly limit: number;
  /** Whether an event, as its readers see it, is asked for. */
  readonly matches: (body: Body) => boolean;
}

/** @param now milliseconds since the epoch */
export function readLogQuery(given: LogParameters, now: number): LogQuery | ApiError {
  const limit = readLimit(given.limit);
  if (typeof limit !== 'number') return limit;
  const range = readRange(given, now);
  if ('kind' in range) return range;
  const filter = filterOf(given.filter ?? '');
  if (typeof filter !== 'function') return filter;
  const keywords = readKeywords(given.q ?? '');
  if ('kind' in keywords) return keywords;
  return {
    kind: 'query',
    range,
    bounded: range.by === 'published',
    limit,
    matches: (body) => filter(body) && keywords.every((keyword) => mentions(body, keyword)),
  };
}

/** The cursor of a bounded query carries where the range begins, which later pages are not told. */
export function boundedCursor(cursor: string, since: number | null): string {
  return `${cursor}_${since ?? 0}`;
}

function readLimit(text: string | undefined): number | ApiError {
  if (text === undefined) return LIMIT_DEFAULT;
  if (/^\d{1,4}$/.test(text) && Number(text) <= LIMIT_MAX) return Number(text);
  return invalid('limit', `limit: must be a whole number from 0 to ${LIMIT_MAX}`);
}

function readRange(
  { since, until, after, sortOrder }: LogParameters,
  now: number,
): LogQuery['range'] | ApiError {
  const order = readOrder(sortOrder);
  if (typeof order !== 'string') return order;
  const end = readMoment('until', until);
  const start = readMoment('since', since);
  if (end !== null && typeof end !== 'number') return end;
  if (start !== null && typeof start !== 'number') return start;
  const by = end !== null || order === 'descending' ? 'published' : 'persisted';
  if (after) {
    if (start !== null) return badFilter('Invalid parameter: since and after cannot be given together.');
    return readCursor(after, { by, order, since: null, until: end, after: null });
  }
  if (start !== null && start < now - SINCE_MAX) {
    return badFilter('Invalid parameter: The since parameter is over 180 days prior to the current day.');
  }
  return { by, order, since: start ?? (end ?? now) - SINCE_DEFAULT, until: end, after: null };
}

function readOrder(text: string | undefined): EventQuery['order'] | ApiError {
  switch (text ?? 'ASCENDING') {
    case 'ASCENDING':
      return 'ascending';
    case 'DESCENDING':
      return 'descending';
    default:
      return invalid('sortOrder', 'sortOrder: must be ASCENDING or DESCENDING');
  }
}

function readCursor(text: string, range: LogQuery['range']): LogQuery['range'] | ApiError {
  if (range.by === 'persisted')
    return isEventCursor(text, 'persisted') ? { ...range, after: text } : BAD_CURSOR;
  const split = text.lastIndexOf('_');
  const [after, since] = [text.slice(0, split), text.slice(split + 1)];
  if (!isEventCursor(after, 'published') || !/^\d{1,15}$/.test(since)) return BAD_CURSOR;
  return { ...range, after, since: Number(since) };
}

const MOMENT = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:\d{2})?$/;

/** The moment, or null where the parameter is left out or empty. What names no time zone is UTC. */
function readMoment(name: string, text: string | undefined): number | null | ApiError {
  if (text === undefined || text === '') return null;
  const match = MOMENT.exec(text);
  const [, day = '', time = 'T00:00', , , zone = 'Z'] = match ?? [];
  const moment = Date.parse(day + time + zone);
  // Date.parse takes the 31st of every month.
  const isDay = match !== null && new Date(`${day}T00:00Z`).toJSON()?.startsWith(day) === true;
  if (isDay && moment >= 0) return moment;
  const causes = [
    `${name}: The date format in your query is not recognized. Please enter dates using ISO8601 string format.`,
    `${name}: must be a valid date-time or empty.`,
  ];
  return invalid(causes.map((cause) => cause.replace(name, `'${name}'`)).join('. '), ...causes);
}

function readKeywords(text: string): readonly string[] | ApiError {
  const keywords = text.split(/\s+/).filter((keyword) => keyword !== '');
  if (keywords.length > KEYWORDS_MAX) {
    return invalid('q', `q: must have at most ${KEYWORDS_MAX} keywords`);
  }
  if (keywords.some((keyword) => keyword.length > KEYWORD_LENGTH_MAX)) {
    return invalid('q', `q: must have keywords of at most ${KEYWORD_LENGTH_MAX} characters`);
  }
  return keywords.map((keyword) => keyword.toLowerCase());
}

/** Whether one of the values, however deep, holds the keyword. */
function mentions(value: unknown, keyword: string): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value === 'object') return Object.values(value).some((part) => mentions(part, keyword));
  return String(value).toLowerCase().includes(keyword);
}
