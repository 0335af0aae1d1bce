import type { LimitedEndpoint } from '../domain/endpoint.ts';
import type { Spent } from '../domain/limit-ledger.ts';
import { InProcessLedger } from '../domain/limit-window.ts';
import { percentageFor, shareOf } from '../domain/share.ts';
import type { Share } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';

export interface RateLimitOptions {
  /** Requests a window from everybody together. */
  readonly max: number;
  readonly windowSeconds: number;
  /** A token's share of it unless the token has its own, in percent. */
  readonly defaultPercentage: number;
}

/** The names of the two budgets; a token's override for `management` holds here too. */
const REQUESTS = 'management';
const REFUSED = 'management-refused';
/** What one address may be refused in a window, as a part of everything. */
const REFUSED_PERCENTAGE = 10;

/**
 * The management API's own limit, counted in this process: all requests together, each token its share of them, and
 * each address a small share of requests without a valid token, so that secrets cannot be guessed at speed.
 */
export class RateLimit {
  readonly #ledger: InProcessLedger;
  readonly #clock: Clock;
  readonly #options: RateLimitOptions;

  constructor(clock: Clock, options: RateLimitOptions) {
    this.#ledger = new InProcessLedger(clock);
    this.#clock = clock;
    this.#options = options;
  }

  /** Counts a request with a valid token. @param share the token's, or null when it has none of its own */
  request(tokenId: string, share: Share | null): Spent {
    const percentage = percentageFor(share, REQUESTS, this.#options.defaultPercentage);
    return this.#spend(REQUESTS, tokenId, percentage);
  }

  /** Counts a request without one, from that peer. */
  refused(peer: string): Spent {
    return this.#spend(REFUSED, peer, REFUSED_PERCENTAGE);
  }

  /** Whole seconds after which a refused caller may come again. */
  retryAfterSeconds({ resetAt }: Spent): number {
    return Math.max(1, Math.ceil((resetAt - this.#clock.now()) / 1000));
  }

  close(): Promise<void> {
    return this.#ledger.close();
  }

  #spend(name: string, tokenId: string, percentage: number): Spent {
    const { max, windowSeconds } = this.#options;
    const endpoint: LimitedEndpoint = { name, max, windowSeconds };
    return this.#ledger.spend({ endpoint, tokenId, share: shareOf(max, percentage) });
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
