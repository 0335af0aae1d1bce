import { rejectionRow } from '../domain/rejection.ts';
import type { Rejection } from './decision.ts';
import { crowdedHeaders, rateHeaders, secondsUntil } from './limit/rate-headers.ts';
import { ALLOWED_METHODS } from './listen/head.ts';
import { mediaType, type RefusalForm, refusalBody } from './refusal-body.ts';

export interface RefusalFacts {
  readonly requestId: string;
  readonly form: RefusalForm;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Refusal {
  readonly status: number;
  /** Names and values in turn. `Date` and what concerns the connection are the transport's to add. */
  readonly headers: string[];
  /** JSON, ASCII only. `Content-Length` is among the headers. A HEAD request is answered without it. */
  readonly body: string;
}

/** What a caller is told to wait when the failure says nothing about how long it lasts, in seconds. */
const UNKNOWN_WAIT_SECONDS = 1;

/**
 * What the caller is answered when a request is refused. All refusals of a credential read the same, to the byte but
 * for ids, and so do all of a network: a stranger learns nothing (docs/okta.md §6). There is no `WWW-Authenticate`,
 * as with Okta.
 */
export function renderRefusal(rejection: Rejection, facts: RefusalFacts): Refusal {
  const { status } = rejectionRow(rejection.code);
  const body = refusalBody(rejection.code, facts.form, facts.requestId);
  const headers = [
    'Content-Type',
    mediaType(facts.form),
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-cache, no-store',
    'X-Request-Id',
    facts.requestId,
    // Okta's SDK names it when it tries again.
    'X-Okta-Request-Id',
    facts.requestId,
  ];
  if (rejection.spent !== null) {
    headers.push(...rateHeaders(rejection.spent, rejection.windowSeconds, facts.now));
  } else if (rejection.crowded !== null) {
    headers.push(...crowdedHeaders(rejection.crowded, retryAfter(rejection, facts.now), facts.now));
  }
  if (status === 429 || status === 503) headers.push('Retry-After', String(retryAfter(rejection, facts.now)));
  if (status === 405) headers.push('Allow', ALLOWED_METHODS);
  return { status, headers, body };
}

/** Whole seconds, at least 1. @param now milliseconds since the epoch */
export function retryAfter(rejection: Rejection, now: number): number {
  const known = rejection.spent === null ? null : secondsUntil(rejection.spent.resetAt, now);
  return Math.max(1, rejection.retryAfterSeconds ?? known ?? UNKNOWN_WAIT_SECONDS);
}
