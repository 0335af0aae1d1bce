import type { Clock } from '../kernel/clock.ts';
import { elapsedMs, type Moment, momentOf } from '../kernel/moment.ts';
import type { LimitedEndpoint } from './endpoint.ts';
import { type Counted, type LimitLedger, NOTHING_COUNTED, type Spend, type Spent } from './limit-ledger.ts';
import { windowEnd } from './window.ts';

/**
 * Judges one request against the counts of its window as they stood before it: the rule that every ledger keeps.
 * @param all requests admitted in this window from everybody
 * @param own requests admitted in this window with this token
 * @param resetAt when the window ends, in milliseconds since the epoch
 */
export function judge({ endpoint, share }: Spend, all: number, own: number, resetAt: number): Spent {
  const admitted = own < share && all < endpoint.max;
  const taken = admitted ? 1 : 0;
  const leftOfShare = Math.max(0, share - own - taken);
  const leftOfAll = Math.max(0, endpoint.max - all - taken);
  return leftOfShare <= leftOfAll
    ? { admitted, scope: 'token', limit: share, remaining: leftOfShare, resetAt }
    : { admitted, scope: 'endpoint', limit: endpoint.max, remaining: leftOfAll, resetAt };
}

/** One endpoint's window: what was admitted since it opened. */
interface LimitWindow {
  readonly opened: Moment;
  readonly endsAt: number;
  all: number;
  readonly byToken: Map<string, number>;
}

/** How often windows that nobody asked about again are dropped. */
const SWEEP_EVERY_MS = 60_000;

/** A ledger that counts in this process alone, and so always answers at once. Counts do not outlive the process. */
export class InProcessLedger implements LimitLedger {
  readonly leases = null;
  readonly #clock: Clock;
  readonly #windows = new Map<string, LimitWindow>();
  readonly #stopSweeping: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stopSweeping = clock.every(SWEEP_EVERY_MS, () => this.#sweep());
  }

  spend(spend: Spend): Spent {
    const { endpoint, tokenId } = spend;
    const window = this.#windowOf(endpoint.name, endpoint.windowSeconds);
    const own = window.byToken.get(tokenId) ?? 0;
    const spent = judge(spend, window.all, own, window.endsAt);
    if (spent.admitted) {
      window.all += 1;
      window.byToken.set(tokenId, own + 1);
    }
    return spent;
  }

  spendHere(spend: Spend): Spent {
    return this.spend(spend);
  }

  count({ name }: LimitedEndpoint, tokenId: string): Counted {
    const window = this.#windows.get(name);
    if (window === undefined || !this.#isRunning(window)) return NOTHING_COUNTED;
    return { all: window.all, own: window.byToken.get(tokenId) ?? 0, resetAt: window.endsAt };
  }

  async close(): Promise<void> {
    this.#stopSweeping();
    this.#windows.clear();
  }

  /** The running window of an endpoint; opens one when the last has ended. */
  #windowOf(name: string, windowSeconds: number): LimitWindow {
    const last = this.#windows.get(name);
    if (last !== undefined && this.#isRunning(last)) return last;
    const opened = momentOf(this.#clock);
    const window = { opened, endsAt: windowEnd(opened.wall, windowSeconds), all: 0, byToken: new Map() };
    this.#windows.set(name, window);
    return window;
  }

  /** Also where the wall clock was set back, a window is over when its time has passed. */
  #isRunning({ opened, endsAt }: LimitWindow): boolean {
    return elapsedMs(this.#clock, opened) < endsAt - opened.wall;
  }

  #sweep(): void {
    for (const [name, window] of this.#windows) {
      if (!this.#isRunning(window)) this.#windows.delete(name);
    }
  }
}
