import type { LimitedEndpoint } from '../../src/domain/endpoint.ts';
import {
  aheadOfNeed,
  type Grant,
  type LeaseQuestion,
  type LeaseRequest,
  leaseSize,
  looseMs,
  type Returned,
} from '../../src/domain/lease.ts';
import { type Counted, NOTHING_COUNTED } from '../../src/domain/limit-ledger.ts';
import { windowEnd } from '../../src/domain/window.ts';

interface SimulatedWindow {
  readonly endsAt: number;
  all: number;
  readonly byToken: Map<string, number>;
  looseUntil: number;
  readonly tokenLooseUntil: Map<string, number>;
}

/** Where the budgets are, in memory: keeps the same rules as the scripts of Redis, which a test holds it to. */
export class SimulatedWindows {
  readonly #windows = new Map<string, SimulatedWindow>();

  /** @param now milliseconds since the epoch, with a fraction */
  exchange({ endpoint, returns, asks }: LeaseQuestion, now: number): Grant[] {
    for (const returned of returns) this.#giveBack(endpoint.name, returned);
    if (asks.length === 0) return [];
    const window = this.#runningWindow(endpoint, now);
    let ahead = aheadOfNeed(endpoint, window.all);
    return asks.map((request) => {
      const grant = this.#take(window, request, ahead, now);
      ahead = Math.max(0, ahead - grant.granted);
      return grant;
    });
  }

  #take(window: SimulatedWindow, request: LeaseRequest, ahead: number, now: number): Grant {
    const { endpoint, tokenId, need } = request;
    const ownBefore = window.byToken.get(tokenId) ?? 0;
    const granted = leaseSize(request, window.all, ownBefore, ahead);
    window.all += granted;
    window.byToken.set(tokenId, ownBefore + granted);
    if (granted > need) {
      window.looseUntil = Math.floor(now) + looseMs(endpoint.windowSeconds);
      window.tokenLooseUntil.set(tokenId, window.looseUntil);
    }
    return {
      granted,
      all: window.all,
      own: ownBefore + granted,
      resetAt: window.endsAt,
      endsInMs: window.endsAt - now,
      allLooseMs: Math.max(0, window.looseUntil - Math.floor(now)),
      ownLooseMs: Math.max(0, (window.tokenLooseUntil.get(tokenId) ?? 0) - Math.floor(now)),
    };
  }

  #giveBack(endpoint: string, { tokenId, count, resetAt }: Returned): void {
    const window = this.#windows.get(endpoint);
    const own = window?.byToken.get(tokenId) ?? 0;
    if (window?.endsAt !== resetAt || window.all < count || own < count) return;
    window.all -= count;
    window.byToken.set(tokenId, own - count);
  }

  count(endpoint: string, tokenId: string, now: number): Counted {
    const window = this.#windows.get(endpoint);
    if (window === undefined || window.endsAt <= Math.floor(now)) return NOTHING_COUNTED;
    return { all: window.all, own: window.byToken.get(tokenId) ?? 0, resetAt: window.endsAt };
  }

  #runningWindow({ name, windowSeconds }: LimitedEndpoint, now: number): SimulatedWindow {
    const running = this.#windows.get(name);
    if (running !== undefined && Math.floor(now) < running.endsAt) return running;
    const opened: SimulatedWindow = {
      endsAt: windowEnd(now, windowSeconds),
      all: 0,
      byToken: new Map(),
      looseUntil: 0,
      tokenLooseUntil: new Map(),
    };
    this.#windows.set(name, opened);
    return opened;
  }
}
