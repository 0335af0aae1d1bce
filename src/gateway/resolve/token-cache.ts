import type { Change } from '../../domain/store.ts';
import type { Credential } from '../../domain/token.ts';
import type { KnownToken } from './known-token.ts';
import { KnownTokens } from './known-tokens.ts';
import { PartedLru } from './parted-lru.ts';

export interface TokenCacheOptions {
  /** How many tokens are held at the most, about (`PartedLru`); unknown secrets are held apart, a tenth as many. */
  readonly size: number;
  /** For how long what was read is believed, in milliseconds. */
  readonly freshFor: number;
  /** For how long "there is no such token" is believed, in milliseconds. */
  readonly negativeFreshFor: number;
}

/** Of how many doubts it is remembered up to when everything before was vouched for; older entries count from their reading. */
const DOUBTS_REMEMBERED = 100;

/**
 * What the gateway knows of tokens, by the hash of the secret. Known and unknown secrets live in two caches, so
 * that a flood of made-up tokens cannot push out real ones. Entries are believed while they are fresh and nothing
 * is known to have changed; old ones are kept, for the time the store is away. An entry's age counts from when it was
 * read, or later vouched for by the store (docs/adr/0020-freshness-by-version.md).
 */
export class TokenCache {
  readonly #known: KnownTokens;
  /** The monotonic time at which the store said that there is no such token. */
  readonly #unknown: PartedLru<number>;
  readonly #freshFor: number;
  readonly #negativeFreshFor: number;
  /** How often everything was put in doubt. Counted, since two things can happen at one time of a clock. */
  #doubts = 0;
  /** Up to when everything was vouched for that was read since the last doubt: monotonic milliseconds. */
  #vouchedAt = Number.NEGATIVE_INFINITY;
  /** The same for what was read before, by the number of doubts there were. */
  readonly #vouchedBefore = new Map<number, number>();

  constructor(options: TokenCacheOptions) {
    this.#known = new KnownTokens(options.size);
    this.#unknown = new PartedLru(Math.max(1, Math.ceil(options.size / 10)));
    this.#freshFor = options.freshFor;
    this.#negativeFreshFor = options.negativeFreshFor;
  }

  get size(): number {
    return this.#known.size;
  }

  get unknownSize(): number {
    return this.#unknown.size;
  }

  /** Whether it holds anything of a token with this secret, if only that there is one. */
  holds(hash: string): boolean {
    return this.#known.has(hash);
  }

  /** The entry, believed or not; undefined also where a record that it was read with is known to have changed. */
  get(hash: string): KnownToken | undefined {
    return this.#known.get(hash);
  }

  /** How far the entry may be trusted at `now` (monotonic milliseconds). */
  trust(known: KnownToken, now: number): 'fresh' | 'ageing' | 'doubtful' {
    if (known.doubts !== this.#doubts) return 'doubtful';
    return this.#trustOf(now - Math.max(known.readAt, this.#vouchedAt));
  }

  /** The same for what changes without a commit, last use alone: nobody vouches for that. */
  trustInLastUse(known: KnownToken, now: number): 'fresh' | 'ageing' | 'doubtful' {
    return this.#trustOf(now - known.readAt);
  }

  /** Up to when the entry is known to have been right: monotonic milliseconds. */
  rightAt(known: KnownToken): number {
    const vouchedAt = known.doubts === this.#doubts ? this.#vouchedAt : this.#vouchedBefore.get(known.doubts);
    return Math.max(known.readAt, vouchedAt ?? known.readAt);
  }

  /** Whether the store said, lately enough, that there is no such token. */
  isUnknown(hash: string, now: number): boolean {
    const readAt = this.#unknown.get(hash);
    return readAt !== undefined && now - Math.max(readAt, this.#vouchedAt) <= this.#negativeFreshFor;
  }

  /** Keeps what the store answered to a look-up that was sent at `readAt` (monotonic milliseconds). */
  put(hash: string, credential: Credential | null, readAt: number): KnownToken | null {
    if (credential === null) {
      this.#known.delete(hash);
      this.#unknown.set(hash, readAt);
      return null;
    }
    this.#unknown.delete(hash);
    return this.#known.put(hash, credential, readAt, this.#doubts);
  }

  /** The same for an answer that may be from before a change: it is not kept, and neither is its owner's record. */
  unkept(credential: Credential | null, readAt: number): KnownToken | null {
    return credential === null ? null : { credential, readAt, doubts: this.#doubts };
  }

  /** Drops all that is held of one secret. */
  forget(hash: string): void {
    this.#known.delete(hash);
    this.#unknown.delete(hash);
  }

  /** Forgets, or stops believing, what a change has put out of date. */
  changed(change: Change): void {
    switch (change.of) {
      case 'tokens':
        for (const hash of change.hashes) this.forget(hash);
        break;
      case 'user':
      case 'agent':
        this.#known.changed(change.of, change.id);
        break;
      case 'everything':
        this.doubtEverything();
        break;
      case 'zones':
        break;
    }
  }

  /** All changes until `askedAt` (monotonic milliseconds) have been told. */
  vouched(askedAt: number): void {
    this.#vouchedAt = Math.max(this.#vouchedAt, askedAt);
  }

  /** Changes may have been missed: what was read until now is not believed until it is read again. */
  doubtEverything(): void {
    this.#rememberVouching();
    this.#doubts += 1;
    this.#vouchedAt = Number.NEGATIVE_INFINITY;
    this.#unknown.clear();
  }

  #rememberVouching(): void {
    if (this.#vouchedAt === Number.NEGATIVE_INFINITY) return;
    this.#vouchedBefore.set(this.#doubts, this.#vouchedAt);
    const [oldest] = this.#vouchedBefore.keys();
    if (oldest !== undefined && this.#vouchedBefore.size > DOUBTS_REMEMBERED)
      this.#vouchedBefore.delete(oldest);
  }

  #trustOf(age: number): 'fresh' | 'ageing' | 'doubtful' {
    if (age > this.#freshFor) return 'doubtful';
    return age > this.#freshFor / 2 ? 'ageing' : 'fresh';
  }
}
