import type { Clock } from '../../kernel/clock.ts';

/** A sample is replaced by a less certain one after so long, so that clocks that drift apart do no harm. */
const SAMPLE_MS = 60_000;

/** What Redis said the time was, between two moments here. */
interface Sample {
  /** Monotonic milliseconds here. */
  readonly sentAt: number;
  /** How long the answer took: by so much at the most the sample is wrong. */
  readonly tookMs: number;
  /** Milliseconds since the epoch, by the clock of Redis. */
  readonly time: number;
}

/**
 * How the clock of Redis stands to the one here. Moments that Redis names can then be told in time here, however far
 * the two are apart, and never as later than they were (docs/adr/0011-revocation-and-a-store-that-may-fail.md).
 */
export class ServerClock {
  readonly #clock: Clock;
  /** Asks Redis for the time: milliseconds since the epoch. */
  readonly #ask: () => Promise<number>;
  #sample: Sample | null = null;

  constructor(clock: Clock, ask: () => Promise<number>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Asks for the time. Never rejects: what is known stands when there is no answer. */
  async learn(): Promise<void> {
    const sentAt = this.#clock.monotonic();
    const time = await this.#ask().catch(() => null);
    if (time === null) return;
    const tookMs = this.#clock.monotonic() - sentAt;
    const held = this.#sample;
    if (held === null || tookMs <= held.tookMs || sentAt - held.sentAt > SAMPLE_MS) {
      this.#sample = { sentAt, tookMs, time };
    }
  }

  /** What answers from now on may be another server with another clock. */
  forget(): void {
    this.#sample = null;
  }

  /**
   * How long ago a moment of Redis is at the most: right, or too long by what an answer of Redis takes.
   * @param moment milliseconds since the epoch, by the clock of Redis
   * @returns milliseconds; null while nothing is known of that clock
   */
  longestSince(moment: number): number | null {
    if (this.#sample === null) return null;
    // Redis looked at its clock after it was asked, so no moment was earlier here than this.
    const earliest = this.#sample.sentAt + (moment - this.#sample.time);
    return Math.max(0, this.#clock.monotonic() - earliest);
  }
}

/** @param reply what TIME answers: seconds since the epoch, and microseconds */
export function timeFrom([seconds, microseconds]: readonly unknown[]): number {
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}
