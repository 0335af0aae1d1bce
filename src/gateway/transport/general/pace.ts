/** A rate is judged over spans of this length, so that a pause in a healthy transfer is not taken for an attack. */
const SPAN_MS = 5_000;

/**
 * Judges whether a sender is too slow, looked at now and then. Only time in which the sender is waited for counts,
 * and what it sent fast before gives it no credit.
 */
export class Pace {
  readonly #minRate: number;
  #lookedAt: number;
  #waitedMs = 0;
  #bytesBefore = 0;

  /**
   * @param minRate bytes a second
   * @param now milliseconds of a monotonic clock
   */
  constructor(minRate: number, now: number) {
    this.#minRate = minRate;
    this.#lookedAt = now;
  }

  /**
   * Whether the sender has fallen behind the least rate.
   * @param waiting whether the sender is waited for
   * @param bytes what it has sent since the beginning
   */
  tooSlow(now: number, waiting: boolean, bytes: number): boolean {
    if (waiting) this.#waitedMs += now - this.#lookedAt;
    this.#lookedAt = now;
    if (this.#waitedMs < SPAN_MS) return false;
    const slow = (bytes - this.#bytesBefore) * 1000 < this.#minRate * this.#waitedMs;
    this.#waitedMs = 0;
    this.#bytesBefore = bytes;
    return slow;
  }
}
