import type { Clock } from '../kernel/clock.ts';
import { elapsedMs, type Moment, momentOf } from '../kernel/moment.ts';
import { type Grant, leaseLifetimeMs, windowMs } from './lease.ts';
import type { Spend, Spent } from './limit-ledger.ts';

/** Requests taken from a window and not yet spent. */
export class Lease {
  left: number;
  readonly size: number;
  readonly resetAt: number;
  /** The budgets that it was granted under: under others it is not spent. */
  readonly share: number;
  readonly max: number;
  /** From when it was asked for: the window it belongs to cannot end within `#windowMs` of that. */
  readonly #sent: Moment;
  readonly #windowMs: number;
  readonly #keepMs: number;
  /** Whether the lease to follow it was asked for. */
  followed = false;

  constructor({ endpoint, share }: Spend, sent: Moment, grant: Grant) {
    this.left = grant.granted;
    this.size = grant.granted;
    this.resetAt = grant.resetAt;
    this.share = share;
    this.max = endpoint.max;
    this.#sent = sent;
    this.#windowMs = windowMs(grant);
    this.#keepMs = Math.min(this.#windowMs, leaseLifetimeMs(endpoint.windowSeconds));
  }

  isFor({ endpoint, share }: Spend): boolean {
    return this.share === share && this.max === endpoint.max;
  }

  /** Whether it may be spent from now. */
  isAlive(clock: Clock): boolean {
    return elapsedMs(clock, this.#sent) < this.#keepMs;
  }

  /** Whether its window surely runs, so that what is left of it is worth giving back. */
  isInWindow(clock: Clock): boolean {
    return elapsedMs(clock, this.#sent) < this.#windowMs;
  }
}

/** A refusal that need not be asked for again for a while. */
export class Refusal {
  readonly #spent: Spent;
  readonly #share: number | null;
  readonly #max: number;
  readonly #sent: Moment;
  readonly #windowMs: number;
  /** When somebody asked last, and how long nobody does after that. */
  #asked: Moment;
  readonly #askAgainMs: number;

  /**
   * @param spent what is answered
   * @param share the share it was refused to; null where the endpoint refuses everybody
   * @param sent when it was asked for
   */
  constructor(
    spent: Spent,
    share: number | null,
    max: number,
    sent: Moment,
    windowMs: number,
    askAgainMs: number,
  ) {
    this.#spent = spent;
    this.#share = share;
    this.#max = max;
    this.#sent = sent;
    this.#windowMs = windowMs;
    this.#asked = sent;
    this.#askAgainMs = askAgainMs;
  }

  /** The refusal, where it answers this request too and it is not time to ask again. */
  of({ endpoint, share }: Spend, clock: Clock): Spent | null {
    if (this.#max !== endpoint.max || (this.#share !== null && this.#share !== share)) return null;
    return this.isInWindow(clock) && elapsedMs(clock, this.#asked) < this.#askAgainMs ? this.#spent : null;
  }

  /** Somebody goes to ask again, so that the others need not. */
  askedAgain(clock: Clock): void {
    this.#asked = momentOf(clock);
  }

  isInWindow(clock: Clock): boolean {
    return elapsedMs(clock, this.#sent) < this.#windowMs;
  }
}
