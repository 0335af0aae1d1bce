import { type Management, StoreAway } from '../../domain/store.ts';
import { WARNING_THRESHOLD, warningPercentIn } from '../../domain/warning-threshold.ts';
import type { Clock } from '../../kernel/clock.ts';

/** How often the setting is read again, in milliseconds. */
const READ_EVERY_MS = 10_000;

/** How much of a budget may be spent before the System Log warns, in percent: the store's setting, a little late. */
export class WarningPercent {
  readonly #store: Pick<Management, 'setting'>;
  readonly #stopTimer: () => void;
  #percent: number = WARNING_THRESHOLD.preset;

  constructor(store: Pick<Management, 'setting'>, clock: Clock) {
    this.#store = store;
    this.#stopTimer = clock.every(READ_EVERY_MS, () => void this.read());
  }

  get current(): number {
    return this.#percent;
  }

  /** Reads the setting now. While the store is away, what was read last holds. */
  async read(): Promise<void> {
    try {
      this.#percent = warningPercentIn(await this.#store.setting(WARNING_THRESHOLD.name));
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
    }
  }

  close(): void {
    this.#stopTimer();
  }
}
