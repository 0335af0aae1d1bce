import type { Clock } from './clock.ts';

/**
 * Keeps callers from waiting for something that has just failed to answer. Closed: everybody may call. After a
 * failure it is open for `retryAfterMs`, during which nobody should; then one caller at a time may try, until one
 * succeeds.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #retryAfterMs: number;
  /** Told each time the breaker opens or closes, not at each failure. */
  readonly #onTransition: (open: boolean) => void;
  #open = false;
  /** Monotonic milliseconds from which the next trial is allowed, while open. */
  #nextTrialAt = 0;

  constructor(clock: Clock, retryAfterMs: number, onTransition: (open: boolean) => void = () => {}) {
    this.#clock = clock;
    this.#retryAfterMs = retryAfterMs;
    this.#onTransition = onTransition;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether a call is worth making now. While open, an answer of true uses up the trial of this interval. */
  allows(): boolean {
    if (!this.#open) return true;
    const now = this.#clock.monotonic();
    if (now < this.#nextTrialAt) return false;
    this.#nextTrialAt = now + this.#retryAfterMs;
    return true;
  }

  succeeded(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onTransition(false);
  }

  failed(): void {
    this.#nextTrialAt = this.#clock.monotonic() + this.#retryAfterMs;
    if (this.#open) return;
    this.#open = true;
    this.#onTransition(true);
  }
}
