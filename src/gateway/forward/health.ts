/** What is known of a target's health. `up`: gets requests. `ejected`: failed too often. `down`: the probe says so. */
export type HealthState = 'up' | 'ejected' | 'down';

export interface HealthOptions {
  /** Failures in a row, of requests or of probes, after which the target gets no requests. */
  readonly failures: number;
  /** How long an ejected target is left alone before one request tries it again, in milliseconds. */
  readonly ejectMs: number;
}

/**
 * The health of one target, from what happens to requests (passive) and to probes (active). After `failures` in a
 * row the target is ejected; when `ejectMs` have passed it is half open: one request at a time tries it, and the
 * first that is answered brings it back. Times are those of a clock's `monotonic`, in milliseconds.
 */
export class Health {
  readonly #options: HealthOptions;
  #failed = 0;
  #ejectedUntil: number | null = null;
  #trying = false;
  #probesFailed = 0;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get state(): HealthState {
    if (this.#probesFailed >= this.#options.failures) return 'down';
    return this.#ejectedUntil === null ? 'up' : 'ejected';
  }

  /** Whether the target may get a request now. */
  usable(now: number): boolean {
    if (this.state === 'down') return false;
    return this.#ejectedUntil === null || (now >= this.#ejectedUntil && !this.#trying);
  }

  /** A request goes to the target, which was usable. */
  taken(): void {
    this.#trying = this.#ejectedUntil !== null;
  }

  /** The target has answered a request. */
  answered(): void {
    this.#failed = 0;
    this.#ejectedUntil = null;
    this.#trying = false;
  }

  /**
   * The target has failed a request.
   * @param replaceable another target can take its place: the last one standing is never ejected, for a doubtful
   * target is better than none
   */
  failed(now: number, replaceable: boolean): void {
    this.#failed += 1;
    if (this.#failed >= this.#options.failures && replaceable)
      this.#ejectedUntil = now + this.#options.ejectMs;
    this.#trying = false;
  }

  /** A request ended without telling anything about the target. */
  abandoned(): void {
    this.#trying = false;
  }

  /** A probe was answered, or failed. A target that answers its probe comes back at once. */
  probed(answered: boolean): void {
    this.#probesFailed = answered ? 0 : this.#probesFailed + 1;
  }
}
