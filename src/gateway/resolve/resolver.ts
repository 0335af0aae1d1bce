import type { RejectionCode } from '../../domain/rejection.ts';
import { judgeSecret, secretIndex } from '../../domain/secret.ts';
import { type Change, StoreAway, type TokenSource } from '../../domain/store.ts';
import { acceptsSecret, unusable } from '../../domain/token.ts';
import type { Breaker } from '../../kernel/breaker.ts';
import type { Clock } from '../../kernel/clock.ts';
import { TurnoverMap } from '../../kernel/turnover.ts';
import type { Findings } from '../findings.ts';
import type { FailureLimit, Whence } from './failure-limit.ts';
import type { KnownToken } from './known-token.ts';
import { TokenCache, type TokenCacheOptions } from './token-cache.ts';

export interface ResolverOptions extends TokenCacheOptions {
  /** What secrets made here begin with, without the underscore. */
  readonly prefix: string;
  /** The key of the HMAC over the secret's hash, or null. */
  readonly pepper: string | null;
  /** For how long a token is served from the cache while the store is away, in milliseconds since it was known to be right. */
  readonly staleFor: number;
  /** Bounds what an address may guess; null where nothing does. */
  readonly failures: FailureLimit | null;
}

/** Counts what the cache answered. */
export interface ResolverEvents {
  lookup(answer: 'hit' | 'miss' | 'stale' | 'unknown' | 'junk'): void;
}

/** A token that may act, or the code of the refusal. */
export type Resolution = KnownToken | RejectionCode;

/** How often a record is read at the most for one look-up when it keeps changing while the look-up is under way. */
const READS = 4;

const NO_ANSWER: Promise<null> = Promise.resolve(null);

/** A look-up that is under way. */
interface Flight {
  answer: Promise<KnownToken | null>;
  /** A change was announced after the look-up was sent, so its answer may be from before. */
  overtaken: boolean;
  /** It is being read for the last time, whatever is announced. */
  isLast: boolean;
}

/**
 * The resolve stage: secret → hash → record, from the cache where it can be believed, else from the store, one
 * look-up at a time for each token. While changes arrive the store vouches for what was read. Where it does not, a
 * record is read again in the background once half its time is over, so a token in use never waits, and is never
 * believed for longer than `freshFor`. When the store is away, what is known is served until it is `staleFor` old;
 * what is not known is refused with 503, never 401.
 */
export class Resolver {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  readonly #breaker: Breaker;
  readonly #options: ResolverOptions;
  readonly #events: ResolverEvents;
  readonly #cache: TokenCache;
  readonly #flights = new TurnoverMap<string, Flight>();

  constructor(
    source: TokenSource,
    clock: Clock,
    breaker: Breaker,
    options: ResolverOptions,
    events: ResolverEvents,
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#breaker = breaker;
    this.#options = options;
    this.#events = events;
    this.#cache = new TokenCache(options);
  }

  /** How many tokens the cache holds. */
  get cached(): number {
    return this.#cache.size;
  }

  /** Of how many secrets the cache holds that there is no such token. */
  get cachedUnknown(): number {
    return this.#cache.unknownSize;
  }

  /**
   * Resolves the bare secret of a request. Answers at once when the cache can be believed.
   * @param from whose failures are counted; null where nobody's are. A token that the cache holds never asks for it
   * @param findings of this very secret; its index is taken from there, or put there
   */
  resolve(
    secret: string | null,
    from: Whence | null = null,
    findings?: Findings,
  ): Resolution | Promise<Resolution> {
    if (secret === null) return 'resolve.missing';
    const known = findings?.secretIndex ?? null;
    if (known !== null) return this.resolveHash(known, from);
    const { prefix, pepper } = this.#options;
    if (judgeSecret(secret, prefix) === 'junk') {
      this.#events.lookup('junk');
      return this.#failed('resolve.malformed', from);
    }
    const index = secretIndex(secret, pepper);
    if (findings !== undefined) findings.secretIndex = index;
    return this.resolveHash(index, from);
  }

  /** The same by the secret's index; also for those who hold a live connection and no secret. */
  resolveHash(hash: string, from: Whence | null = null): Resolution | Promise<Resolution> {
    const now = this.#clock.monotonic();
    const known = this.#cache.get(hash);
    if (known !== undefined) {
      const trust = this.#cache.trust(known, now);
      if (trust === 'ageing') this.#refresh(hash);
      if (trust !== 'doubtful') {
        const verdict = this.#judge(known, hash);
        if (verdict !== 'resolve.expired' || this.#cache.trustInLastUse(known, now) === 'fresh') {
          this.#events.lookup('hit');
          return verdict;
        }
      }
    } else if (this.#cache.isUnknown(hash, now)) {
      this.#events.lookup('unknown');
      return this.#failed('resolve.unknown', from);
    } else if (from !== null && this.#options.failures !== null && !this.#cache.holds(hash)) {
      return this.#lookUpFor(from, hash, this.#options.failures);
    }
    return this.#lookUp(hash);
  }

