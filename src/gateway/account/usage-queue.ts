import { randomUUID } from 'node:crypto';
import type { RequestCounts } from '../../domain/request-counts.ts';
import type { Touch, UsageSink } from '../../domain/store.ts';
import type { Token } from '../../domain/token.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PartedMap } from '../../kernel/parted-map.ts';
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

/** Of how many tokens counts may wait while the store is away, beside those of the first interval; those of later ones are then lost. */
const OVER_MAX = 100_000;

/** A window shorter than this many intervals is renewed by every use, so that a token in use cannot lapse. */
const SHORT_WINDOW_INTERVALS = 4;

/** What was noted of a token in this interval. */
interface Use {
  requests: number;
}

/** Shared by all tokens that were used once: of very many tokens most come once. */
const ONCE: Use = Object.freeze({ requests: 1 });

/** An interval that is over. */
interface Interval {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How many tokens were used in it. */
  readonly size: number;
  /** What is still to be written. */
  readonly uses: Iterator<[string, Use]>;
}

/**
 * Last use, and how often, off the hot path: notes that a token was used, and tells the store in batches, each made
 * when its turn has come. One token waits once, however often it is used. A store that is away delays the writes; what
 * no longer fits is dropped and counted. How often is told when the interval is over, or as many tokens were used as may
 * wait; a process that dies takes that with it.
 */
export class UsageQueue {
  readonly #sink: UsageSink;
  readonly #clock: Clock;
  readonly #options: UsageQueueOptions;
  /**
   * Last use by token id, to be written: milliseconds since `#waitingSince`. V8 keeps small whole numbers in the table
   * itself; a time of day would be an object for each token.
   */
  readonly #waiting: PartedMap<number>;
  /** When the first of them came: milliseconds since the epoch. */
  #waitingSince = 0;
  /** Tokens noted in this interval, which need no second write in it, by id. */
  #noted: PartedMap<Use>;
  /** Intervals that are over, the first of which is being written. */
  readonly #over: Interval[] = [];
  /** How many tokens they are of. */
  #overSize = 0;
  /** The counts that are being written: the same again when the answer did not arrive. */
  #counts: RequestCounts | null = null;
  #notedSince: number;
  #dropped = 0;
  #droppedCounts = 0;
  readonly #flushing: PeriodicFlush;

  constructor(sink: UsageSink, clock: Clock, options: UsageQueueOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#options = options;
    this.#waiting = new PartedMap(options.size);
    this.#noted = new PartedMap(options.size);
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

  /** How many notes of last use were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Of how many tokens the count of an interval was dropped because those of others waited: no token dies of it. */
  get droppedCounts(): number {
    return this.#droppedCounts;
  }

  /** Notes that the token was used now. */
  note(token: Token): void {
    const { touchEvery, size } = this.#options;
    const use = this.#noted.get(token.id);
    if (use !== undefined) {
      if (use === ONCE) this.#noted.set(token.id, { requests: 2 });
      else use.requests++;
      if (token.windowSeconds * 1000 >= touchEvery * SHORT_WINDOW_INTERVALS) return;
    }
    if (this.#waiting.size >= size && !this.#waiting.has(token.id)) {
      this.#dropped++;
      return;
    }
    if (use === undefined) {
      if (this.#noted.size >= size) this.#endInterval();
      this.#noted.set(token.id, ONCE);
    }
    const now = this.#clock.now();
    if (this.#waiting.size === 0) this.#waitingSince = now;
    this.#waiting.set(token.id, now - this.#waitingSince);
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
    return this.#waiting.size > 0 || this.#counts !== null || this.#over.length > 0;
  }

  /** Puts what was counted behind what waits to be written, where there is room for it, and begins anew. */
  #endInterval(): void {
    const { size } = this.#noted;
    if (size === 0) return;
    if (this.#overSize === 0 || this.#overSize + size <= OVER_MAX) {
      this.#over.push({ at: this.#clock.now(), size, uses: this.#noted[Symbol.iterator]() });
      this.#overSize += size;
    } else this.#droppedCounts += size;
    this.#noted = new PartedMap(this.#options.size);
  }

  async #write(): Promise<void> {
    await this.#writeTouches();
    for (;;) {
      this.#counts ??= this.#nextCounts();
      if (this.#counts === null) return;
      await this.#sink.count(this.#counts);
      this.#counts = null;
    }
  }

  /** The next counts to write; null when there are none. */
  #nextCounts(): RequestCounts | null {
    for (let [first] = this.#over; first !== undefined; [first] = this.#over) {
      const tokens: RequestCounts['tokens'][number][] = [];
      while (tokens.length < BATCH) {
        const use = first.uses.next();
        if (use.done) break;
        const [tokenId, { requests }] = use.value;
        tokens.push({ tokenId, requests });
      }
      if (tokens.length > 0) return { id: randomUUID(), at: first.at, tokens };
      this.#overSize -= first.size;
      this.#over.shift();
    }
    return null;
  }

  async #writeTouches(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch: Touch[] = [];
      for (const [tokenId, usedMs] of this.#waiting) {
        batch.push({ tokenId, usedAt: this.#waitingSince + usedMs });
        if (batch.length === BATCH) break;
      }
      await this.#sink.record(batch);
      // A use noted while the write was under way is a later one: it stays.
      for (const { tokenId, usedAt } of batch) {
        if (this.#waiting.get(tokenId) === usedAt - this.#waitingSince) this.#waiting.delete(tokenId);
      }
    }
  }
}
