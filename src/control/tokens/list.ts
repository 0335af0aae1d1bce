import { z } from 'zod';
import { type Credential, expiresAt } from '../../domain/token.ts';
import type { User } from '../../domain/user.ts';
import { type ApiError, BAD_CURSOR, invalid } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { decodeCursor, encodeCursor } from '../paging.ts';
import { type Grant, reaches } from '../permissions.ts';
import { pageLimit } from '../validation.ts';
import { statusOf, TOKEN_STATUSES, typeOf } from './status.ts';

/** Without a limit all tokens are one page, up to this many: no answer is longer. */
const PAGE_MAX = 1000;
/** How many records are read from the store at once. */
const READ_AT_ONCE = 500;
/** How many tokens can be put into another order than that of their ids. */
const SORTABLE_MAX = 100_000;

const RECORD_ID = /^\w{1,64}$/;

export const listQuery = z.object({
  q: z.string().max(255).optional().describe('A part of the name or the client name, in any case.'),
  type: z
    .string()
    .max(64)
    .transform((type) => type.toUpperCase())
    .optional()
    .describe('`API`, a kind of agent, or `SUSPICIOUS`.'),
  status: z
    .string()
    .transform((status) => status.toUpperCase())
    .pipe(z.enum(TOKEN_STATUSES, { error: `must be one of ${TOKEN_STATUSES.join(', ')}` }))
    .optional()
    .describe('`GREEN`, `GRAY`, `RED` or `YELLOW`.'),
  sortBy: z
    .enum(['id', 'name', 'created', 'lastUsed', 'expiresAt', 'type', 'status'], {
      error: 'must be one of id, name, created, lastUsed, expiresAt, type, status',
    })
    .optional(),
  sortOrder: z
    .string()
    .transform((order) => order.toLowerCase())
    .pipe(z.enum(['asc', 'desc'], { error: 'must be asc or desc' }))
    .optional(),
  limit: pageLimit(PAGE_MAX),
  after: z.string().optional().describe('The cursor of a `next` link.'),
});

export type ListQuery = z.output<typeof listQuery>;

export interface TokenPage {
  readonly kind: 'page';
  readonly items: readonly Credential[];
  readonly next: string | null;
}

/**
 * The active tokens that the caller may see and the query asks for, a page of them. In the order of ids unless
 * another is asked for.
 */
export async function listTokens(
  { store }: ControlParts,
  query: ListQuery,
  caller: User,
  grant: Grant,
  now: number,
): Promise<TokenPage | ApiError> {
  const limit = query.limit ?? PAGE_MAX;
  const after = query.after === undefined ? null : decodeCursor(query.after, 2);
  if (query.after !== undefined && !RECORD_ID.test(after?.[1] ?? '')) return BAD_CURSOR;
  const wanted = (credential: Credential) =>
    reaches(grant, caller, credential.owner) && isActive(credential, now) && isWanted(credential, query, now);
  const rows = grant === 'own' ? ownTokens(store, caller) : allTokens(store, startId(query, after));
  const sorted = query.sortBy !== undefined || query.sortOrder !== undefined;
  return sorted ? inOrder(rows, wanted, query, after, limit, now) : byId(rows, wanted, after, limit);
}

/** Without another order the store begins behind the cursor by itself. */
function startId({ sortBy, sortOrder }: ListQuery, after: readonly string[] | null): string | null {
  return sortBy === undefined && sortOrder === undefined ? (after?.[1] ?? null) : null;
}

async function* allTokens(store: ControlParts['store'], start: string | null): AsyncGenerator<Credential> {
  let after = start;
  do {
    const page = await store.tokens(after, READ_AT_ONCE);
    yield* page.items;
    after = page.next;
    // The embedded store answers without waiting: let traffic through between two reads.
    await new Promise((resume) => setImmediate(resume));
  } while (after !== null);
}

async function* ownTokens(store: ControlParts['store'], caller: User): AsyncGenerator<Credential> {
  const tokens = await store.tokensOfUser(caller.id);
  const found = await store.tokensById(tokens.map(({ id }) => id).toSorted());
  yield* found.filter((credential) => credential !== null);
}

async function byId(
  rows: AsyncIterable<Credential>,
  wanted: (credential: Credential) => boolean,
  after: readonly string[] | null,
  limit: number,
): Promise<TokenPage> {
  const start = after?.[1] ?? '';
  const items: Credential[] = [];
  for await (const credential of rows) {
    if (credential.token.id <= start || !wanted(credential)) continue;
    if (items.length === limit) {
      return { kind: 'page', items, next: encodeCursor(['', items.at(-1)?.token.id ?? '']) };
    }
    items.push(credential);
  }
  return { kind: 'page', items, next: null };
}

async function inOrder(
  rows: AsyncIterable<Credential>,
  wanted: (credential: Credential) => boolean,
  { sortBy = 'id', sortOrder = 'asc' }: ListQuery,
  after: readonly string[] | null,
  limit: number,
  now: number,
): Promise<TokenPage | ApiError> {
  const keyed: { readonly credential: Credential; readonly place: readonly [string, string] }[] = [];
  for await (const credential of rows) {
    if (!wanted(credential)) continue;
    if (keyed.length === SORTABLE_MAX) {
      return invalid('sortBy', `sortBy: More than ${SORTABLE_MAX} tokens match; narrow the list first.`);
    }
    keyed.push({ credential, place: [sortKey(credential, sortBy, now), credential.token.id] });
  }
  const direction = sortOrder === 'asc' ? 1 : -1;
  keyed.sort((a, b) => direction * comparePlaces(a.place, b.place));
  const rest =
    after === null ? keyed : keyed.filter(({ place }) => direction * comparePlaces(place, after) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    kind: 'page',
    items: page.map(({ credential }) => credential),
    next: last === undefined || rest.length === page.length ? null : encodeCursor(last.place),
  };
}

function isActive({ token }: Credential, now: number): boolean {
  return token.revokedAt === null && expiresAt(token) > now;
}

function isWanted(credential: Credential, { q, type, status }: ListQuery, now: number): boolean {
  const { name, clientName } = credential.token;
  if (q !== undefined) {
    const part = q.toLowerCase();
    if (!name.toLowerCase().includes(part) && !clientName.toLowerCase().includes(part)) return false;
  }
  if (type !== undefined && typeOf(credential).toUpperCase() !== type) return false;
  return status === undefined || statusOf(credential, now) === status;
}

/** Enough digits for every moment, so that texts sort as the numbers do. */
const moment = (time: number) => String(time).padStart(15, '0');

function sortKey(credential: Credential, by: NonNullable<ListQuery['sortBy']>, now: number): string {
  const { token } = credential;
  switch (by) {
    case 'id':
      return '';
    case 'name':
      return token.name.toLowerCase();
    case 'created':
      return moment(token.createdAt);
    case 'lastUsed':
      return moment(token.lastUsedAt ?? 0);
    case 'expiresAt':
      return moment(expiresAt(token));
    case 'type':
      return typeOf(credential);
    case 'status':
      return statusOf(credential, now);
  }
}

function comparePlaces(
  [aKey = '', aId = '']: readonly string[],
  [bKey = '', bId = '']: readonly string[],
): number {
  if (aKey !== bKey) return aKey < bKey ? -1 : 1;
  return aId === bId ? 0 : aId < bId ? -1 : 1;
}
