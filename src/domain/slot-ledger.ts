import type { ConcurrentEndpoint } from './endpoint.ts';

/** One request's wish to be under way, against two maxima at once: the endpoint's and the token's share of it. */
export interface SlotRequest {
  readonly endpoint: ConcurrentEndpoint;
  readonly tokenId: string;
  /** The token's share of `endpoint.concurrent`, in requests at once. */
  readonly share: number;
}

/** That one request is under way. */
export interface Slot {
  /** The request has ended, however it did. A second call does nothing. */
  release(): void;
}

/** Too many requests are under way. */
export interface SlotRefusal {
  /** The maximum that refused. */
  readonly scope: 'token' | 'endpoint';
  /** That maximum, in requests at once. */
  readonly limit: number;
}

/** Requests that are under way at an endpoint; where slots are leased, with those that gateways hold ready. */
export interface UnderWay {
  /** From everybody. */
  readonly all: number;
  /** With the one token. */
  readonly own: number;
}

/** Counts the requests that are under way. A refusal takes nothing of either maximum. */
export interface SlotLedger {
  /**
   * Answers at once where the answer is known here, else by promise.
   * @throws StoreAway (by rejection) when the store that holds the slots does not answer
   */
  hold(request: SlotRequest): Slot | SlotRefusal | Promise<Slot | SlotRefusal>;
  /** Does the same with what is known here alone; null where the store would have to be asked. */
  holdHere(request: SlotRequest): Slot | SlotRefusal | null;
  /** @throws StoreAway (by rejection) when the store that holds the slots does not answer */
  count(endpoint: ConcurrentEndpoint, tokenId: string): UnderWay | Promise<UnderWay>;
  /** Gives back what is held ready. Nothing is to be held here afterwards. */
  close(): Promise<void>;
}

export function isSlot(answer: Slot | SlotRefusal): answer is Slot {
  return 'release' in answer;
}
