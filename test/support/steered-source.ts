import { StoreAway, type TokenSource } from '../../src/domain/store.ts';
import type { Credential } from '../../src/domain/token.ts';
import type { Zone } from '../../src/domain/zone.ts';

/**
 * Stands between a part under test and a real store: counts the look-ups, can hold their answers back, and can
 * behave as a store that is away. The answers are always the real store's.
 */
export class SteeredSource implements TokenSource {
  readonly #source: TokenSource;
  /** How many look-ups reached the store. */
  lookups = 0;
  /** While true, every call fails as it does when the store does not answer. */
  away = false;
  #held: Array<() => void> | null = null;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** From now on answers wait, already read, until `release`. */
  hold(): void {
    this.#held = [];
  }

  /** Lets the answers go that were held, and those to come. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const go of held) go();
  }

  findByHash(hash: string): Promise<Credential | null> {
    return this.#answer(() => this.#source.findByHash(hash));
  }

  zones(): Promise<readonly Zone[]> {
    return this.#answer(() => this.#source.zones());
  }

  async #answer<T>(read: () => Promise<T>): Promise<T> {
    this.lookups++;
    if (this.away) throw new StoreAway('away, as the test wants it');
    const answer = await read();
    if (this.#held !== null) await new Promise<void>((resolve) => this.#held?.push(resolve));
    return answer;
  }
}
