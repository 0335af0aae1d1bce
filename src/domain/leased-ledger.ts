import type { Clock } from '../kernel/clock.ts';
import { elapsedMs, type Moment, momentOf } from '../kernel/moment.ts';
import { TurnoverSet } from '../kernel/turnover.ts';
import type { LimitedEndpoint } from './endpoint.ts';
import { Lease, Refusal } from './held-lease.ts';
import {
  askAgainMs,
  type Grant,
  isExhausted,
  type LeaseRequest,
  type LeaseSource,
  lowMark,
  RETURN_EVERY_MS,
  windowMs,
} from './lease.ts';
import { type AskedFor, EndpointLeases } from './lease-endpoint.ts';
import { type Holding, isLike, type Waiter } from './lease-holding.ts';
import type { Counted, LeaseCounts, LimitLedger, Spend, Spent } from './limit-ledger.ts';
import { judge } from './limit-window.ts';
import { StoreAway } from './store.ts';

/** How long a token is remembered that nobody asks about: longer than what was learnt of it means anything, in milliseconds. */
const FORGET_AFTER_MS = 5_000;
/** How many tokens of an endpoint are looked at each time: ten thousand a second. */
const LOOKS = 500;
/** How many answers in a row may come after the end of the window that they speak of. */
const LATE_ANSWERS = 3;

/**
 * Spends budgets that all gateways share. It takes some requests at a time from the source, spends them here, and
 * gives back what it does not spend (docs/limits.md, docs/adr/0009-leased-limits.md). Answers at once from a lease
 * and from a remembered refusal, else by promise.
 */
export class LeasedLedger implements LimitLedger {
  readonly #source: LeaseSource;
  readonly #clock: Clock;
  readonly #soon: (task: () => void) => void;
  readonly #endpoints = new Map<string, EndpointLeases>();
  readonly #stop: () => void;
  /** Questions that are not answered yet. */
  readonly #underway = new TurnoverSet<Promise<void>>();
  readonly leases: LeaseCounts = { asked: 0, failed: 0, granted: 0, returned: 0, wasted: 0 };

  /** @param soon runs a task when what else arrived meanwhile has been heard: all that was asked until then is one question */
  constructor(source: LeaseSource, clock: Clock, soon: (task: () => void) => void) {
    this.#source = source;
    this.#clock = clock;
    this.#soon = soon;
    this.#stop = clock.every(RETURN_EVERY_MS, () => this.#returnOld());
  }

  spend(spend: Spend): Spent | Promise<Spent> {
    return this.spendHere(spend) ?? this.#wait(spend);
  }

  spendHere(spend: Spend): Spent | null {
    const endpoint = this.#endpointOf(spend.endpoint);
    const holding = endpoint.holdingOf(spend);
    const lease = this.#usableLease(endpoint, holding, spend);
    if (lease !== null) {
      const spent = holding.spend(spend, lease);
      if (lease.left <= lowMark(lease.size)) this.#follow(endpoint, holding, spend, lease);
      return spent;
    }
    return holding.refusal?.of(spend, this.#clock) ?? endpoint.refusal?.of(spend, this.#clock) ?? null;
  }

  count({ name }: LimitedEndpoint, tokenId: string): Promise<Counted> {
    return this.#source.count(name, tokenId);
  }

  /** Gives back what is held, so that others can spend it. Nothing is to be spent here afterwards. */
  async close(): Promise<void> {
    this.#stop();
    // What was asked for may still be granted, and goes back too.
    await this.#sendAll();
    for (const endpoint of this.#endpoints.values()) {
      for (const { holding, lease } of endpoint.takeAll()) this.#release(endpoint, holding, lease);
    }
    await this.#sendAll();
  }

  /** Fulfilled when nothing is under way any more. Never rejects. */
  async #sendAll(): Promise<void> {
    for (const endpoint of this.#endpoints.values()) this.#send(endpoint);
    await Promise.all(this.#underway);
  }

  #endpointOf(endpoint: LimitedEndpoint): EndpointLeases {
    let leases = this.#endpoints.get(endpoint.name);
    if (leases === undefined) {
      leases = new EndpointLeases(endpoint, this.#clock);
      this.#endpoints.set(endpoint.name, leases);
    }
    return leases;
  }

  /** The lease to spend from. Leases that are too old, or were granted under other budgets, go back. */
  #usableLease(endpoint: EndpointLeases, holding: Holding, spend: Spend): Lease | null {
    for (let lease = holding.lease; lease !== null; lease = holding.lease) {
      if (lease.left > 0 && lease.isFor(spend) && lease.isAlive(this.#clock)) return lease;
      this.#release(endpoint, holding, lease);
    }
    return null;
  }

  #wait(spend: Spend): Promise<Spent> {
    const endpoint = this.#endpointOf(spend.endpoint);
    const holding = endpoint.holdingOf(spend);
    endpoint.refusal?.askedAgain(this.#clock);
    return new Promise((answer, fail) => {
      holding.waiters.push({ spend, answer, fail });
      if (!holding.asking) this.#ask(endpoint, holding, spend);
    });
  }

  /** Asks, once a lease, for the one that follows it. Nobody waits for it. */
  #follow(endpoint: EndpointLeases, holding: Holding, spend: Spend, lease: Lease): void {
    if (lease.followed || lease.size < 4 || holding.next !== null || holding.asking) return;
    lease.followed = true;
    this.#ask(endpoint, holding, spend);
  }

  #ask(endpoint: EndpointLeases, holding: Holding, spend: Spend): void {
    if (endpoint.ask(holding, spend)) this.#soon(() => this.#send(endpoint));
  }

  /** Asks and gives back all that there is to by now. */
  #send(endpoint: EndpointLeases): void {
    const sent = momentOf(this.#clock);
    for (const asked of endpoint.questions(sent)) {
      const exchange = this.#exchange(endpoint, asked, sent).finally(() => this.#underway.delete(exchange));
      this.#underway.add(exchange);
    }
  }

  async #exchange(endpoint: EndpointLeases, { question, holdings }: AskedFor, sent: Moment): Promise<void> {
    const { asks, returns } = question;
    const returned = returns.reduce((sum, { count }) => sum + count, 0);
    if (asks.length > 0) this.leases.asked += 1;
    try {
      const grants = await this.#source.exchange(question);
      this.leases.returned += returned;
      for (const [at, grant] of grants.entries()) {
        const [holding, request] = [holdings[at], asks[at]];
        if (holding !== undefined && request !== undefined)
          this.#granted(endpoint, holding, request, sent, grant);
      }
    } catch (error) {
      // What did not arrive stays spent: less is admitted then, never more.
      this.leases.wasted += returned;
      if (asks.length > 0) this.leases.failed += 1;
      for (const holding of holdings) fail(holding, error);
    }
  }

