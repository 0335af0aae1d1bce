import type { Limits } from '../general/options.ts';
import { Pace } from '../general/pace.ts';

/** A request's body on its way: what comes before the request is written is kept until then. */
export class RequestBody {
  /** Bytes so far. */
  received: number;
  /** Whether its beginning was written to the upstream, so that the rest follows at once. */
  isSent = false;
  #waiting: Buffer | null;
  #pace: Pace | null = null;

  /** @param first what has come of it together with the head, or null */
  constructor(first: Buffer | null) {
    this.#waiting = first;
    this.received = first === null ? 0 : first.length;
  }

  /** Whether some of it is kept. */
  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  /** Keeps more of it. */
  keep(bytes: Buffer): void {
    this.#waiting = this.#waiting === null ? bytes : Buffer.concat([this.#waiting, bytes]);
  }

  /** Gives what was kept, to be written with the request. */
  take(): Buffer | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.isSent = true;
    return waiting;
  }

  /** Forgets what was kept: it goes nowhere. */
  drop(): void {
    this.#waiting = null;
  }

  /** From now on (milliseconds of the monotonic clock), holds what is still to come to a rate, if there is one. */
  hold({ bodyMinRate }: Limits, now: number): void {
    if (bodyMinRate !== null) this.#pace = new Pace(bodyMinRate, now);
  }

  /** Whether it comes slower than it must. @param waitedFor whether it is the client that is waited for */
  isTooSlow(now: number, waitedFor: boolean): boolean {
    return this.#pace?.tooSlow(now, waitedFor, this.received) ?? false;
  }
}
