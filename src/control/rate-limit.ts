import { type LimitedEndpoint, MANAGEMENT } from '../domain/endpoint.ts';
import type { LimitLedger, Spend, Spent } from '../domain/limit-ledger.ts';
import { InProcessLedger } from '../domain/limit-window.ts';
import { percentageFor, shareOf } from '../domain/share.ts';
import { StoreAway } from '../domain/store.ts';
import type { Share } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';

export interface RateLimitOptions {
  /** Requests a window from everybody together. */
  readonly max: number;
  readonly windowSeconds: number;
  /** A token's share of it unless the token has its own, in percent. */
  readonly defaultPercentage: number;
}

/** The budget of requests without a valid token. No endpoint can have this name. */
const REFUSED = `:${MANAGEMENT}-refused`;
/** What one address may be refused in a window, as a part of everything. */
const REFUSED_PERCENTAGE = 10;

/**
 * The management API's own limit: all requests together, each token its share of them, and each address a small share
 * of requests without a valid token, so that secrets cannot be guessed at speed. It is counted in the store's ledger,
 * by all control processes together; while the store is away, by each for itself.
 */
export class RateLimit {
  readonly #ledger: Pick<LimitLedger, 'spend'>;
  readonly #fallback: InProcessLedger;
  readonly #clock: Clock;
  readonly #options: RateLimitOptions;

  /** @param ledger stays the caller's to close */
  constructor(ledger: Pick<LimitLedger, 'spend'>, clock: Clock, options: RateLimitOptions) {
    this.#ledger = ledger;
    this.#fallback = new InProcessLedger(clock);
    this.#clock = clock;
    this.#options = options;
  }

  /** Counts a request with a valid token. @param share the token's, or null when it has none of its own */
  request(tokenId: string, share: Share | null): Promise<Spent> {
    const percentage = percentageFor(share, MANAGEMENT, this.#options.defaultPercentage);
    return this.#spend(MANAGEMENT, tokenId, percentage);
  }

  /** Counts a request without one, from that peer. */
  refused(peer: string): Promise<Spent> {
    return this.#spend(REFUSED, peer, REFUSED_PERCENTAGE);
  }

  /** Whole seconds after which a refused caller may come again. */
  retryAfterSeconds({ resetAt }: Spent): number {
    return Math.max(1, Math.ceil((resetAt - this.#clock.now()) / 1000));
  }

  close(): Promise<void> {
    return this.#fallback.close();
  }

  async #spend(name: string, tokenId: string, percentage: number): Promise<Spent> {
    const { max, windowSeconds } = this.#options;
    const endpoint: LimitedEndpoint = { name, max, windowSeconds };
    const spend: Spend = { endpoint, tokenId, share: shareOf(max, percentage) };
    try {
      return await this.#ledger.spend(spend);
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      return this.#fallback.spend(spend);
    }
  }
}

/** Okta's three headers (docs/okta.md §5). */
export function rateHeaders({ limit, remaining, resetAt }: Spent): Record<string, string> {
  return {
    'x-rate-limit-limit': String(limit),
    'x-rate-limit-remaining': String(remaining),
    'x-rate-limit-reset': String(Math.ceil(resetAt / 1000)),
  };
}
