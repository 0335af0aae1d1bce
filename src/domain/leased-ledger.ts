import type { Clock } from '../kernel/clock.ts';
import type { LimitedEndpoint } from './endpoint.ts';
import {
  askAgainMs,
  type Grant,
  isExhausted,
  type LeaseRequest,
  type LeaseSource,
  lowMark,
  windowMs,
} from './lease.ts';
import { elapsedMs, Holding, Lease, type Moment, momentOf, Refusal, type Waiter } from './lease-holding.ts';
import type { Counted, LeaseCounts, LimitLedger, Spend, Spent } from './limit-ledger.ts';
import { judge } from './limit-window.ts';
import { StoreAway } from './store.ts';

/** How often leases that were kept long enough are looked for, in milliseconds. */
const RETURN_EVERY_MS = 50;
/** How often what was not asked about for as long is forgotten, in milliseconds. */
const FORGET_EVERY_MS = 60_000;
/** How many answers in a row may come after the end of the window that they speak of. */
const LATE_ANSWERS = 3;

/** One endpoint as this gateway sees it. */
interface EndpointHoldings {
  readonly byToken: Map<string, Holding>;
  /** That its own budget has run out, whichever token asks. */
  refusal: Refusal | null;
}

/**
 * Spends budgets that all gateways share. It takes some requests at a time from the source, spends them here, and
 * gives back what it does not spend (docs/limits.md, docs/adr/0009-leased-limits.md). Answers at once from a lease
 * and from a remembered refusal, else by promise.
 */
export class LeasedLedger implements LimitLedger {
  readonly #source: LeaseSource;
  readonly #clock: Clock;
  readonly #endpoints = new Map<string, EndpointHoldings>();
  /** Those with a lease. */
  readonly #held = new Set<Holding>();
  readonly #timers: readonly (() => void)[];
  readonly leases: LeaseCounts = { asked: 0, failed: 0, granted: 0, returned: 0, wasted: 0 };

  constructor(source: LeaseSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#timers = [
      clock.every(RETURN_EVERY_MS, () => this.#returnOld()),
      clock.every(FORGET_EVERY_MS, () => this.#forget()),
    ];
  }

  spend(spend: Spend): Spent | Promise<Spent> {
    return this.spendHere(spend) ?? this.#wait(spend);
  }

  spendHere(spend: Spend): Spent | null {
    const endpoint = this.#endpointOf(spend.endpoint.name);
    const holding = this.#holdingOf(endpoint, spend);
    const lease = this.#usableLease(holding, spend);
    if (lease !== null) {
      const spent = holding.spend(spend, lease);
      if (lease.left <= lowMark(lease.size)) this.#follow(holding, spend, lease);
      return spent;
    }
    return holding.refusal?.of(spend, this.#clock) ?? endpoint.refusal?.of(spend, this.#clock) ?? null;
  }

  count({ name }: LimitedEndpoint, tokenId: string): Promise<Counted> {
    return this.#source.count(name, tokenId);
  }

  /** Gives back what is held, so that others can spend it. Nothing is to be spent here afterwards. */
  async close(): Promise<void> {
    for (const stop of this.#timers) stop();
    const returns: Promise<void>[] = [];
    for (const holding of this.#held) {
      while (holding.lease !== null) returns.push(this.#release(holding, holding.lease));
    }
    this.#held.clear();
    await Promise.all(returns);
  }

  #endpointOf(name: string): EndpointHoldings {
    let endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) {
      endpoint = { byToken: new Map(), refusal: null };
      this.#endpoints.set(name, endpoint);
    }
    return endpoint;
  }

  #holdingOf({ byToken }: EndpointHoldings, { endpoint, tokenId }: Spend): Holding {
    let holding = byToken.get(tokenId);
    if (holding === undefined) {
      holding = new Holding(endpoint.name, tokenId);
      byToken.set(tokenId, holding);
    }
    return holding;
  }

  /** The lease to spend from. Leases that are too old, or were granted under other budgets, go back. */
  #usableLease(holding: Holding, spend: Spend): Lease | null {
    for (let lease = holding.lease; lease !== null; lease = holding.lease) {
      if (lease.left > 0 && lease.isFor(spend) && lease.isAlive(this.#clock)) return lease;
      void this.#release(holding, lease);
    }
    return null;
  }

  #wait(spend: Spend): Promise<Spent> {
    const endpoint = this.#endpointOf(spend.endpoint.name);
    const holding = this.#holdingOf(endpoint, spend);
    endpoint.refusal?.askedAgain(this.#clock);
    return new Promise((answer, fail) => {
      holding.waiters.push({ spend, answer, fail });
      if (!holding.asking) this.#ask(holding, spend, 1);
    });
  }

  /** Asks, once a lease, for the one that follows it. Nobody waits for it. */
  #follow(holding: Holding, spend: Spend, lease: Lease): void {
    if (lease.followed || lease.size < 4 || holding.next !== null || holding.asking) return;
    lease.followed = true;
    this.#ask(holding, spend, 1);
  }

  #ask(holding: Holding, { endpoint, tokenId, share }: Spend, attempt: number): void {
    const sent = momentOf(this.#clock);
    const like = { endpoint, tokenId, share };
    const need = holding.waiters.filter((waiter) => isLike(waiter.spend, like)).length;
    const request: LeaseRequest = { ...like, need, want: need + holding.demandAt(sent.monotonic) };
    holding.asking = true;
    this.leases.asked += 1;
    this.#source
      .take(request)
      .then((grant) => {
        holding.asking = false;
        this.leases.granted += grant.granted;
        this.#granted(holding, request, sent, grant, attempt);
      })
      .catch((error: unknown) => {
        holding.asking = false;
        this.leases.failed += 1;
        for (const { fail } of holding.waiters.splice(0)) fail(error);
      });
  }

  #granted(holding: Holding, request: LeaseRequest, sent: Moment, grant: Grant, attempt: number): void {
    const [first] = holding.waiters;
    if (elapsedMs(this.#clock, sent) >= windowMs(grant)) {
      // The window may have ended since: what it granted must not be spent in the next.
      this.leases.wasted += grant.granted;
      if (first === undefined) return;
      if (attempt === LATE_ANSWERS) throw new StoreAway('Budgets are answered after their window has ended');
      this.#ask(holding, first.spend, attempt + 1);
      return;
    }
    this.#usableLease(holding, request);
    holding.learn(grant);
    const exhausted = isExhausted(request, grant);
    this.#remember(holding, request, sent, grant, exhausted);
    this.#settle(holding, request, grant, new Lease(request, sent, grant), exhausted);
    const [left] = holding.waiters;
    if (left !== undefined) this.#ask(holding, left.spend, 1);
  }

  /** Answers those who wait, as far as the grant goes, and keeps what they leave. */
  #settle(holding: Holding, request: LeaseRequest, grant: Grant, lease: Lease, exhausted: boolean): void {
    const { all, own, resetAt } = grant;
    const stillWaiting: Waiter[] = [];
    for (const waiter of holding.waiters.splice(0)) {
      if (!isLike(waiter.spend, request)) stillWaiting.push(waiter);
      else if (lease.left > 0) waiter.answer(holding.spend(request, lease));
      else if (exhausted) waiter.answer(judge(request, all, own, resetAt));
      else stillWaiting.push(waiter);
    }
    holding.waiters = stillWaiting;
    if (lease.left === 0) return;
    this.leases.wasted += holding.keep(lease);
    this.#held.add(holding);
  }

