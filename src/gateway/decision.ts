import type { Endpoint } from '../domain/endpoint.ts';
import type { Spent } from '../domain/limit-ledger.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import type { Slot, SlotRefusal } from '../domain/slot-ledger.ts';
import type { Credential } from '../domain/token.ts';
import type { Trace } from '../domain/trace-context.ts';
import type { Zone } from '../domain/zone.ts';
import type { Findings } from './findings.ts';
import type { StageTimes } from './stage-times.ts';

/** What a request shows the gate; nothing of sockets. Built by the listen stage, which has judged the head. */
export interface Arrival {
  /** 32 lower-case hexadecimal characters, made here. */
  readonly requestId: string;
  /** One of the methods that listen allows, in capitals. */
  readonly method: string;
  /** The one normal form of the path, without the query; what is matched is what is forwarded. */
  readonly path: string;
  /** The query with its `?`, or the empty string; forwarded as it came. */
  readonly query: string;
  /** The value of the header that carries the credential, or null when there is none. */
  readonly credential: string | null;
  /** The address of the peer of the connection. */
  readonly peer: string;
  /** All `X-Forwarded-For` values joined with commas in their order, or null. */
  readonly forwardedFor: string | null;
  /** What was found in `credential`, `peer` and `forwardedFor` before, from whoever has the same three again. */
  readonly findings?: Findings;
  /** Filled in on the way. */
  readonly times: StageTimes;
  /** Its place in a trace; null or absent where requests are not traced. */
  readonly trace?: Trace | null;
}

// Not exported: only `permit` below can make the brand.
declare const decided: unique symbol;

/** Proof that resolve, zone and limit have agreed. Forwarding takes one, so that forwarding unchecked does not compile. */
export interface Permit {
  readonly [decided]: true;
  readonly kind: 'permit';
  readonly credential: Credential;
  readonly endpoint: Endpoint;
  /** The caller's address: the nearest hop that is not a trusted proxy. */
  readonly client: string;
  /** Null where the endpoint is not limited. */
  readonly spent: Spent | null;
  /** That it is under way; null where any number may be. The pipeline releases it when the exchange has settled. */
  readonly slot: Slot | null;
}

/** A refusal: a value, not an exception. What it says to the caller is in REJECTIONS. */
export interface Rejection {
  readonly kind: 'rejection';
  readonly code: RejectionCode;
  /** What the code leaves open, in a word of a bounded set; for the log, never for the caller. */
  readonly reason: string | null;
  /** Known once the token proved valid; for the log, never for the caller. */
  readonly credential: Credential | null;
  /** The endpoint's name, once matched. */
  readonly endpoint: string | null;
  /** The caller's address as in a permit, once the token proved valid or a blocklist was asked. */
  readonly client: string | null;
  /** The blocklist that keeps the caller out, for `zone.blocked`; for the log, never for the caller. */
  readonly blockedBy: Zone | null;
  /** The budget that refused, for 429. */
  readonly spent: Spent | null;
  /** The maximum of requests under way that refused, in its place. */
  readonly crowded: SlotRefusal | null;
  /** The window of that budget's endpoint, in seconds, for 429. */
  readonly windowSeconds: number | null;
  /** Seconds after which a repeat makes sense, for 429 and 503. */
  readonly retryAfterSeconds: number | null;
}

export type Decision = Permit | Rejection;

/** Makes a permit. Only gate.ts may import this; test/architecture.test.ts holds it to that. */
export function permit(
  { credential, endpoint, client, spent }: Omit<Permit, 'kind' | 'slot' | typeof decided>,
  slot: Slot | null = null,
): Permit {
  return { kind: 'permit', credential, endpoint, client, spent, slot } as Permit;
}

/** Makes a rejection; what is not given is null. */
export function reject(
  code: RejectionCode,
  {
    reason = null,
    credential = null,
    endpoint = null,
    client = null,
    blockedBy = null,
    spent = null,
    crowded = null,
    windowSeconds = null,
    retryAfterSeconds = null,
  }: Partial<Omit<Rejection, 'kind' | 'code'>> = {},
): Rejection {
  return {
    kind: 'rejection',
    code,
    reason,
    credential,
    endpoint,
    client,
    blockedBy,
    spent,
    crowded,
    windowSeconds,
    retryAfterSeconds,
  };
}

/** How long a caller should wait before it tries again what no upstream could serve, in seconds. */
const FAILED_RETRY_SECONDS = 1;

/**
 * Makes the rejection of what the gate has let pass: it has counted, so its caller is told where it stands.
 * @param made null for what the gate has not judged
 * @param reason what the code leaves open
 */
export function rejectBehindGate(
  code: RejectionCode,
  made: Permit | null,
  reason: string | null = null,
): Rejection {
  if (made === null) return reject(code, { reason });
  const { credential, client, endpoint, spent } = made;
  return reject(code, {
    reason,
    credential,
    client,
    endpoint: endpoint.name,
    spent,
    windowSeconds: endpoint.windowSeconds,
    retryAfterSeconds: FAILED_RETRY_SECONDS,
  });
}
