import { type Endpoint, isLimited } from '../../domain/endpoint.ts';
import type { LimitLedger, Spend, Spent } from '../../domain/limit-ledger.ts';
import { percentageFor, shareOf } from '../../domain/share.ts';
import type { Credential } from '../../domain/token.ts';
import { windowEnd } from '../../domain/window.ts';
import type { Breaker } from '../../kernel/breaker.ts';
import type { Clock } from '../../kernel/clock.ts';
import { BehindBreaker } from './behind-breaker.ts';

/** What to do with a request when the store that holds the budgets is away. */
export type OnStoreAway = 'local' | 'deny' | 'allow';

export interface LimitStageOptions {
  /** The share of a token that has none of its own, in percent. */
  readonly defaultPercentage: number;
  readonly onStoreAway: OnStoreAway;
  /** Among how many gateways a budget is divided when each must count for itself. */
  readonly gateways: number;
}

/** `unlimited` where nothing was counted, `store-away` where the policy refuses. */
export type LimitVerdict = Spent | 'unlimited' | 'store-away';

/** The limit stage: counts a request against the endpoint's maximum and the token's share of it. */
export class LimitStage {
  readonly #ledger: BehindBreaker<Spend, LimitVerdict>;
  /** Counts in this process while the store is away. */
  readonly #fallback: LimitLedger;
  readonly #clock: Clock;
  readonly #options: LimitStageOptions;

  constructor(
    ledger: LimitLedger,
    fallback: LimitLedger,
    clock: Clock,
    breaker: Breaker,
    options: LimitStageOptions,
  ) {
    this.#ledger = new BehindBreaker<Spend, LimitVerdict>(breaker, {
      here: (spend) => ledger.spendHere(spend),
      ask: (spend) => ledger.spend(spend),
      withoutStore: (spend) => this.#withoutStore(spend),
    });
    this.#fallback = fallback;
    this.#clock = clock;
    this.#options = options;
  }

  /** Spends one request. Answers at once when the budget is in memory. */
  spend(credential: Credential, endpoint: Endpoint): LimitVerdict | Promise<LimitVerdict> {
    if (!isLimited(endpoint)) return 'unlimited';
    const percentage = percentageFor(credential.share, endpoint.name, this.#options.defaultPercentage);
    const share = shareOf(endpoint.max, percentage);
    if (share === 0) return this.#nothing(endpoint);
    const spend: Spend = { endpoint, tokenId: credential.token.id, share };
    return this.#ledger.ask(spend);
  }

  /** A share of 0 % is a refusal that needs no count. */
  #nothing(endpoint: Endpoint): Spent {
    const resetAt = windowEnd(this.#clock.now(), endpoint.windowSeconds);
    return { admitted: false, scope: 'token', limit: 0, remaining: 0, resetAt };
  }

  #withoutStore(spend: Spend): LimitVerdict | Promise<LimitVerdict> {
    const { onStoreAway, gateways } = this.#options;
    if (onStoreAway === 'allow') return 'unlimited';
    if (onStoreAway === 'deny') return 'store-away';
    const { endpoint, tokenId, share } = spend;
    return this.#fallback.spend({
      endpoint: { ...endpoint, max: Math.max(1, Math.floor(endpoint.max / gateways)) },
      tokenId,
      share: Math.max(1, Math.floor(share / gateways)),
    });
  }
}
