import { randomBytes } from 'node:crypto';
import { type RejectionCode, rejectionRow } from '../domain/rejection.ts';
import type { Rejection } from './decision.ts';
import { crowdedHeaders, rateHeaders, secondsUntil } from './limit/rate-headers.ts';
import { ALLOWED_METHODS } from './listen/head.ts';

/** `okta`: Okta's error object. `problem`: RFC 9457's. */
export type RefusalForm = 'okta' | 'problem';

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
  const body = facts.form === 'okta' ? oktaError(rejection.code) : problem(rejection.code, facts.requestId);
  const headers = [
    'Content-Type',
    facts.form === 'okta' ? 'application/json' : 'application/problem+json',
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

function retryAfter(rejection: Rejection, now: number): number {
  const known = rejection.spent === null ? null : secondsUntil(rejection.spent.resetAt, now);
  return Math.max(1, rejection.retryAfterSeconds ?? known ?? UNKNOWN_WAIT_SECONDS);
}

/** Okta's error object, its keys in Okta's order (docs/okta.md §6). */
function oktaError(code: RejectionCode): string {
  const { errorCode, summary, cause } = rejectionRow(code);
  return JSON.stringify({
    errorCode,
    errorSummary: summary,
    errorLink: errorCode,
    errorId: newErrorId(),
    errorCauses: cause === null ? [] : [{ errorSummary: cause }],
  });
}

function problem(code: RejectionCode, requestId: string): string {
  const { status, source, summary, cause } = rejectionRow(code);
  const shown = publicCode(code);
  return JSON.stringify({
    type: `docs/refusals.md#${shown.replaceAll('.', '')}`,
    title: summary,
    status,
    ...(cause === null ? {} : { detail: cause }),
    code: shown,
    source,
    requestId,
  });
}

/** The code as strangers may see it: of what was wrong with a credential or a network, only the stage's word. */
export function publicCode(code: RejectionCode): string {
  const { errorCode } = rejectionRow(code);
  const secretReason = errorCode === 'E0000011' || errorCode === 'E0000006';
  return secretReason ? code.slice(0, code.indexOf('.')) : code;
}

/** `oae` and 22 random characters that are safe in URLs: the form of Okta's ids. */
function newErrorId(): string {
  return `oae${randomBytes(17).toString('base64url').slice(0, 22)}`;
}
