import type { LimitedEndpoint } from './endpoint.ts';

/** One request's wish to count against two budgets at once: the endpoint's and the token's share of it. */
export interface Spend {
  /** Endpoints without a maximum never reach the ledger. */
  readonly endpoint: LimitedEndpoint;
  readonly tokenId: string;
  /** The token's share of `endpoint.max`, in requests a window. */
  readonly share: number;
}

/** What the ledger answered, and the numbers the caller is shown: those of the budget that binds first. */
export interface Spent {
  readonly admitted: boolean;
  /** The budget that refused, or that has the least left (the token's on a tie). */
  readonly scope: 'token' | 'endpoint';
  /** That budget's size in requests a window. */
  readonly limit: number;
  /** What is left of it in this window after this request; where budgets are leased, an estimate (docs/limits.md). */
  readonly remaining: number;
  /** When the window ends: milliseconds since the epoch, a whole second. */
  readonly resetAt: number;
}

/** Requests that were admitted in an endpoint's window. */
export interface Counted {
  /** From everybody. */
  readonly all: number;
  /** With the one token. */
  readonly own: number;
  /** When the window ends, in milliseconds since the epoch; null when none is open. */
  readonly resetAt: number | null;
}

/** Nothing was admitted since the last window ended. */
export const NOTHING_COUNTED: Counted = Object.freeze({ all: 0, own: 0, resetAt: null });

/** What became of budgets that were leased. Sums since the start. */
export interface LeaseCounts {
  /** Questions to the source, and those that were not answered. */
  asked: number;
  failed: number;
  /** Requests that the source granted. */
  granted: number;
  /** Granted, not spent, and given back in time. */
  returned: number;
  /** Granted, and neither spent nor given back: nobody could use them. */
  wasted: number;
}

/**
 * Counts requests against windows. Both budgets share the endpoint's window: it opens at the first request of
 * anybody and ends for everybody (docs/adr/0004). A refusal consumes neither budget.
 */
export interface LimitLedger {
  /** Null where nothing is leased. */
  readonly leases: Readonly<LeaseCounts> | null;
  /**
   * Answers at once where the answer is known here, else by promise.
   * @throws StoreAway (by rejection) when the store that holds the budgets does not answer
   */
  spend(spend: Spend): Spent | Promise<Spent>;
  /** Does the same with what is known here alone; null where the store would have to be asked. */
  spendHere(spend: Spend): Spent | null;
  /**
   * What was admitted in the window that is open now, without spending any of it; where budgets are leased, what
   * gateways still hold counts as admitted.
   * @throws StoreAway (by rejection) when the store that holds the budgets does not answer
   */
  count(endpoint: LimitedEndpoint, tokenId: string): Counted | Promise<Counted>;
  close(): Promise<void>;
}
