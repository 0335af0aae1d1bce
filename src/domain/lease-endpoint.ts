import type { Clock } from '../kernel/clock.ts';
import type { Moment } from '../kernel/moment.ts';
import { PartedMap } from '../kernel/parted-map.ts';
import { Ring } from '../kernel/ring.ts';
import type { LimitedEndpoint } from './endpoint.ts';
import type { Lease, Refusal } from './held-lease.ts';
import { type LeaseQuestion, type Returned, returnsWaitMs, TOKENS_AT_ONCE } from './lease.ts';
import { Holding } from './lease-holding.ts';
import type { Spend } from './limit-ledger.ts';

/** A question, and for whom each of its `asks` is. */
export interface AskedFor {
  readonly question: LeaseQuestion;
  readonly holdings: readonly Holding[];
}

/** For how many tokens of one endpoint there is room without a long turn of the event loop; more are held as well. */
const TOKENS = 65_536;

interface Kept {
  readonly holding: Holding;
  readonly lease: Lease;
}

/**
 * What this gateway holds of one endpoint, and wants of it: one question for all its tokens. Whoever asks takes along
 * what is to be given back, and asks for the other tokens whose leases will run out soon.
 */
export class EndpointLeases {
  /** That the endpoint's own budget has run out, whichever token asks. */
  refusal: Refusal | null = null;
  readonly #clock: Clock;
  /**
   * Of a token that came once only when that was, in whole monotonic milliseconds: where very many tokens come and do not
   * come again, there is nothing more to know, and a holding would live just long enough to cost V8 most.
   */
  readonly #byToken = new PartedMap<Holding | number>(TOKENS);
  /** Where `forget` goes on. */
  #looks = this.#byToken[Symbol.iterator]();
  /** Tokens that may soon be spent from again, those first that were not looked at for longest; and some that no longer are. */
  readonly #inDemand = new Ring<Holding>();
  /** Every lease not seen to be over, oldest first. */
  #kept: Kept[] = [];
  #asking: Holding[] = [];
  #returns: Returned[] = [];
  /** Since when the first of them waits, in monotonic milliseconds. */
  #returnsSince = 0;
  /** The limits of this endpoint that were asked about last. */
  #endpoint: LimitedEndpoint;

  constructor(endpoint: LimitedEndpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  /** How many tokens are remembered. */
  get tokens(): number {
    return this.#byToken.size;
  }

  holdingOf(spend: Spend): Holding {
    const known = this.#byToken.get(spend.tokenId);
    if (typeof known === 'object') return known;
    const holding = new Holding(spend, known ?? null);
    this.#byToken.set(spend.tokenId, holding);
    return holding;
  }

  /** Has the next question ask for this token. @returns whether it is the first that it asks for */
  ask(holding: Holding, limits: Spend): boolean {
    holding.asking = true;
    holding.limits = limits;
    this.#endpoint = limits.endpoint;
    return this.#asking.push(holding) === 1;
  }

  /** Has others ask for this token, for as long as it is in demand. */
  joins(holding: Holding): void {
    if (holding.inDemand) return;
    holding.inDemand = true;
    this.#inDemand.push(holding);
  }

  /** Keeps a lease. @returns how much was lost with one of a window that has ended */
  keep(holding: Holding, lease: Lease): number {
    this.#kept.push({ holding, lease });
    return holding.keep(lease);
  }

  /** Has the next question give this back. */
  giveBack(returned: Returned): void {
    if (this.#returns.length === 0) this.#returnsSince = this.#clock.monotonic();
    this.#returns.push(returned);
  }

  /** Whether what is given back has waited long enough for a question that takes it along. */
  get returnsAreDue(): boolean {
    const waitedMs = this.#clock.monotonic() - this.#returnsSince;
    return this.#returns.length > 0 && waitedMs >= returnsWaitMs(this.#endpoint.windowSeconds);
  }

  /** The leases that may not be spent from any more, each once. Looks at no younger one. */
  takeOld(): Kept[] {
    const firstAlive = this.#kept.findIndex(({ lease }) => lease.left > 0 && lease.isAlive(this.#clock));
    return this.#kept.splice(0, firstAlive === -1 ? this.#kept.length : firstAlive);
  }

  /** All leases. None is renewed afterwards. */
  takeAll(): Kept[] {
    this.#inDemand.clear();
    return this.#kept.splice(0);
  }

  /** What is to be asked and given back by now, in as few questions as hold it. */
  questions(sent: Moment): AskedFor[] {
    const returns = this.#returns.splice(0);
    const asking = this.#asking.splice(0);
    if (asking.length > 0) this.#joinIn(asking, sent.monotonic);
    const asked: AskedFor[] = [];
    for (const holdings of inParts(asking)) {
      const asks = holdings.map((holding) => holding.request(sent.monotonic));
      const endpoint = asks[0]?.endpoint ?? this.#endpoint;
      asked.push({ question: { endpoint, returns: returns.splice(0, TOKENS_AT_ONCE), asks }, holdings });
    }
    while (returns.length > 0) {
      const question = { endpoint: this.#endpoint, returns: returns.splice(0, TOKENS_AT_ONCE), asks: [] };
      asked.push({ question, holdings: [] });
    }
    return asked;
  }

  /**
   * Forgets tokens of which nothing is held, and that were not asked about since. Looks at so many of them, and at the next
   * ones the next time: to look at all at once would hold requests up.
   * @param before in milliseconds of the monotonic clock
   */
  forget(before: number, most: number): void {
    for (let looks = 0; looks < most; looks += 1) {
      const { done, value } = this.#looks.next();
      if (done) {
        this.#looks = this.#byToken[Symbol.iterator]();
        return;
      }
      const [tokenId, known] = value;
      if (typeof known === 'number') {
        if (known < before) this.#byToken.delete(tokenId);
      } else if (this.#isIdle(known, before)) {
        this.#byToken.delete(tokenId);
        known.inDemand = false;
      }
    }
  }

  #isIdle({ lease, asking, askedAt, refusal }: Holding, before: number): boolean {
    return lease === null && !asking && askedAt < before && refusal?.isInWindow(this.#clock) !== true;
  }

  /** Adds tokens whose leases run low, as many as one question has room for. Looks at no more tokens than two have. */
  #joinIn(asking: Holding[], now: number): void {
    const looks = Math.min(2 * TOKENS_AT_ONCE, this.#inDemand.size);
    for (let look = 0; look < looks && asking.length < TOKENS_AT_ONCE; look += 1) {
      const holding = this.#inDemand.shift();
      if (!holding?.inDemand) continue;
      const low = holding.isLow(this.#clock);
      if (low && !holding.isInDemand(now)) {
        holding.inDemand = false;
        if (holding.cameOnce) this.#byToken.set(holding.tokenId, Math.floor(holding.askedAt));
        continue;
      }
      // Behind all others: the next look is at those.
      this.#inDemand.push(holding);
      if (!low) continue;
      holding.asking = true;
      asking.push(holding);
    }
  }
}

/** By the limits that they are asked about under, at most `TOKENS_AT_ONCE` each. */
function* inParts(asking: readonly Holding[]): Generator<readonly Holding[]> {
  const byLimits = Map.groupBy(
    asking,
    ({ limits: { endpoint } }) => `${endpoint.max} ${endpoint.windowSeconds}`,
  );
  for (const holdings of byLimits.values()) {
    for (let from = 0; from < holdings.length; from += TOKENS_AT_ONCE) {
      yield holdings.slice(from, from + TOKENS_AT_ONCE);
    }
  }
}