  #granted(
    endpoint: EndpointLeases,
    holding: Holding,
    request: LeaseRequest,
    sent: Moment,
    grant: Grant,
  ): void {
    holding.asking = false;
    this.leases.granted += grant.granted;
    if (elapsedMs(this.#clock, sent) >= windowMs(grant)) {
      // The window may have ended since: what it granted must not be spent in the next.
      this.leases.wasted += grant.granted;
      holding.lateAnswers += 1;
      if (holding.lateAnswers < LATE_ANSWERS) this.#askForWaiters(endpoint, holding);
      else fail(holding, new StoreAway('Budgets are answered after their window has ended'));
      return;
    }
    holding.lateAnswers = 0;
    this.#usableLease(endpoint, holding, request);
    holding.learn(request, grant);
    if (grant.granted > 0) endpoint.joins(holding);
    const exhausted = isExhausted(request, grant);
    remember(endpoint, holding, request, sent, grant, exhausted);
    this.#settle(endpoint, holding, request, grant, new Lease(request, sent, grant), exhausted);
    this.#askForWaiters(endpoint, holding);
  }

  #askForWaiters(endpoint: EndpointLeases, holding: Holding): void {
    const [first] = holding.waiters;
    if (first !== undefined) this.#ask(endpoint, holding, first.spend);
  }

  /** Answers those who wait, as far as the grant goes, and keeps what they leave. */
  #settle(
    endpoint: EndpointLeases,
    holding: Holding,
    request: LeaseRequest,
    grant: Grant,
    lease: Lease,
    exhausted: boolean,
  ): void {
    const { all, own, resetAt } = grant;
    const stillWaiting: Waiter[] = [];
    for (const waiter of holding.waiters.splice(0)) {
      if (!isLike(waiter.spend, request)) stillWaiting.push(waiter);
      else if (lease.left > 0) waiter.answer(holding.spend(request, lease));
      else if (exhausted) waiter.answer(judge(request, all, own, resetAt));
      else stillWaiting.push(waiter);
    }
    holding.waiters = stillWaiting;
    if (lease.left > 0) this.leases.wasted += endpoint.keep(holding, lease);
  }

  /** Lets go of a lease, and has what it is still worth given back. */
  #release(endpoint: EndpointLeases, holding: Holding, lease: Lease): void {
    const count = holding.drop(lease);
    if (count === 0) return;
    const { resetAt } = lease;
    if (lease.isInWindow(this.#clock)) endpoint.giveBack({ tokenId: holding.tokenId, count, resetAt });
    else this.leases.wasted += count;
  }

  #returnOld(): void {
    const before = this.#clock.monotonic() - FORGET_AFTER_MS;
    for (const endpoint of this.#endpoints.values()) {
      // What no question took along since the last time goes by itself.
      if (endpoint.returnsAreDue) this.#send(endpoint);
      for (const { holding, lease } of endpoint.takeOld()) this.#release(endpoint, holding, lease);
      endpoint.forget(before, LOOKS);
    }
  }
}

/** Remembers a refusal of this token, and that of everybody; or that there is none any more. */
function remember(
  endpoint: EndpointLeases,
  holding: Holding,
  request: LeaseRequest,
  sent: Moment,
  grant: Grant,
  exhausted: boolean,
): void {
  const { all, own, resetAt } = grant;
  const { share } = request;
  const { max } = request.endpoint;
  const window = windowMs(grant);
  const refused = judge(request, all, own, resetAt);
  holding.refusal = exhausted
    ? new Refusal(refused, share, max, sent, window, askAgainMs(request, grant))
    : null;
  const refusedToAll = { admitted: false, scope: 'endpoint', limit: max, remaining: 0, resetAt } as const;
  const again = askAgainMs({ ...request, share: max }, { ...grant, own: 0 });
  endpoint.refusal = all >= max ? new Refusal(refusedToAll, null, max, sent, window, again) : null;
}

/** Tells those who wait that there is no answer. */
function fail(holding: Holding, error: unknown): void {
  holding.asking = false;
  holding.lateAnswers = 0;
  for (const waiter of holding.waiters.splice(0)) waiter.fail(error);
}
