import type { Clock } from './clock.ts';

/**
 * Keeps callers from waiting for something that has just failed to answer. Closed: everybody may call. After a
 * failure it is open for `retryAfterMs`, during which nobody should; then one caller at a time may try, until one
 * succeeds. It may stand within another: while that is open, this one is too.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #retryAfterMs: number;
  /** Told each time the breaker opens, with the reason, or closes, with null; not at each failure, and not twice for two reasons. */
  readonly #onTransition: (reason: string | null) => void;
  readonly #within: Breaker | null;
  /** Those that stand within this one. */
  readonly #inside: Breaker[] = [];
  /** Whether the last that was told is that it opened. */
  #isToldOpen = false;
  #reason: string | null = null;
  /** Monotonic milliseconds from which the next trial is allowed, while open. */
  #nextTrialAt = 0;

  constructor(
    clock: Clock,
    retryAfterMs: number,
    onTransition: (reason: string | null) => void = () => {},
    within: Breaker | null = null,
  ) {
    this.#clock = clock;
    this.#retryAfterMs = retryAfterMs;
    this.#onTransition = onTransition;
    this.#within = within;
    if (within !== null) within.#inside.push(this);
  }

  /** Why it is open, in one line for people; null while it is closed. */
  get reason(): string | null {
    return this.#reason ?? this.#within?.reason ?? null;
  }

  get open(): boolean {
    return this.reason !== null;
  }

  /** Whether a call is worth making now. While open, an answer of true uses up the trial of this interval. */
  allows(): boolean {
    if (this.#within?.open) return false;
    if (this.#reason === null) return true;
    const now = this.#clock.monotonic();
    if (now < this.#nextTrialAt) return false;
    this.#nextTrialAt = now + this.#retryAfterMs;
    return true;
  }

  succeeded(): void {
    if (this.#reason === null) return;
    this.#reason = null;
    this.#tell();
  }

  /** @param reason in one line for people */
  failed(reason: string): void {
    this.#nextTrialAt = this.#clock.monotonic() + this.#retryAfterMs;
    this.#reason = reason;
    this.#tell();
  }

  #tell(): void {
    if (this.open !== this.#isToldOpen) {
      this.#isToldOpen = this.open;
      this.#onTransition(this.reason);
    }
    for (const breaker of this.#inside) breaker.#tell();
  }
}
