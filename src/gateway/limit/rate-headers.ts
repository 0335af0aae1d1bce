import type { Spent } from '../../domain/limit-ledger.ts';
import type { SlotRefusal } from '../../domain/slot-ledger.ts';
import { decimal } from './decimal.ts';

/**
 * The limit headers of a response, as names and values in turn: Okta's three (docs/okta.md §5), and the structured
 * pair of draft-ietf-httpapi-ratelimit-headers (revision 08 and later), whose policy is named for the budget that
 * binds: `token` or `endpoint`.
 * @param windowSeconds the endpoint's window; null where the answer is made without knowing it
 * @param now milliseconds since the epoch
 */
export function rateHeaders(spent: Spent, windowSeconds: number | null, now: number): string[] {
  const { scope, limit, remaining, resetAt } = spent;
  const window = windowSeconds === null ? '' : `;w=${windowSeconds}`;
  return [
    'X-Rate-Limit-Limit',
    String(limit),
    'X-Rate-Limit-Remaining',
    String(remaining),
    'X-Rate-Limit-Reset',
    String(Math.ceil(resetAt / 1000)),
    'RateLimit-Policy',
    `"${scope}";q=${limit}${window}`,
    'RateLimit',
    `"${scope}";r=${remaining};t=${secondsUntil(resetAt, now)}`,
  ];
}

/** The same as lines, each with its CRLF: what is written for nearly every response is not taken apart first. */
export function rateLines(spent: Spent, windowSeconds: number | null, now: number): string {
  const { scope, limit, remaining, resetAt } = spent;
  const window = windowSeconds === null ? '' : `;w=${windowSeconds}`;
  const left = decimal(remaining);
  return `X-Rate-Limit-Limit: ${limit}\r\nX-Rate-Limit-Remaining: ${left}\r\nX-Rate-Limit-Reset: ${Math.ceil(
    resetAt / 1000,
  )}\r\nRateLimit-Policy: "${scope}";q=${limit}${window}\r\nRateLimit: "${scope}";r=${left};t=${secondsUntil(
    resetAt,
    now,
  )}\r\n`;
}

/**
 * The limit headers of a request that was refused because too many are under way. Okta's three say 0 of 0 and when to
 * come back (docs/okta.md §5). The structured pair says the maximum, which is of no window.
 * @param seconds after which to come back
 * @param now milliseconds since the epoch
 */
export function crowdedHeaders({ scope, limit }: SlotRefusal, seconds: number, now: number): string[] {
  return [
    'X-Rate-Limit-Limit',
    '0',
    'X-Rate-Limit-Remaining',
    '0',
    'X-Rate-Limit-Reset',
    String(Math.ceil(now / 1000) + seconds),
    'RateLimit-Policy',
    `"concurrent-${scope}";q=${limit};qu="concurrent-requests"`,
    'RateLimit',
    `"concurrent-${scope}";r=0;t=${seconds}`,
  ];
}

/** Whole seconds until a moment, rounded up so that nobody comes back early; 0 once it has passed. Both in milliseconds since the epoch. */
export function secondsUntil(moment: number, now: number): number {
  return Math.max(0, Math.ceil((moment - now) / 1000));
}