  /** Looks up what the cache does not hold, unless its caller has failed too often. */
  #lookUpFor(from: Whence, hash: string, failures: FailureLimit): Resolution | Promise<Resolution> {
    const end = failures.beginLookUp(from);
    if (end === null) return 'resolve.too-many-failures';
    const answer = this.#lookUp(hash);
    const lookedUp = (found: Resolution) => {
      end(found === 'resolve.unknown');
      return found;
    };
    if (!(answer instanceof Promise)) return lookedUp(answer);
    return answer.then(lookedUp, (bug: unknown) => {
      end(false);
      throw bug;
    });
  }

  #lookUp(hash: string): Resolution | Promise<Resolution> {
    if (!this.#breaker.allows()) return this.#withoutStore(hash);
    return this.#read(hash).then(
      (found) => {
        this.#events.lookup('miss');
        return found === null ? 'resolve.unknown' : this.#judge(found, hash);
      },
      (error: unknown) => {
        if (error instanceof StoreAway) return this.#withoutStore(hash);
        throw error;
      },
    );
  }

  /** Takes in what was written elsewhere; acts on the next request. */
  changed(change: Change): void {
    for (const flight of this.#flights.values()) flight.overtaken = true;
    this.#cache.changed(change);
  }

  /** Changes may have been missed. */
  gap(): void {
    this.changed({ of: 'everything' });
  }

  /** All changes until `askedAt` (monotonic milliseconds) have been told. */
  vouched(askedAt: number): void {
    this.#cache.vouched(askedAt);
  }

  /** Counts a failure that cost no look-up, and says what to answer. */
  #failed(code: RejectionCode, from: Whence | null): RejectionCode {
    const { failures } = this.#options;
    return from === null || failures === null || failures.failed(from) ? code : 'resolve.too-many-failures';
  }

  #judge(known: KnownToken, hash: string): Resolution {
    const now = this.#clock.now();
    // A secret that a rotation replaced, and whose time is over.
    if (!acceptsSecret(known.credential.token, hash, now)) return 'resolve.revoked';
    const reason = unusable(known.credential, now);
    return reason === null ? known : `resolve.${reason}`;
  }

  /** The store does not answer: what is known and not too old still counts. */
  #withoutStore(hash: string): Resolution {
    const known = this.#cache.get(hash);
    const now = this.#clock.monotonic();
    if (known === undefined || now - this.#cache.rightAt(known) > this.#options.staleFor)
      return 'resolve.store-away';
    const verdict = this.#judge(known, hash);
    // It may have been used since its last use was read.
    if (verdict === 'resolve.expired' && this.#cache.trustInLastUse(known, now) === 'doubtful')
      return 'resolve.store-away';
    this.#events.lookup('stale');
    return verdict;
  }

  #refresh(hash: string): void {
    if (this.#flights.has(hash) || !this.#breaker.allows()) return;
    this.#read(hash).catch((error: unknown) => {
      // The breaker knows, and the entry still stands: whoever needs more than it gives will ask and be told.
      if (!(error instanceof StoreAway)) throw error;
    });
  }

  /** One look-up at a time for each token; everybody who asks meanwhile gets its answer, unless a change has come before them. */
  #read(hash: string): Promise<KnownToken | null> {
    const underWay = this.#flights.get(hash);
    if (underWay !== undefined && !(underWay.isLast && underWay.overtaken)) return underWay.answer;
    const flight: Flight = { overtaken: false, isLast: false, answer: NO_ANSWER };
    this.#flights.set(hash, flight);
    flight.answer = this.#fly(hash, flight);
    return flight.answer;
  }

  async #fly(hash: string, flight: Flight): Promise<KnownToken | null> {
    try {
      for (let attempt = 1; ; attempt++) {
        flight.overtaken = false;
        flight.isLast = attempt === READS;
        const sentAt = this.#clock.monotonic();
        const credential = await this.#source.findByHash(hash);
        this.#breaker.succeeded();
        if (flight.overtaken && !flight.isLast) continue;
        if (!flight.overtaken) return this.#cache.put(hash, credential, sentAt);
        // Changes keep coming: answer those who have waited since before, and keep nothing of it, nor of what was before.
        this.#cache.forget(hash);
        return this.#cache.unkept(credential, sentAt);
      }
    } catch (error) {
      if (error instanceof StoreAway) this.#breaker.failed(error.message);
      throw error;
    } finally {
      if (this.#flights.get(hash) === flight) this.#flights.delete(hash);
    }
  }
}
