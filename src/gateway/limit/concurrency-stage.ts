import type { ConcurrentEndpoint } from '../../domain/endpoint.ts';
import { shareOf } from '../../domain/share.ts';
import type { Slot, SlotLedger, SlotRefusal, SlotRequest } from '../../domain/slot-ledger.ts';
import type { Credential } from '../../domain/token.ts';
import type { Breaker } from '../../kernel/breaker.ts';
import { BehindBreaker } from './behind-breaker.ts';
import type { LimitStageOptions } from './limit-stage.ts';

/** `store-away` where the policy refuses. */
export type SlotVerdict = Slot | SlotRefusal | 'store-away';

const UNLIMITED: Slot = { release: () => {} };

/** The other half of the limit stage: how many requests an endpoint may have under way, and a token of them. */
export class ConcurrencyStage {
  readonly #slots: BehindBreaker<SlotRequest, SlotVerdict>;
  /** Counts in this process while the store is away. */
  readonly #fallback: SlotLedger;
  readonly #options: LimitStageOptions;

  constructor(slots: SlotLedger, fallback: SlotLedger, breaker: Breaker, options: LimitStageOptions) {
    this.#slots = new BehindBreaker<SlotRequest, SlotVerdict>(breaker, {
      here: (request) => slots.holdHere(request),
      ask: (request) => slots.hold(request),
      withoutStore: (request) => this.#withoutStore(request),
    });
    this.#fallback = fallback;
    this.#options = options;
  }

  /** Holds a slot for one request. Answers at once when one is at hand. */
  hold({ token, share: own }: Credential, endpoint: ConcurrentEndpoint): SlotVerdict | Promise<SlotVerdict> {
    const percentage = own?.concurrencyPercentage ?? this.#options.defaultPercentage;
    const share = shareOf(endpoint.concurrent, percentage);
    if (share === 0) return { scope: 'token', limit: 0 };
    return this.#slots.ask({ endpoint, tokenId: token.id, share });
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
