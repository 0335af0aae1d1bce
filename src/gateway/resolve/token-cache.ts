import { LRUCache } from 'lru-cache';
import type { Change } from '../../domain/store.ts';
import type { Credential } from '../../domain/token.ts';
import { Dependencies } from './dependencies.ts';
import { isCurrent, type KnownToken } from './known-token.ts';

export interface TokenCacheOptions {
  /** How many tokens are held at the most; unknown secrets are held apart, a tenth as many. */
  readonly size: number;
  /** For how long what was read is believed, in milliseconds. */
  readonly freshFor: number;
  /** For how long "there is no such token" is believed, in milliseconds. */
  readonly negativeFreshFor: number;
}

/**
 * What the gateway knows of tokens, by the hash of the secret. Known and unknown secrets live in two caches, so
 * that a flood of made-up tokens cannot push out real ones. Entries are believed while they are fresh and nothing
 * is known to have changed; old ones are kept, for the time the store is away.
 */
export class TokenCache {
  readonly #known: LRUCache<string, KnownToken>;
  /** The monotonic time at which the store said that there is no such token. */
  readonly #unknown: LRUCache<string, number>;
  readonly #dependencies: Dependencies;
  readonly #freshFor: number;
  readonly #negativeFreshFor: number;
  /** How often everything was put in doubt. Counted, since two things can happen at one time of a clock. */
  #doubts = 0;

  constructor(options: TokenCacheOptions) {
    this.#known = new LRUCache({ max: options.size });
    this.#unknown = new LRUCache({ max: Math.max(1, Math.ceil(options.size / 10)) });
    this.#dependencies = new Dependencies(options.size);
    this.#freshFor = options.freshFor;
    this.#negativeFreshFor = options.negativeFreshFor;
  }

  get size(): number {
    return this.#known.size;
  }

  get unknownSize(): number {
    return this.#unknown.size;
  }

  /** The entry, believed or not. */
  get(hash: string): KnownToken | undefined {
    return this.#known.get(hash);
  }

  /** How far the entry may be trusted at `now` (monotonic milliseconds). */
  trust(known: KnownToken, now: number): 'fresh' | 'ageing' | 'doubtful' {
    const age = now - known.readAt;
    if (age > this.#freshFor || known.doubts !== this.#doubts || !isCurrent(known)) return 'doubtful';
    return age > this.#freshFor / 2 ? 'ageing' : 'fresh';
  }

  /** Whether the store said, lately enough, that there is no such token. */
  isUnknown(hash: string, now: number): boolean {
    const readAt = this.#unknown.get(hash);
    return readAt !== undefined && now - readAt <= this.#negativeFreshFor;
  }

  /** Keeps what the store answered to a look-up that was sent at `readAt` (monotonic milliseconds). */
  put(hash: string, credential: Credential | null, readAt: number): KnownToken | null {
    if (credential === null) {
      this.#known.delete(hash);
      this.#unknown.set(hash, readAt);
      return null;
    }
    const { userId, agentId } = credential.token;
    const known: KnownToken = {
      credential,
      readAt,
      doubts: this.#doubts,
      owner: this.#dependencies.of(userId),
      agent: agentId === null ? null : this.#dependencies.of(agentId),
    };
    this.#unknown.delete(hash);
    this.#known.set(hash, known);
    return known;
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
        this.#dependencies.changed(change.id);
        break;
      case 'everything':
        this.doubtEverything();
        break;
      case 'zones':
        break;
    }
  }

  /** Changes may have been missed: what was read until now is not believed until it is read again. */
  doubtEverything(): void {
    this.#doubts += 1;
    this.#unknown.clear();
  }
}