  /** Remembers a refusal of this token, and that of everybody; or that there is none any more. */
  #remember(holding: Holding, request: LeaseRequest, sent: Moment, grant: Grant, exhausted: boolean): void {
    const { all, own, resetAt } = grant;
    const { endpoint, share } = request;
    const { name, max } = endpoint;
    const window = windowMs(grant);
    const again = askAgainMs(request, grant);
    const refused = judge(request, all, own, resetAt);
    const refusedToAll = { admitted: false, scope: 'endpoint', limit: max, remaining: 0, resetAt } as const;
    holding.refusal = exhausted ? new Refusal(refused, share, max, sent, window, again) : null;
    this.#endpointOf(name).refusal =
      all >= max
        ? new Refusal(
            refusedToAll,
            null,
            max,
            sent,
            window,
            askAgainMs({ ...request, share: max }, { ...grant, own: 0 }),
          )
        : null;
  }

  /** Lets go of the lease that is held first, and gives back what it is still worth. Never rejects. */
  async #release(holding: Holding, lease: Lease): Promise<void> {
    holding.drop();
    const { left: count, resetAt } = lease;
    if (count === 0) return;
    if (!lease.isInWindow(this.#clock)) {
      this.leases.wasted += count;
      return;
    }
    lease.left = 0;
    const { endpoint, tokenId } = holding;
    // What does not arrive stays spent: less is admitted then, never more.
    await this.#source.giveBack({ endpoint, tokenId, count, resetAt }).then(
      () => {
        this.leases.returned += count;
      },
      () => {
        this.leases.wasted += count;
      },
    );
  }

  #returnOld(): void {
    for (const holding of this.#held) {
      while (holding.lease !== null && !(holding.lease.left > 0 && holding.lease.isAlive(this.#clock))) {
        void this.#release(holding, holding.lease);
      }
      if (holding.lease === null) this.#held.delete(holding);
    }
  }

  #forget(): void {
    const before = this.#clock.monotonic() - FORGET_EVERY_MS;
    for (const { byToken } of this.#endpoints.values()) {
      for (const [tokenId, holding] of byToken) {
        const idle = holding.lease === null && !holding.asking && holding.askedAt < before;
        if (idle && !holding.refusal?.isInWindow(this.#clock)) byToken.delete(tokenId);
      }
    }
  }
}

/** Whether both requests are counted against the same budgets. */
function isLike(one: Spend, other: Spend): boolean {
  return one.share === other.share && one.endpoint.max === other.endpoint.max;
}
