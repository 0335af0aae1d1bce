/**
 * The rules of leased budgets (docs/limits.md): how much of a window a gateway takes at once, how long it may spend
 * from that, and how long a refusal is remembered. No state here; the ledger and every source of leases keep them.
 */
import type { Counted, Spend } from './limit-ledger.ts';

/** A gateway's wish to take requests of one window from the token's share and the endpoint's maximum together. */
export interface LeaseRequest extends Spend {
  /** Requests that wait for the answer, and will be spent the moment it arrives. */
  readonly need: number;
  /** `need`, and what is expected to follow. */
  readonly want: number;
}

/** What the window said. Counts are of requests leased, less those given back, and include this grant. */
export interface Grant {
  /** From 0 to the larger of `need` and `want`; less than `need` only when a budget has run out. */
  readonly granted: number;
  /** Leased to everybody. */
  readonly all: number;
  /** Leased for this token. */
  readonly own: number;
  /** When the window ends: milliseconds since the epoch by the source's clock, a whole second. */
  readonly resetAt: number;
  /** How long the window had still to go when this was granted, in milliseconds by the source's clock. More than 0. */
  readonly endsInMs: number;
  /** For how long some of what everybody leased may yet be given back, in milliseconds; 0 when all is surely spent. */
  readonly allLooseMs: number;
  /** The same for what was leased for this token. */
  readonly ownLooseMs: number;
}

/** Requests that were leased and not spent. */
export interface Returned {
  readonly endpoint: string;
  readonly tokenId: string;
  readonly count: number;
  /** The window from which they were taken: its end, as the grant said. In any other they are worth nothing. */
  readonly resetAt: number;
}

/** Where the budgets are, for all gateways. */
export interface LeaseSource {
  /** @throws StoreAway (by rejection) when there is no answer; what may have been granted is then lost, never spent */
  take(request: LeaseRequest): Promise<Grant>;
  /** May be lost, and is never tried twice: a request given back twice could be admitted twice. @throws StoreAway */
  giveBack(returned: Returned): Promise<void>;
  /** What is leased in the window that is open now, without taking any of it. @throws StoreAway */
  count(endpoint: string, tokenId: string): Promise<Counted>;
}

/** A lease covers so much of the demand seen last, in milliseconds. */
export const DEMAND_MS = 50;
/** At most this part of what is left in a window is leased ahead of need: so leases shrink towards its end. */
export const PART_OF_LEFT = 16;
/** A lease is at most so many times as large as the one before: a short burst is no demand. */
const GROWTH = 4;
/** Of what is reported as left of a window only so much is believed, since clocks do not tick alike. */
const CLOCK_RATE = 0.999;

/**
 * How many requests a window grants.
 * @param all leased to everybody before, and `own` for this token
 */
export function leaseSize({ endpoint, share, need, want }: LeaseRequest, all: number, own: number): number {
  const left = Math.min(share - own, endpoint.max - all);
  if (left <= 0) return 0;
  return Math.min(left, Math.max(need, Math.min(want, Math.floor(left / PART_OF_LEFT))));
}

/** How long a lease may be kept from when it was asked for, in milliseconds: a twentieth of the window, 50 to 500 ms. */
export function leaseLifetimeMs(windowSeconds: number): number {
  return Math.min(500, Math.max(50, windowSeconds * 50));
}

/** For how long, from when it was granted, something of a lease may come back: its lifetime, and time to arrive. */
export function looseMs(windowSeconds: number): number {
  return 2 * leaseLifetimeMs(windowSeconds);
}

/**
 * How many requests are likely to follow in `DEMAND_MS`.
 * @param spent in the `elapsedMs` since the last lease
 * @param before size of that lease
 */
export function demand(spent: number, elapsedMs: number, before: number): number {
  const expected = Math.floor((spent * DEMAND_MS) / Math.max(1, elapsedMs));
  return Math.min(expected, GROWTH * Math.max(1, before));
}

/** How much of a lease is left when the next one is asked for. Leases under four requests are not worth it. */
export function lowMark(size: number): number {
  return Math.floor(size / 4);
}

/** For how long after the question was sent its answer concerns the running window, in milliseconds. */
export function windowMs({ endsInMs }: Grant): number {
  return endsInMs * CLOCK_RATE;
}

/** Whether a window has nothing more to grant to this token. */
export function isExhausted({ endpoint, share }: Spend, { all, own }: Grant): boolean {
  return own >= share || all >= endpoint.max;
}

/**
 * How long a refusal is believed before somebody asks again, in milliseconds: for as long as the window runs, or half
 * the life of a lease where other gateways may give something back to the budget that refuses.
 */
export function askAgainMs({ endpoint, share }: Spend, { all, own, allLooseMs, ownLooseMs }: Grant): number {
  const shareFrees = own < share || ownLooseMs > 0;
  const endpointFrees = all < endpoint.max || allLooseMs > 0;
  return shareFrees && endpointFrees ? leaseLifetimeMs(endpoint.windowSeconds) / 2 : Number.POSITIVE_INFINITY;
}
