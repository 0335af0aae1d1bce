import { randomUUID } from 'node:crypto';
import type { RequestCounts } from '../../domain/request-counts.ts';
import type { Touch, UsageSink } from '../../domain/store.ts';
import type { Token } from '../../domain/token.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PeriodicFlush } from './periodic-flush.ts';

export interface UsageQueueOptions {
  /** How often what was noted is written, in milliseconds. */
  readonly flushEvery: number;
  /** At most one write for each token in this time, in milliseconds. */
  readonly touchEvery: number;
  /** How many tokens may wait to be written. */
  readonly size: number;
}

/** How many touches, or tokens' counts, go to the store in one call. */
const BATCH = 1000;

/** How many calls' counts may wait while the store is away; those of later intervals are then lost. */
const COUNTS_MAX = 100;

/** A window shorter than this many intervals is renewed by every use, so that a token in use cannot lapse. */
const SHORT_WINDOW_INTERVALS = 4;

/** What was noted of a token in this interval. */
interface Use {
  requests: number;
}

/**
 * Last use, and how often, off the hot path: notes that a token was used, and tells the store in batches. One token
 * waits once, however often it is used. A store that is away delays the writes; what no longer fits is dropped and
 * counted. How often is told when the interval is over; a process that dies takes that with it.
 */
export class UsageQueue {
  readonly #sink: UsageSink;
  readonly #clock: Clock;
  readonly #options: UsageQueueOptions;
  /** Last use by token id, to be written. */
  #waiting = new Map<string, number>();
  /** Tokens noted in this interval, which need no second write in it, by id. */
  #noted = new Map<string, Use>();
  /** Counts of intervals that are over, to be written. */
  readonly #counted: RequestCounts[] = [];
  #notedSince: number;
  #dropped = 0;
  readonly #flushing: PeriodicFlush;

  constructor(sink: UsageSink, clock: Clock, options: UsageQueueOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#options = options;
    this.#notedSince = clock.monotonic();
    const { flushEvery } = options;
    this.#flushing = new PeriodicFlush(
      clock,
      flushEvery,
      () => this.#waits(),
      () => this.#write(),
    );
  }

  /** How many tokens wait to be written. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** How many notes were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Notes that the token was used now. */
  note(token: Token): void {
    const { touchEvery, size } = this.#options;
    const use = this.#noted.get(token.id);
    if (use !== undefined) {
      use.requests++;
      if (token.windowSeconds * 1000 >= touchEvery * SHORT_WINDOW_INTERVALS) return;
    }
    if (this.#waiting.size >= size && !this.#waiting.has(token.id)) {
      this.#dropped++;
      return;
    }
    if (use === undefined) this.#noted.set(token.id, { requests: 1 });
    this.#waiting.set(token.id, this.#clock.now());
  }

  /** Writes all that waits. Rejects with StoreAway when the store does not take it; it then waits on. */
  flush(): Promise<void> {
    return this.#flushing.flush();
  }

  /** Writes what is left, and no more after that. */
  close(): Promise<void> {
    this.#endInterval();
    return this.#flushing.close();
  }

  /** Ends the interval when it is over. */
  #waits(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#notedSince >= this.#options.touchEvery) {
      this.#endInterval();
      this.#notedSince = now;
    }
    return this.#waiting.size > 0 || this.#counted.length > 0;
  }

  /** Puts what was counted with what waits to be written, and begins anew. */
  #endInterval(): void {
    const uses = [...this.#noted];
    this.#noted = new Map();
    const at = this.#clock.now();
    for (let from = 0; from < uses.length && this.#counted.length < COUNTS_MAX; from += BATCH) {
      const some = uses.slice(from, from + BATCH);
      const tokens = some.map(([tokenId, { requests }]) => ({ tokenId, requests }));
      this.#counted.push({ id: randomUUID(), at, tokens });
    }
  }

  async #write(): Promise<void> {
    await this.#writeTouches();
    for (let counts = this.#counted[0]; counts !== undefined; counts = this.#counted[0]) {
      await this.#sink.count(counts);
      this.#counted.shift();
    }
  }

  async #writeTouches(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch: Touch[] = [];
      for (const [tokenId, usedAt] of this.#waiting) {
        batch.push({ tokenId, usedAt });
        if (batch.length === BATCH) break;
      }
      await this.#sink.record(batch);
      // A use noted while the write was under way is a later one: it stays.
      for (const { tokenId, usedAt } of batch) {
        if (this.#waiting.get(tokenId) === usedAt) this.#waiting.delete(tokenId);
      }
    }
  }
}
