import { z } from 'zod';
import type { Zone } from '../../domain/zone.ts';
import { type ApiError, BAD_CURSOR, badFilter } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { compileFilter } from '../filter/match.ts';
import { comparisonsOf, FilterProblem, parseFilter } from '../filter/parse.ts';
import { decodeCursor, encodeCursor } from '../paging.ts';
import { pageLimit } from '../validation.ts';

const PAGE_MAX = 200;

export const zoneQuery = z.object({
  filter: z
    .string()
    .optional()
    .describe('A filter over `id`, `usage` and `system` with `eq`, `and`, `or` and parentheses.'),
  limit: pageLimit(PAGE_MAX),
  after: z.string().optional().describe('The cursor of a `next` link.'),
});

export interface ZonePage {
  readonly kind: 'page';
  readonly items: readonly Zone[];
  readonly next: string | null;
  readonly limit: number;
}

const FILTERABLE: ReadonlySet<string> = new Set(['id', 'usage', 'system']);

/** A page of the zones that the query asks for, in the order of their ids. */
export async function listZones(
  { store }: ControlParts,
  { filter, limit = PAGE_MAX, after }: z.output<typeof zoneQuery>,
): Promise<ZonePage | ApiError> {
  const wanted = filter === undefined ? () => true : wantedBy(filter);
  if (typeof wanted !== 'function') return wanted;
  const start = after === undefined ? '' : decodeCursor(after, 1)?.[0];
  if (start === undefined || !/^\w{0,64}$/.test(start)) return BAD_CURSOR;
  const rest = (await store.zones())
    .filter((zone) => zone.id > start && wanted(zone))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const next = rest.length > limit && last !== undefined ? encodeCursor([last.id]) : null;
  return { kind: 'page', items, next, limit };
}

function wantedBy(text: string): ((zone: Zone) => boolean) | ApiError {
  const filter = parseFilter(text);
  if (filter instanceof FilterProblem) return badFilter('Invalid SCIM filter.', [filter.message]);
  const odd = comparisonsOf(filter).find(
    ({ field, operator }) => operator !== 'eq' || !FILTERABLE.has(field.toLowerCase()),
  );
  if (odd !== undefined) {
    return badFilter('Invalid SCIM filter.', [`${odd.field} ${odd.operator} is not supported here`]);
  }
  const matches = compileFilter(filter);
  return ({ id, usage, system }) => matches({ id, usage, system });
}
