import { z } from 'zod';
import { type Credential, expiresAt } from '../../domain/token.ts';
import type { User } from '../../domain/user.ts';
import { type ApiError, BAD_CURSOR, invalid } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { FirstInOrder } from '../first-in-order.ts';
import { LOOKED_AT_MAX, pageById } from '../page-by-id.ts';
import { decodeCursor, encodeCursor } from '../paging.ts';
import { type Grant, reaches } from '../permissions.ts';
import { scan } from '../scan.ts';
import { pageLimit } from '../validation.ts';
import { statusOf, TOKEN_STATUSES, typeOf } from './status.ts';

/** Without a limit all tokens are one page, up to this many: no answer is longer. */
const PAGE_MAX = 1000;
/** Another order than that of ids has to look at every one. */
const TOO_MANY_TO_SORT = invalid(
  'sortBy',
  `sortBy: There are more than ${LOOKED_AT_MAX} tokens to sort. List them in the order of their ids, which is that without sortBy.`,
);

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
  const sorted = (query.sortBy ?? 'id') !== 'id' || query.sortOrder === 'desc';
  const start = sorted ? null : (after?.[1] ?? null);
  const slices = scan(
    (from, count) =>
      grant === 'own' ? store.tokensOfUser(caller.id, from, count) : store.tokens(from, count),
    start,
  );
  return sorted ? inOrder(slices, wanted, query, after, limit, now) : byId(slices, wanted, limit);
}

async function byId(
  slices: AsyncIterable<readonly Credential[]>,
  wanted: (credential: Credential) => boolean,
  limit: number,
): Promise<TokenPage> {
  const choose = (slice: readonly Credential[]) => slice.filter(wanted);
  const { items, next } = await pageById(slices, choose, limit, ({ token }) => token.id);
  return { kind: 'page', items, next: next === null ? null : encodeCursor(['', next]) };
}

interface Placed {
  readonly credential: Credential;
  readonly place: readonly [key: string, id: string];
}

async function inOrder(
  slices: AsyncIterable<readonly Credential[]>,
  wanted: (credential: Credential) => boolean,
  { sortBy = 'id', sortOrder = 'asc' }: ListQuery,
  after: readonly string[] | null,
  limit: number,
  now: number,
): Promise<TokenPage | ApiError> {
  const direction = sortOrder === 'asc' ? 1 : -1;
  const compare = (a: readonly string[], b: readonly string[]) => direction * comparePlaces(a, b);
  // One more than the page, which tells whether there is a next one.
  const firsts = new FirstInOrder<Placed>(limit + 1, (a, b) => compare(a.place, b.place));
  let lookedAt = 0;
  for await (const slice of slices) {
    lookedAt += slice.length;
    if (lookedAt > LOOKED_AT_MAX) return TOO_MANY_TO_SORT;
    for (const credential of slice) {
      if (!wanted(credential)) continue;
      const place = [sortKey(credential, sortBy, now), credential.token.id] as const;
      if (after === null || compare(place, after) > 0) firsts.add({ credential, place });
    }
  }
  const found = firsts.first();
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return {
    kind: 'page',
    items: shown.map(({ credential }) => credential),
    next: last === undefined || found.length === shown.length ? null : encodeCursor(last.place),
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
