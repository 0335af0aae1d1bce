import { StoreAway } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';

/**
 * Writes to the store what waits for it, from time to time, one write at a time. A store that is away delays the
 * writes: what was not written is kept by its queue, and the next time tries again. What waits, and how much of it
 * may, is each queue's own: one keeps the last of each token, the other everything in its order.
 */
export class PeriodicFlush {
  readonly #write: () => Promise<void>;
  #writing: Promise<void> | null = null;
  readonly #stopTimer: () => void;

  /**
   * @param everyMs how often to write, in milliseconds
   * @param waits called as often; whether there is something to write
   * @param write writes all that waits; rejects with StoreAway
   */
  constructor(clock: Clock, everyMs: number, waits: () => boolean, write: () => Promise<void>) {
    this.#write = write;
    this.#stopTimer = clock.every(everyMs, () => {
      if (waits()) this.flush().catch(ignoreStoreAway);
    });
  }

  /** Writes all that waits. Rejects with StoreAway when the store does not take it; it then waits on. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  /** Stops the timer and writes what is left. */
  async close(): Promise<void> {
    this.#stopTimer();
    await this.#writing?.catch(ignoreStoreAway);
    await this.flush();
  }
}

function ignoreStoreAway(error: unknown): void {
  if (!(error instanceof StoreAway)) throw error;
}
