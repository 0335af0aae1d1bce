import { agedEarly, type TargetOptions } from '../../forward/target.ts';

/** What a connection waits for. `answer`: for the head of one; `body`: for more of one. */
export type Waiting = 'connect' | 'use' | 'answer' | 'body';

/** How long one connection to a target waits for what, and how long it is kept. Looked at now and then; there is no timer. */
export class ConnectionTimes {
  readonly #options: TargetOptions;
  readonly #maxAgeMs: number;
  #keepMs: number;
  /** When it was first looked at, in milliseconds of the monotonic clock. */
  #seenSince: number | null = null;
  #isAged = false;
  /** When the wait was first looked at; null when it is a new one. */
  #waitingSince: number | null = null;
  /** When the answer whose turn it is was first looked at; null when it is another one. */
  #turnSince: number | null = null;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.#keepMs = options.keepAliveMs;
    this.#maxAgeMs = options.maxAgeMs === undefined ? Number.POSITIVE_INFINITY : agedEarly(options.maxAgeMs);
  }

  /** What is waited for has come, or something else is waited for. */
  waitAnew(): void {
    this.#waitingSince = null;
  }

  /** Another answer is the one that is to come first. */
  turnAnew(): void {
    this.#waitingSince = null;
    this.#turnSince = null;
  }

  /** Takes what an answer says. @param keepAliveSeconds null where it says nothing */
  answered(keepAliveSeconds: number | null): void {
    const { keepAliveMs } = this.#options;
    // A second earlier than the upstream would close it: requests cross its end on the way.
    this.#keepMs =
      keepAliveSeconds === null ? keepAliveMs : Math.min(keepAliveMs, keepAliveSeconds * 1000 - 1000);
  }

  /** Whether the connection may be kept for another request. */
  get isWorthKeeping(): boolean {
    return this.#keepMs > 0 && !this.#isAged;
  }

  /** Looks at the time: milliseconds of the monotonic clock. @returns whether it has waited too long */
  isOverdue(now: number, waiting: Waiting): boolean {
    this.#waitingSince ??= now;
    this.#seenSince ??= now;
    this.#isAged = now - this.#seenSince >= this.#maxAgeMs;
    const waited = now - this.#waitingSince;
    const { connectTimeoutMs, headTimeoutMs, idleTimeoutMs } = this.#options;
    switch (waiting) {
      case 'connect':
        return waited >= connectTimeoutMs;
      case 'use':
        return waited >= this.#keepMs || this.#isAged;
      case 'answer':
        return waited >= headTimeoutMs;
      case 'body':
        return idleTimeoutMs > 0 && waited >= idleTimeoutMs;
    }
  }

  /** Whether those behind an answer have waited for it for as long as for a head of their own. */
  isTurnLong(now: number): boolean {
    this.#turnSince ??= now;
    return now - this.#turnSince >= this.#options.headTimeoutMs;
  }
}
