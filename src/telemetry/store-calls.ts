import { type Store, StoreAway } from '../domain/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { Durations } from './durations.ts';
import { PairCounts } from './pair-counts.ts';

/** The calls of the store's port that are timed, by their names. */
export const STORE_OPERATIONS = [
  'findByHash',
  'zones',
  'record',
  'count',
  'report',
  'commit',
  'user',
  'userByLogin',
  'usersByLogin',
  'users',
  'zone',
  'zoneByName',
  'agent',
  'agents',
  'token',
  'tokensById',
  'tokensByHash',
  'tokens',
  'tokensOfUser',
  'tokensOfAgent',
  'tokensOfZone',
  'tokensExpiringBefore',
  'busiestTokens',
  'share',
  'shareById',
  'shares',
  'setting',
  'events',
  'purgeEventsBefore',
] as const satisfies readonly (keyof Store)[];

/** How long the calls of a store take, and how many fail. */
export class StoreCalls {
  readonly durations = new Durations(STORE_OPERATIONS.length);
  /** By operation, and `away` for a store that did not answer or `refused` for what it would not do. */
  readonly errors = new PairCounts();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same store, whose calls are timed. */
  timed(store: Store): Store {
    const series = new Map<PropertyKey, number>(STORE_OPERATIONS.map((name, index) => [name, index]));
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const index = series.get(name);
        return (...args: unknown[]) => {
          const answer: unknown = Reflect.apply(value, target, args);
          return index === undefined || !(answer instanceof Promise) ? answer : this.#time(index, answer);
        };
      },
    });
  }

  async #time(series: number, answer: Promise<unknown>): Promise<unknown> {
    const since = this.#clock.monotonic();
    try {
      return await answer;
    } catch (error) {
      this.errors.count(STORE_OPERATIONS[series] ?? '', error instanceof StoreAway ? 'away' : 'refused');
      throw error;
    } finally {
      this.durations.observe(series, this.#clock.monotonic() - since);
    }
  }
}
