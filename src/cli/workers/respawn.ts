/** Deaths so long ago no longer count, in milliseconds. */
const REMEMBERED_MS = 60_000;
/** The first wait, which doubles with each further death, and the longest, in milliseconds. */
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
/** From so many waits on, it is said that this is no accident. */
const LOOP_WAITS = 3;

/** When a worker that died is to be replaced. */
export interface Replacement {
  readonly afterMs: number;
  /** Workers die as fast as they are started. */
  readonly looping: boolean;
}

/**
 * Decides how soon dead workers are replaced: at once, as long as in a minute no more have died than there are; from
 * then on later and later, so that one that cannot live does not take the processor from those that can.
 */
export class Respawn {
  readonly #workers: number;
  #deaths: number[] = [];

  /** @param workers how many there should be */
  constructor(workers: number) {
    this.#workers = workers;
  }

  /** @param now milliseconds of the monotonic clock */
  died(now: number): Replacement {
    this.#deaths = this.#deaths.filter((at) => now - at < REMEMBERED_MS);
    this.#deaths.push(now);
    const waits = this.#deaths.length - this.#workers;
    const afterMs = waits <= 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (waits - 1));
    return { afterMs, looping: waits >= LOOP_WAITS };
  }
}
