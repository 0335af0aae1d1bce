import type { ConcurrentEndpoint } from '../../domain/endpoint.ts';
import { shareOf } from '../../domain/share.ts';
import type { Slot, SlotLedger, SlotRefusal, SlotRequest } from '../../domain/slot-ledger.ts';
import { StoreAway } from '../../domain/store.ts';
import type { Credential } from '../../domain/token.ts';
import type { Breaker } from '../../kernel/breaker.ts';
import type { LimitStageOptions } from './limit-stage.ts';

/** `store-away` where the policy refuses. */
export type SlotVerdict = Slot | SlotRefusal | 'store-away';

const UNLIMITED: Slot = { release: () => {} };

/** The other half of the limit stage: how many requests an endpoint may have under way, and a token of them. */
export class ConcurrencyStage {
  readonly #slots: SlotLedger;
  /** Counts in this process while the store is away. */
  readonly #fallback: SlotLedger;
  readonly #breaker: Breaker;
  readonly #options: LimitStageOptions;

  constructor(slots: SlotLedger, fallback: SlotLedger, breaker: Breaker, options: LimitStageOptions) {
    this.#slots = slots;
    this.#fallback = fallback;
    this.#breaker = breaker;
    this.#options = options;
  }

  /** Holds a slot for one request. Answers at once when one is at hand. */
  hold({ token, share: own }: Credential, endpoint: ConcurrentEndpoint): SlotVerdict | Promise<SlotVerdict> {
    const percentage = own?.concurrencyPercentage ?? this.#options.defaultPercentage;
    const share = shareOf(endpoint.concurrent, percentage);
    if (share === 0) return { scope: 'token', limit: 0 };
    const request: SlotRequest = { endpoint, tokenId: token.id, share };
    if (this.#breaker.open) {
      // What is leased is used first. Only who would ask the store may use up the trial.
      const here = this.#slots.holdHere(request);
      if (here !== null) return here;
      if (!this.#breaker.allows()) return this.#withoutStore(request);
    }
    const held = this.#slots.hold(request);
    if (!(held instanceof Promise)) return held;
    return held.then(
      (answer) => {
        this.#breaker.succeeded();
        return answer;
      },
      (error: unknown) => {
        if (!(error instanceof StoreAway)) throw error;
        this.#breaker.failed(error.message);
        return this.#withoutStore(request);
      },
    );
  }

  #withoutStore({ endpoint, tokenId, share }: SlotRequest): SlotVerdict | Promise<SlotVerdict> {
    const { onStoreAway, gateways } = this.#options;
    if (onStoreAway === 'allow') return UNLIMITED;
    if (onStoreAway === 'deny') return 'store-away';
    return this.#fallback.hold({
      endpoint: { ...endpoint, concurrent: Math.max(1, Math.floor(endpoint.concurrent / gateways)) },
      tokenId,
      share: Math.max(1, Math.floor(share / gateways)),
    });
  }
}
