import { HOP_BY_HOP, RESERVED_PREFIX } from '../../listen/header-roles.ts';

/*
 * Trailers (RFC 9110 §6.5). Those of a request are dropped: what comes behind the body was judged by nobody. Those
 * of an answer pass when the upstream announced them in `Trailer` and nobody could take them for something that
 * must be known before the body: framing, routing, authentication, caching, what the body is, or what is ours to say.
 */

const NEVER: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'accept-ranges',
  'age',
  'alt-svc',
  'authorization',
  'cache-control',
  'connection',
  'cookie',
  'date',
  'etag',
  'expect',
  'expires',
  'host',
  'last-modified',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'refresh',
  'retry-after',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-request-id',
]);
const NEVER_BEGINNING = [
  RESERVED_PREFIX,
  'access-control-',
  'content-',
  'ratelimit',
  'x-forwarded',
  'x-rate-limit-',
];
const TOKEN = /^[a-z0-9!#$%&'*+.^`|~-]+$/;

// A digest over the body can only be known behind it (RFC 9530 §2).
const DIGESTS: ReadonlySet<string> = new Set(['content-digest', 'content-md5']);

/**
 * The names of trailers that the upstream announces and that may pass, in small letters.
 * @param headers of the answer, names and values in turn
 */
export function announcedTrailers(headers: readonly string[]): string[] {
  const names: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'trailer') continue;
    for (const part of (headers[at + 1] ?? '').split(',')) {
      const name = part.trim().toLowerCase();
      if (mayPass(name) && !names.includes(name)) names.push(name);
    }
  }
  return names;
}

function mayPass(name: string): boolean {
  if (!TOKEN.test(name) || NEVER.has(name)) return false;
  return DIGESTS.has(name) || !NEVER_BEGINNING.some((beginning) => name.startsWith(beginning));
}

/**
 * Those of the trailers that were announced, as pairs.
 * @param trailers names and values in turn
 */
export function passingTrailers(
  trailers: readonly string[],
  announced: readonly string[],
): [string, string][] {
  const passing: [string, string][] = [];
  for (let at = 0; at + 1 < trailers.length; at += 2) {
    const name = trailers[at] ?? '';
    if (announced.includes(name.toLowerCase())) passing.push([name, trailers[at + 1] ?? '']);
  }
  return passing;
}
