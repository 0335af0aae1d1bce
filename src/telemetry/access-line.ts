import type { RejectionCode } from '../domain/rejection.ts';
import { rejectionRow } from '../domain/rejection.ts';
import type { Credential } from '../domain/token.ts';
import { decidedAt, type Times } from './request-measures.ts';

/** What the access log needs of an exchange's end; the gateway's `Outcome` has it all. */
export interface Ended {
  readonly requestId: string;
  readonly arrival: {
    readonly method: string;
    readonly path: string;
    readonly times: Times;
    readonly trace?: { readonly traceId: string } | null;
  } | null;
  readonly decision: 'forwarded' | RejectionCode;
  readonly permit: {
    readonly credential: Credential;
    readonly endpoint: { readonly name: string };
    readonly client: string;
  } | null;
  readonly rejection: {
    readonly reason: string | null;
    readonly credential: Credential | null;
    readonly endpoint: string | null;
    readonly client: string | null;
    readonly blockedBy: { readonly id: string } | null;
  } | null;
  readonly status: number;
  readonly complete: boolean;
  readonly upstream: string | null;
  readonly target: string | null;
  readonly tries: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The numbers of all requests' ids, which are random: their first 32 bits. */
const ID_RANGE = 2 ** 32;

/**
 * Whether a request is a line: a part of those that went well or that the caller got wrong, and all that went wrong
 * on this side or the upstream's, were denied for where they came from, or broke off. The id decides, so that every
 * gateway that sees the same id decides alike.
 * @param sample the part, from 0 to 1
 */
export function isSampled({ requestId, decision, status, complete }: Ended, sample: number): boolean {
  if (sample >= 1 || status >= 500 || !complete) return true;
  if (
    decision !== 'forwarded' &&
    (decision.startsWith('zone.') || rejectionRow(decision).source !== 'client')
  ) {
    return true;
  }
  return Number.parseInt(requestId.slice(0, 8), 16) < sample * ID_RANGE;
}

/**
 * The fields of one access line: ids, codes and numbers, and the path without its query; never a header, a query or a
 * body, so nothing in it can be a secret that came where secrets belong. docs/logging.md says what each means.
 * @param now when it was over, in milliseconds of the clock of its times
 */
export function accessLine({ arrival, decision, permit, rejection, ...end }: Ended, now: number) {
  const credential = permit?.credential ?? rejection?.credential ?? null;
  return {
    requestId: end.requestId,
    traceId: arrival?.trace?.traceId ?? null,
    method: arrival?.method ?? null,
    path: arrival?.path ?? null,
    decision,
    source: decision === 'forwarded' ? null : rejectionRow(decision).source,
    reason: rejection?.reason ?? null,
    status: end.status,
    complete: end.complete,
    tokenId: credential?.token.id ?? null,
    userId: credential?.token.userId ?? null,
    client: permit?.client ?? rejection?.client ?? null,
    endpoint: permit?.endpoint.name ?? rejection?.endpoint ?? null,
    blockedBy: rejection?.blockedBy?.id ?? null,
    upstream: end.upstream,
    target: end.target,
    tries: end.tries,
    bytesIn: end.bytesIn,
    bytesOut: end.bytesOut,
    ...(arrival === null ? NO_TIMES : timesOf(arrival.times, permit !== null, now)),
  };
}

const NO_TIMES = {
  resolveMs: null,
  zoneMs: null,
  limitMs: null,
  gateMs: null,
  upstreamMs: null,
  forwardMs: null,
  wholeMs: null,
};

function timesOf(
  times: Times,
  permitted: boolean,
  now: number,
): Record<keyof typeof NO_TIMES, number | null> {
  const { began, resolved, zoned, limited, answered } = times;
  return {
    resolveMs: milliseconds(resolved - began),
    zoneMs: milliseconds(zoned - resolved),
    limitMs: milliseconds(limited - zoned),
    gateMs: milliseconds(decidedAt(times) - began),
    upstreamMs: milliseconds(answered - limited),
    forwardMs: permitted ? milliseconds(now - limited) : null,
    wholeMs: milliseconds(now - began),
  };
}

/** To the microsecond; null for the time of what was never reached. */
function milliseconds(ms: number): number | null {
  return Number.isNaN(ms) ? null : Math.round(ms * 1000) / 1000;
}
