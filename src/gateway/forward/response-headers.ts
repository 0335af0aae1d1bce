import type { Permit } from '../decision.ts';
import { rateHeaders } from '../limit/rate-headers.ts';
import { HOP_BY_HOP, RESERVED_PREFIX } from '../listen/header-roles.ts';

export interface ResponseFacts {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

// What the upstream says of limits and of the request's id would contradict what we say.
const OURS = [
  'x-request-id',
  'x-rate-limit-limit',
  'x-rate-limit-remaining',
  'x-rate-limit-reset',
  'ratelimit',
  'ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
];

// A response to a request without `Upgrade` has no business with it.
const NEVER: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...OURS,
  'connection',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a response header of this name, in small letters, is passed on, unless `Connection` names it. */
export function isPassed(lowered: string): boolean {
  return !NEVER.has(lowered) && !lowered.startsWith(RESERVED_PREFIX);
}

/**
 * The header list of the response to the client, names and values in turn: the upstream's without what belongs to
 * its connection (RFC 9110 §7.6.1) and what is ours to say, then the request's id and the limits it was held to.
 * `Content-Length` stays as it came; a body without one is framed by who carries the response.
 * @param upstream names and values in turn
 * @returns null when the upstream's framing is not one that may be passed on: a transfer coding other than `chunked`, once
 */
export function responseHeaders(
  upstream: readonly string[],
  permit: Permit,
  facts: ResponseFacts,
): string[] | null {
  const headers: string[] = [];
  let named: readonly string[] = [];
  let coded = false;
  for (let at = 0; at + 1 < upstream.length; at += 2) {
    const name = upstream[at] ?? '';
    const value = upstream[at + 1] ?? '';
    const lowered = name.toLowerCase();
    if (lowered === 'transfer-encoding') {
      if (coded || value.toLowerCase() !== 'chunked') return null;
      coded = true;
    }
    if (lowered === 'connection') named = [...named, ...namesIn(value)];
    if (isPassed(lowered)) headers.push(name, value);
  }
  const kept = named.length === 0 ? headers : without(headers, named);
  kept.push('X-Request-Id', facts.requestId);
  if (permit.spent !== null) {
    kept.push(...rateHeaders(permit.spent, permit.endpoint.windowSeconds, facts.now));
  }
  return kept;
}

function namesIn(connection: string): string[] {
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

// Framing is not the upstream's to take back: without its length a body could run into the next response.
function without(headers: readonly string[], named: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = (headers[at] ?? '').toLowerCase();
    if (name === 'content-length' || !named.includes(name))
      kept.push(headers[at] ?? '', headers[at + 1] ?? '');
  }
  return kept;
}
