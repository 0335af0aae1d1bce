/** What a gateway asks of its store while requests come: the token, and a part of a limit. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LimitedEndpoint } from '../../src/domain/endpoint.ts';
import { type Store, StoreAway } from '../../src/domain/store.ts';
import { Waiters } from './ear.ts';

export interface LoadOptions {
  readonly stores: readonly Store[];
  readonly endpoint: LimitedEndpoint;
  /** Of the token that all requests come with. */
  readonly tokenId: string;
  readonly hash: string;
}

/** Between two requests of one client: the load is steady, not as much as the machine can do. */
const EVERY_MS = 4;
const CLIENTS = 4;

/** Clients that go on asking until they are stopped. What only says that the store is away is counted. */
export class Load {
  admitted = 0;
  refused = 0;
  away = 0;
  found = 0;
  /** How often a token that is there was said not to be there. */
  unknown = 0;
  /** Anything but an answer and "the store is away". */
  readonly errors: unknown[] = [];
  readonly #options: LoadOptions;
  readonly #waiters = new Waiters();
  readonly #clients: readonly Promise<void>[];
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = options.stores.flatMap((store) =>
      Array.from({ length: CLIENTS }, () => this.#client(store)),
    );
  }

  /** Resolves as soon as the condition holds. */
  until(met: () => boolean): Promise<void> {
    return this.#waiters.until(met);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #client(store: Store): Promise<void> {
    while (!this.#stopped) {
      await Promise.all([this.#told(() => this.#find(store)), this.#told(() => this.#spend(store))]);
      this.#waiters.happened();
      await pause(EVERY_MS);
    }
  }

  async #told(ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      if (error instanceof StoreAway) this.away += 1;
      else this.errors.push(error);
    }
  }

  async #find(store: Store): Promise<void> {
    if ((await store.findByHash(this.#options.hash)) === null) this.unknown += 1;
    else this.found += 1;
  }

  async #spend(store: Store): Promise<void> {
    const { endpoint, tokenId } = this.#options;
    const { admitted } = await store.ledger.spend({ endpoint, tokenId, share: endpoint.max });
    if (admitted) this.admitted += 1;
    else this.refused += 1;
  }
}
