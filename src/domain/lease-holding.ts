import type { Clock } from '../kernel/clock.ts';
import type { Lease, Refusal } from './held-lease.ts';
import {
  DEMAND_MS,
  demand,
  GROWTH,
  type Grant,
  JOINED_GROWTH,
  type LeaseRequest,
  leaseLifetimeMs,
  measured,
  type Rate,
  renewMark,
} from './lease.ts';
import type { Spend, Spent } from './limit-ledger.ts';

/** A request that waits for an answer of the source. */
export interface Waiter {
  readonly spend: Spend;
  readonly answer: (spent: Spent) => void;
  readonly fail: (error: unknown) => void;
}

/** What this gateway knows and holds of one token's share of one endpoint. */
export class Holding {
  readonly tokenId: string;
  /** The limits that it was last asked about under. */
  limits: Spend;
  /** Spent from first. */
  lease: Lease | null = null;
  /** Spent from when the first has run out. */
  next: Lease | null = null;
  refusal: Refusal | null = null;
  waiters: Waiter[] = [];
  /** Whether a question is under way; there is never more than one. */
  asking = false;
  /** Whether it is among those that others ask for too. */
  inDemand = false;
  /** How many answers in a row came after the end of the window that they spoke of. */
  lateAnswers = 0;
  /** When the source was last asked, in monotonic milliseconds. */
  askedAt = Number.NEGATIVE_INFINITY;
  /** As of the last grant: leased to everybody, and for this token. */
  #all = 0;
  #own = 0;
  #rate: Rate = { perMs: 0, overMs: 0 };
  #spentSince = 0;
  #sizeBefore = 0;
  /** Whether the last grant had more than those needed who waited. */
  #isLeased = false;

  /** @param cameAt when the token came for the first time, if `cameOnce` was true of what was held of it then */
  constructor(spend: Spend, cameAt: number | null = null) {
    this.tokenId = spend.tokenId;
    this.limits = spend;
    if (cameAt === null) return;
    this.askedAt = cameAt;
    this.#spentSince = 1;
    this.#sizeBefore = 1;
  }

  /** Whether nothing is known of the token but when it was asked for: it came once, and was granted that one request. */
  get cameOnce(): boolean {
    const isQuiet = this.lease === null && this.refusal === null && !this.asking && this.waiters.length === 0;
    const { perMs, overMs } = this.#rate;
    const isNew = perMs === 0 && overMs === 0 && !this.#isLeased && this.lateAnswers === 0;
    return isQuiet && isNew && this.#spentSince === 1 && this.#sizeBefore === 1;
  }

  /** What to ask for: for those that wait, and what is likely to be spent soon. Begins to measure anew. */
  request(now: number): LeaseRequest {
    const { endpoint, share } = this.limits;
    const need = this.waiters.filter((waiter) => isLike(waiter.spend, this.limits)).length;
    const want = need + this.#demandAt(now, need === 0 ? JOINED_GROWTH : GROWTH);
    this.#rate = this.#rateAt(now);
    this.#spentSince = 0;
    this.askedAt = now;
    return { endpoint, tokenId: this.tokenId, share, need, want };
  }

  /**
   * Whether it will soon be spent from again, going by what was spent since it was last asked for. For whom nothing was
   * leased ahead must have come just now: where that is rare, what is leased in vain goes back by a command of its own.
   */
  isInDemand(now: number): boolean {
    if (!this.#isLeased && now - this.askedAt > DEMAND_MS) return false;
    return this.#demandAt(now, JOINED_GROWTH) > 0;
  }

  /** Whether to ask for more of it along with others: some of what was leased is spent, or it is too old. */
  isLow(clock: Clock): boolean {
    if (this.asking || this.next !== null) return false;
    return this.lease === null || this.lease.left <= renewMark(this.lease.size) || !this.lease.isAlive(clock);
  }

  learn({ need }: LeaseRequest, { all, own, granted }: Grant): void {
    this.#isLeased = granted > need;
    this.#all = all;
    this.#own = own;
    this.#sizeBefore = granted;
  }

  /** Keeps a lease. One of an ended window is worth nothing any more. @returns how much was lost with that */
  keep(lease: Lease): number {
    let lost = 0;
    if (this.lease !== null && this.lease.resetAt !== lease.resetAt) {
      lost = this.lease.left;
      this.lease = null;
    }
    if (this.lease === null) this.lease = lease;
    else this.next = lease;
    return lost;
  }

  /** Lets go of a lease, if it is held. @returns how much of it was not spent */
  drop(lease: Lease): number {
    if (this.lease === lease) {
      this.lease = this.next;
      this.next = null;
    } else if (this.next === lease) this.next = null;
    else return 0;
    this.#all -= lease.left;
    this.#own -= lease.left;
    return lease.left;
  }

  /** Spends one request of the lease, and says what is left: at most that, since others spend as well. */
  spend({ endpoint, share }: Spend, lease: Lease): Spent {
    lease.left -= 1;
    this.#spentSince += 1;
    const here = (this.lease?.left ?? 0) + (this.next?.left ?? 0);
    const unspent = this.lease === lease || this.next === lease ? here : here + lease.left;
    const ofShare = Math.max(0, share - this.#own + unspent);
    const ofAll = Math.max(0, endpoint.max - this.#all + unspent);
    return ofShare <= ofAll
      ? { admitted: true, scope: 'token', limit: share, remaining: ofShare, resetAt: lease.resetAt }
      : { admitted: true, scope: 'endpoint', limit: endpoint.max, remaining: ofAll, resetAt: lease.resetAt };
  }

  #rateAt(now: number): Rate {
    return measured(this.#rate, this.#spentSince, now - this.askedAt, this.#lifetimeMs);
  }

  #demandAt(now: number, growth: number): number {
    return demand(this.#rateAt(now).perMs, growth * Math.max(1, this.#sizeBefore), this.#lifetimeMs);
  }

  get #lifetimeMs(): number {
    return leaseLifetimeMs(this.limits.endpoint.windowSeconds);
  }
}

/** Whether both requests are counted against the same budgets. */
export function isLike(one: Spend, other: Spend): boolean {
  return one.share === other.share && one.endpoint.max === other.endpoint.max;
}
