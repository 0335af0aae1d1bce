import { z } from 'zod';
import type { Share } from '../../domain/token.ts';
import { type ApiError, BAD_CURSOR, badFilter, invalid } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { type Filter, FilterProblem, parseFilter } from '../filter/parse.ts';
import type { AnyCall } from '../operation.ts';
import { pageById } from '../page-by-id.ts';
import { decodeCursor, encodeCursor } from '../paging.ts';
import { reaches } from '../permissions.ts';
import { scan } from '../scan.ts';
import { pageLimit } from '../validation.ts';
import { isActive } from './find.ts';

const PAGE_MAX = 50;
const PAGE_PRESET = 20;
/** What Okta calls the whole of a body or query here in its refusals. */
export const SUBJECT = 'principalRateLimitMediated';

export const shareQuery = z.object({
  filter: z
    .string()
    .optional()
    .describe('`principalType eq "SSWS_TOKEN"`, and `and principalId eq "…"` for one token.'),
  limit: pageLimit(PAGE_MAX),
  after: z.string().optional().describe('The cursor of a `next` link.'),
});

export type ShareQuery = z.output<typeof shareQuery>;

export interface SharePage {
  readonly kind: 'page';
  readonly items: readonly Share[];
  readonly next: string | null;
  readonly limit: number;
}

/** A page of the shares that the query asks for and the caller's grant reaches, in the order of their ids. */
export async function listShares(
  parts: ControlParts,
  call: AnyCall,
  query: ShareQuery,
): Promise<SharePage | ApiError> {
  const wanted = read(query.filter);
  if (wanted.kind === 'error') return wanted;
  const start = query.after === undefined ? null : decodeCursor(query.after, 1)?.[0];
  if (start === undefined || (start !== null && !/^\w{1,64}$/.test(start))) return BAD_CURSOR;
  const limit = query.limit ?? PAGE_PRESET;
  if (wanted.type !== 'SSWS_TOKEN') return { kind: 'page', items: [], next: null, limit };
  const slices =
    wanted.id === null
      ? scan((after, count) => parts.store.shares(after, count), start)
      : sharesOf(parts, wanted.id, start);
  const choose = (slice: readonly Share[]) => reachable(parts, call, slice);
  const { items, next } = await pageById(slices, choose, limit, ({ id }) => id);
  return { kind: 'page', items, next: next === null ? null : encodeCursor([next]), limit };
}

async function* sharesOf(
  { store }: ControlParts,
  tokenId: string,
  start: string | null,
): AsyncGenerator<readonly Share[]> {
  const share = await store.share(tokenId);
  if (share !== null && (start === null || share.id > start)) yield [share];
}

/** Those whose token is active and within the caller's reach. */
async function reachable(
  { store }: ControlParts,
  { caller, grant, now }: AnyCall,
  slice: readonly Share[],
): Promise<readonly Share[]> {
  const credentials = await store.tokensById(slice.map(({ tokenId }) => tokenId));
  return slice.filter((_, index) => {
    const credential = credentials[index] ?? null;
    return credential !== null && isActive(credential, now) && reaches(grant, caller.user, credential.owner);
  });
}

interface Wanted {
  readonly kind: 'wanted';
  readonly type: string;
  /** The id of the one token; null for all. */
  readonly id: string | null;
}

/** Reads the filter, which must name the type and may name one token. */
function read(text: string | undefined): Wanted | ApiError {
  const filter = text === undefined ? null : parseFilter(text);
  if (filter instanceof FilterProblem) return badFilter('Invalid SCIM filter.', [filter.message]);
  const named = filter === null ? {} : equalities(filter);
  if (named === null) {
    return badFilter('Invalid SCIM filter.', [
      'Only principalType eq, joined by and with principalId eq, is supported here',
    ]);
  }
  const { principaltype: type, principalid: id } = named;
  if (type === undefined) {
    // Okta's spelling.
    const cause =
      'The provided filter parameter did not contain the required attrbute filter "principalType"';
    return invalid(SUBJECT, cause);
  }
  if (type !== 'SSWS_TOKEN' && type !== 'OAUTH_CLIENT') {
    return invalid('principalType', 'principalType: must be SSWS_TOKEN or OAUTH_CLIENT');
  }
  return { kind: 'wanted', type, id: id ?? null };
}

type Named = { principaltype?: string; principalid?: string };

/** The values of a filter that does nothing but ask for equality; null for any other. */
function equalities(filter: Filter): Named | null {
  const parts = filter.kind === 'and' ? filter.filters : [filter];
  const named: Named = {};
  for (const part of parts) {
    if (part.kind !== 'comparison' || part.operator !== 'eq' || typeof part.value !== 'string') return null;
    const field = part.field.toLowerCase();
    if ((field !== 'principaltype' && field !== 'principalid') || named[field] !== undefined) return null;
    named[field] = part.value;
  }
  return named;
}
