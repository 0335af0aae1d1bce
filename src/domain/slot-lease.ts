/**
 * The rules of leased slots (docs/limits.md, docs/adr/0013-leased-slots.md). A gateway states, for one endpoint and
 * all of its tokens at once, what it keeps and what it wants; what it states takes the place of what it stated
 * before. So a statement that was lost, or whose answer was, leaves nothing to be made good. No state here.
 */
import type { UnderWay } from './slot-ledger.ts';

/** What a gateway keeps and wants of one token's share. */
export interface SlotClaim {
  readonly tokenId: string;
  /** The most that the token may have under way, everywhere together. */
  readonly share: number;
  /** Slots that are used, or held ready under the lease so far: counted whatever the maxima are now. */
  readonly keep: number;
  /** Requests that wait for the answer. */
  readonly need: number;
  /** `need`, and what is expected to follow. */
  readonly want: number;
}

/** All that one gateway holds of one endpoint. */
export interface SlotStatement {
  readonly endpoint: string;
  /** The most that may be under way at the endpoint. */
  readonly max: number;
  /** Tells this gateway process from all others. */
  readonly gateway: string;
  /** Rises with each statement of the gateway: an older one that arrives later is worth nothing. */
  readonly sequence: number;
  readonly claims: readonly SlotClaim[];
}

/** What the gateway holds now, claim by claim, and what everybody does. */
export interface SlotGrant {
  /** Held by everybody. */
  readonly all: number;
  readonly claims: readonly {
    /** Held by this gateway for this token: at least what it keeps. */
    readonly size: number;
    /** Held by everybody for this token. */
    readonly own: number;
  }[];
}

/** Where the slots are, for all gateways. */
export interface SlotSource {
  /**
   * @returns null when the statement came after a later one
   * @throws StoreAway (by rejection) when there is no answer
   */
  state(statement: SlotStatement): Promise<SlotGrant | null>;
  /** @throws StoreAway (by rejection) when there is no answer */
  count(endpoint: string, tokenId: string): Promise<UnderWay>;
}

/** What a gateway holds is counted for so long after its last statement, by the source's clock; in milliseconds. */
export const SLOT_LEASE_MS = 3_000;
/** A gateway believes in its slots a little shorter than that, since clocks do not tick alike. */
export const SLOT_BELIEF_MS = SLOT_LEASE_MS * 0.999;
/** How often a gateway that holds something says so, in milliseconds. */
export const RENEW_EVERY_MS = 1_000;
/** At most this part of what is left is held ready: near a maximum, slots are asked for one by one. */
export const READY_PART = 16;

/**
 * How many slots a claim gets beyond what it keeps.
 * @param all held by everybody, all that is kept included, and `own` for this token
 */
export function slotsGranted(
  { share, need, want }: SlotClaim,
  max: number,
  all: number,
  own: number,
): number {
  const left = Math.min(share - own, max - all);
  if (left <= 0) return 0;
  return Math.min(left, Math.max(need, Math.min(want, Math.floor(left / READY_PART))));
}

/** How many free slots a gateway may hold ready for a token after an answer. */
export function readyAllowed(share: number, max: number, all: number, own: number, free: number): number {
  const left = Math.min(share - own, max - all) + free;
  return Math.max(0, Math.floor(left / READY_PART));
}
