import { z } from 'zod';
import type { RequestFacts } from './operation.ts';

/**
 * The `Link` headers of a page, one for each relation, with absolute addresses, as Okta's SDKs follow them (docs/okta.md §1).
 * @param next the cursor that the next page starts behind; null on the last page
 * @param dropped parameters that the next page is not asked with, because its cursor stands for them
 */
export function pageLinks(
  { origin, target }: RequestFacts,
  next: string | null,
  limit: number | null,
  dropped: readonly string[] = [],
) {
  const self = new URL(target, origin);
  const links = [`<${absolute(origin, self)}>; rel="self"`];
  if (next !== null) {
    const following = new URL(self);
    for (const name of dropped) following.searchParams.delete(name);
    following.searchParams.set('after', next);
    if (limit !== null) following.searchParams.set('limit', String(limit));
    links.push(`<${absolute(origin, following)}>; rel="next"`);
  }
  return { link: links };
}

function absolute(origin: string, { pathname, search }: URL): string {
  return origin + pathname + search;
}

/** A cursor as readers carry it: opaque, safe in a URL. */
export function encodeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

const CURSOR = z.array(z.string());

/** What `encodeCursor` was given; null for a cursor that was not made here, or not for this many parts. */
export function decodeCursor(cursor: string, length: number): readonly string[] | null {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return null;
  }
  const read = CURSOR.length(length).safeParse(parts);
  return read.success ? read.data : null;
}
