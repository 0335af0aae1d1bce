import { z } from 'zod';
import type { User } from '../../domain/user.ts';
import { type ApiError, BAD_CURSOR, badFilter, badSearch } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { compileFilter } from '../filter/match.ts';
import { comparisonsOf, FilterProblem, type Operator, parseFilter } from '../filter/parse.ts';
import { pageById } from '../page-by-id.ts';
import { decodeCursor, encodeCursor } from '../paging.ts';
import { scan } from '../scan.ts';
import { pageLimit } from '../validation.ts';
import { userBody } from './wire.ts';

const PAGE_MAX = 200;
/** With `q` a page holds this many unless asked for more. */
const FOUND_PRESET = 10;

export const userQuery = z.object({
  q: z
    .string()
    .max(255)
    .optional()
    .describe('The beginning of a first name, last name or login, in any case.'),
  filter: z
    .string()
    .optional()
    .describe(
      'A filter over `status`, `lastUpdated`, `id`, `profile.login`, `profile.email`, `profile.firstName` and `profile.lastName`.',
    ),
  search: z
    .string()
    .optional()
    .describe('As `filter`, with `created` and the operators `sw` and `co` besides.'),
  limit: pageLimit(PAGE_MAX),
  after: z.string().optional().describe('The cursor of a `next` link.'),
});

export type UserQuery = z.output<typeof userQuery>;

export interface UserPage {
  readonly kind: 'page';
  readonly items: readonly User[];
  readonly next: string | null;
  readonly limit: number;
}

const PROFILE = ['profile.login', 'profile.email', 'profile.firstname', 'profile.lastname'];
const FILTERABLE: ReadonlySet<string> = new Set(['status', 'lastupdated', 'id', ...PROFILE]);
const SEARCHABLE: ReadonlySet<string> = new Set([...FILTERABLE, 'created']);
const ORDERS: readonly Operator[] = ['gt', 'ge', 'lt', 'le'];

type Wanted = (user: User) => boolean;

/** A page of the users that the query asks for, in the order of their ids. Deactivated ones only by filter or search. */
export async function listUsers({ store }: ControlParts, query: UserQuery): Promise<UserPage | ApiError> {
  const wanted = wantedBy(query);
  if (typeof wanted !== 'function') return wanted;
  const cursor = query.after === undefined ? null : decodeCursor(query.after, 1);
  if (query.after !== undefined && !/^\w{1,64}$/.test(cursor?.[0] ?? '')) return BAD_CURSOR;
  const limit = query.limit ?? (query.q === undefined ? PAGE_MAX : FOUND_PRESET);
  const slices = scan((after, count) => store.users(after, count), cursor?.[0] ?? null);
  const { items, next } = await pageById(
    slices,
    (slice) => slice.filter(wanted),
    limit,
    ({ id }) => id,
  );
  return { kind: 'page', items, next: next === null ? null : encodeCursor([next]), limit };
}

function wantedBy({ q, filter, search }: UserQuery): Wanted | ApiError {
  const filtered = filter === undefined ? null : expression(filter, isFilterable, filterRefusal);
  if (filtered !== null && typeof filtered !== 'function') return filtered;
  const searched = search === undefined ? null : expression(search, isSearchable, badSearch);
  if (searched !== null && typeof searched !== 'function') return searched;
  const hidesDeactivated = filtered === null && searched === null;
  return (user) => {
    if (hidesDeactivated && user.status === 'DEPROVISIONED') return false;
    if (q !== undefined && !beginsWith(user, q.toLowerCase())) return false;
    return (filtered?.(user) ?? true) && (searched?.(user) ?? true);
  };
}

function filterRefusal(cause: string): ApiError {
  return badFilter('Invalid SCIM filter.', [cause]);
}

function beginsWith({ firstName, lastName, login }: User, text: string): boolean {
  return [firstName, lastName, login].some((name) => name.toLowerCase().startsWith(text));
}

function isFilterable(field: string, operator: Operator): boolean {
  if (field === 'lastupdated') return operator === 'eq' || ORDERS.includes(operator);
  return FILTERABLE.has(field) && operator === 'eq';
}

function isSearchable(field: string, operator: Operator): boolean {
  if (operator === 'co') return PROFILE.includes(field);
  return SEARCHABLE.has(field) && operator !== 'ne' && operator !== 'ew';
}

/** Reads an expression over users, and makes it ready to be asked. */
function expression(
  text: string,
  isSupported: (field: string, operator: Operator) => boolean,
  refuse: (cause: string) => ApiError,
): Wanted | ApiError {
  const filter = parseFilter(text);
  if (filter instanceof FilterProblem) return refuse(filter.message);
  const odd = comparisonsOf(filter).find(
    ({ field, operator }) => !isSupported(field.toLowerCase(), operator),
  );
  if (odd !== undefined) return refuse(`${odd.field} ${odd.operator} is not supported here`);
  const matches = compileFilter(filter);
  return (user) => matches(userBody(user, ''));
}
