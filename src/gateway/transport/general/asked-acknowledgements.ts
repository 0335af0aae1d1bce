/** Frames of a client that are acknowledged at a time, and how many more each second. */
export const ACKNOWLEDGED_BURST = 100;
const ACKNOWLEDGED_A_SECOND = 10;

/**
 * Counts the PINGs and SETTINGS of one client of HTTP/2, each of which wants an acknowledgement (RFC 9113 §6.5.3, §6.7).
 * nghttp2 bounds only those that their client leaves unread; one that reads them could keep this process answering.
 */
export class AskedAcknowledgements {
  #left = ACKNOWLEDGED_BURST;
  #at: number;

  /** @param now milliseconds of the monotonic clock, as ever after */
  constructor(now: number) {
    this.#at = now;
  }

  /** One more has come. @returns false when that is too many */
  take(now: number): boolean {
    const more = ((now - this.#at) / 1_000) * ACKNOWLEDGED_A_SECOND;
    this.#left = Math.min(ACKNOWLEDGED_BURST, this.#left + more) - 1;
    this.#at = now;
    return this.#left >= 0;
  }
}
