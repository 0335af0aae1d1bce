/**
 * The rules of leased budgets (docs/limits.md): how much of a window a gateway takes at once, how long it may spend
 * from that, and how long a refusal is remembered. No state here; the ledger and every source of leases keep them.
 */
import type { LimitedEndpoint } from './endpoint.ts';
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
  readonly tokenId: string;
  readonly count: number;
  /** The window from which they were taken: its end, as the grant said. In any other they are worth nothing. */
  readonly resetAt: number;
}

/** What a gateway gives back to one endpoint's window, and then wants of it, for several tokens at once. */
export interface LeaseQuestion {
  readonly endpoint: LimitedEndpoint;
  /** At most `TOKENS_AT_ONCE`. */
  readonly returns: readonly Returned[];
  /** At most `TOKENS_AT_ONCE`; granted in this order. */
  readonly asks: readonly LeaseRequest[];
}

/** Where the budgets are, for all gateways. */
export interface LeaseSource {
  /**
   * Asked once and never tried again: a request given back twice could be admitted twice.
   * @returns a grant for each of `asks`, in their order
   * @throws StoreAway (by rejection) when there is no answer; what may have been granted or given back is then lost,
   * never spent
   */
  exchange(question: LeaseQuestion): Promise<readonly Grant[]>;
  /** What is leased in the window that is open now, without taking any of it. @throws StoreAway */
  count(endpoint: string, tokenId: string): Promise<Counted>;
}

/** Tokens in one question at the most, so that its script blocks Redis for less than a millisecond. */
export const TOKENS_AT_ONCE = 100;

/** A lease covers so much of the demand seen last, in milliseconds. */
export const DEMAND_MS = 50;
/** A token that asks less than this in `DEMAND_MS` is leased as much, as far as it will ask within a lease's life. */
const WORTH_ASKING_FOR = 12;
/** At most this part of what is left in a window is leased ahead of need: so leases shrink towards its end. */
export const PART_OF_LEFT = 16;
/** A budget with less left than this is taken request by request. */
export const TOO_LITTLE_LEFT = 2 * PART_OF_LEFT;
/** A lease is at most so many times as large as the one before: a short burst is no demand. */
export const GROWTH = 4;
/** The same where others ask along: somebody who came once may not come again. */
export const JOINED_GROWTH = 2;
/** Who did not ask for so many lives of a lease begins anew. */
const AWAY = 4;
/** Of what is reported as left of a window only so much is believed, since clocks do not tick alike. */
const CLOCK_RATE = 0.999;

/** How much one question may take ahead of need, for all its tokens together, of an endpoint of which `all` are leased. */
export function aheadOfNeed({ max }: LimitedEndpoint, all: number): number {
  return max - all < TOO_LITTLE_LEFT ? 0 : Math.floor((max - all) / PART_OF_LEFT);
}

/**
 * How many requests a window grants.
 * @param all leased to everybody before, and `own` for this token
 * @param ahead what the question may still take ahead of need
 */
export function leaseSize(
  { endpoint, share, need, want }: LeaseRequest,
  all: number,
  own: number,
  ahead: number,
): number {
  const left = Math.min(share - own, endpoint.max - all);
  if (left <= 0) return 0;
  const spare = left < TOO_LITTLE_LEFT ? 0 : Math.min(ahead, Math.floor(left / PART_OF_LEFT));
  return Math.min(left, Math.max(need, Math.min(want, spare)));
}

/** How long a lease may be kept from when it was asked for, in milliseconds: a twentieth of the window, 50 to 500 ms. */
export function leaseLifetimeMs(windowSeconds: number): number {
  return Math.min(500, Math.max(50, windowSeconds * 50));
}

/** How often leases that were kept long enough are looked for and given back, in milliseconds. */
export const RETURN_EVERY_MS = 50;

/** For how long what is given back waits for a question that takes it along, in milliseconds: a part of what `looseMs` allows. */
export function returnsWaitMs(windowSeconds: number): number {
  return leaseLifetimeMs(windowSeconds) / 4;
}

/**
 * For how long, from when it was granted, something of a lease may come back, in milliseconds: its lifetime, until it is
 * seen to be over, until it is given back, and time to arrive.
 */
export function looseMs(windowSeconds: number): number {
  const lifetime = leaseLifetimeMs(windowSeconds);
  return lifetime + Math.max(lifetime, 3 * RETURN_EVERY_MS);
}

/** How fast a token spends. */
export interface Rate {
  readonly perMs: number;
  /** Over what time that was seen. */
  readonly overMs: number;
}

/**
 * A rate, and what was spent since it was measured. What was before counts for no longer than a lease lives, and not
 * at all for a token that was away.
 */
export function measured(
  { perMs, overMs }: Rate,
  spent: number,
  elapsedMs: number,
  lifetimeMs: number,
): Rate {
  if (elapsedMs > AWAY * lifetimeMs) return { perMs: spent / elapsedMs, overMs: 0 };
  const seenMs = Math.max(1, overMs + elapsedMs);
  return { perMs: (spent + perMs * overMs) / seenMs, overMs: Math.min(lifetimeMs, seenMs) };
}

/**
 * How many requests a lease should cover: those likely to follow in `DEMAND_MS`; of a slow token a few more, as far as
 * they are likely to come while the lease lives.
 * @param most by the size of the lease before
 */
export function demand(perMs: number, most: number, lifetimeMs: number): number {
  const expected = Math.max(perMs * DEMAND_MS, Math.min(WORTH_ASKING_FOR, perMs * lifetimeMs));
  return Math.min(Math.floor(expected), most);
}

/** How much of a lease is left when the next one is asked for. Leases under four requests are not worth it. */
export function lowMark(size: number): number {
  return Math.floor(size / 4);
}

/** How much of a lease is left when the next one is asked for along with those of others. */
export function renewMark(size: number): number {
  return Math.floor((size * 7) / 8);
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
