import type { Clock } from '../kernel/clock.ts';
import { elapsedMs, type Moment } from '../kernel/moment.ts';
import { readyAllowed, SLOT_BELIEF_MS, type SlotClaim, type SlotGrant } from './slot-lease.ts';
import type { Slot, SlotRefusal, SlotRequest } from './slot-ledger.ts';

/** For how long a refusal is believed before the source is asked again, in milliseconds. */
const REFUSED_MS = 50;

/** A request that waits for an answer of the source. */
export interface SlotWaiter {
  readonly request: SlotRequest;
  readonly answer: (answer: Slot | SlotRefusal) => void;
  readonly fail: (error: unknown) => void;
}

/** What this gateway holds of one token's share of one endpoint. */
export class TokenSlots {
  readonly tokenId: string;
  /** The share that `size` was granted under. */
  share: number;
  /** Requests that are under way. */
  used = 0;
  /** Slots that are held, used or not; less than `used` never, but what is free may be none. */
  size = 0;
  /** How many may be held ready, as of the last answer. */
  ready = 0;
  /**
   * Whether a slot that becomes free may be taken again: not where it was granted under other limits, nor where more
   * is held everywhere together than there may be.
   */
  reusable = true;
  /** Whether one was taken since somebody looked. */
  touched = true;
  /** Until when a refusal is believed, in monotonic milliseconds. */
  refusedUntil = Number.NEGATIVE_INFINITY;

  constructor(tokenId: string, share: number) {
    this.tokenId = tokenId;
    this.share = share;
  }

  get free(): number {
    return this.reusable ? this.size - this.used : 0;
  }

  /** Gives up what is free beyond `most`. */
  keepReady(most: number): void {
    this.size = this.used + Math.min(this.free, most);
  }

  /** Other limits hold: what is free, or becomes free, was not granted under them. */
  doubt(): void {
    this.reusable = false;
    this.refusedUntil = Number.NEGATIVE_INFINITY;
  }
}

/** What this gateway holds of one endpoint. All of it is stated, and lapses, together. */
export class EndpointSlots {
  readonly name: string;
  readonly tokens = new Map<string, TokenSlots>();
  /** The maximum that everything was granted under. */
  max: number;
  /** Requests that are under way. */
  used = 0;
  waiters: SlotWaiter[] = [];
  /** Whether a statement is under way; there is never more than one. */
  stating = false;
  /** When the last statement that was answered was sent; null when none was, or nothing is held. */
  statedAt: Moment | null = null;
  /** No statement is made for its own sake before that, in monotonic milliseconds. */
  quietUntil = Number.NEGATIVE_INFINITY;
  /** Until when it is believed that everybody is refused, in monotonic milliseconds. */
  refusedUntil = Number.NEGATIVE_INFINITY;

  constructor(name: string, max: number) {
    this.name = name;
    this.max = max;
  }

  /** Whether the source surely still counts what is held here. */
  isAlive(clock: Clock): boolean {
    return this.statedAt !== null && elapsedMs(clock, this.statedAt) < SLOT_BELIEF_MS;
  }

  /** Whether more stands ready than may. */
  get hasSpare(): boolean {
    for (const token of this.tokens.values()) if (token.free > token.ready) return true;
    return false;
  }

  /** The token's slots. What is free was granted under the limits so far, and is given up where they are others. */
  underLimitsOf({ endpoint, tokenId, share }: SlotRequest): TokenSlots {
    if (this.max !== endpoint.concurrent) {
      this.max = endpoint.concurrent;
      this.refusedUntil = Number.NEGATIVE_INFINITY;
      for (const token of this.tokens.values()) token.doubt();
    }
    const token = this.tokenOf({ tokenId, share });
    if (token.share !== share) {
      token.share = share;
      token.doubt();
    }
    return token;
  }

  tokenOf({ tokenId, share }: Pick<SlotRequest, 'tokenId' | 'share'>): TokenSlots {
    let token = this.tokens.get(tokenId);
    if (token === undefined) {
      token = new TokenSlots(tokenId, share);
      this.tokens.set(tokenId, token);
    }
    return token;
  }

  /** Takes a free slot, if there is one that may be used. */
  take(token: TokenSlots, clock: Clock): Slot | null {
    if (token.free <= 0 || token.used >= token.share || this.used >= this.max || !this.isAlive(clock)) {
      return null;
    }
    token.used += 1;
    token.touched = true;
    this.used += 1;
    return new LeasedSlot(this, token);
  }

  /** A refusal that need not be asked for again yet. */
  refusal(token: TokenSlots, clock: Clock): SlotRefusal | null {
    const now = clock.monotonic();
    if (now < token.refusedUntil) return { scope: 'token', limit: token.share };
    return now < this.refusedUntil ? { scope: 'endpoint', limit: this.max } : null;
  }

  /** Everything that is held and waited for. What is held ready beyond what may be is given up from here on. */
  claims(ahead: string | null, clock: Clock): readonly SlotClaim[] {
    const alive = this.isAlive(clock);
    const needs = new Map<string, number>();
    for (const { request } of this.waiters) needs.set(request.tokenId, (needs.get(request.tokenId) ?? 0) + 1);
    const claims: SlotClaim[] = [];
    for (const token of this.tokens.values()) {
      token.keepReady(alive ? token.ready : 0);
      const { tokenId, share, used, size: keep } = token;
      const need = needs.get(tokenId) ?? 0;
      const wantsMore = need > 0 || tokenId === ahead;
      if (keep > 0 || wantsMore) {
        claims.push({ tokenId, share, keep, need, want: wantsMore ? need + 1 + (used >> 2) : 0 });
      }
    }
    return claims;
  }

  /** Takes in the answer to a statement that was sent at `sent`, made under the maximum `max`. */
  learn(claims: readonly SlotClaim[], max: number, grant: SlotGrant, sent: Moment, clock: Clock): void {
    this.statedAt = claims.length === 0 ? null : sent;
    const until = clock.monotonic() + REFUSED_MS;
    for (const [i, claim] of claims.entries()) {
      const token = this.tokens.get(claim.tokenId);
      const granted = grant.claims[i];
      if (token === undefined || granted === undefined) continue;
      const over = grant.all > max || granted.own > claim.share;
      token.size = Math.max(token.used, granted.size);
      token.reusable = !over && max === this.max && claim.share === token.share;
      token.ready = readyAllowed(claim.share, max, grant.all, granted.own, token.free);
      token.refusedUntil = granted.own >= claim.share ? until : Number.NEGATIVE_INFINITY;
    }
    this.refusedUntil = grant.all >= max ? until : Number.NEGATIVE_INFINITY;
  }

  /** Forgets tokens of which nothing is held. */
  forget(): void {
    for (const token of this.tokens.values()) {
      if (token.size === 0 && token.used === 0 && !this.stating) this.tokens.delete(token.tokenId);
    }
  }
}

class LeasedSlot implements Slot {
  readonly #endpoint: EndpointSlots;
  readonly #token: TokenSlots;
  #held = true;

  constructor(endpoint: EndpointSlots, token: TokenSlots) {
    this.#endpoint = endpoint;
    this.#token = token;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#token.used -= 1;
    this.#endpoint.used -= 1;
    // What is free now may be another token's as soon as it is asked for.
    this.#endpoint.refusedUntil = Number.NEGATIVE_INFINITY;
  }
}
