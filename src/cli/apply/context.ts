import type { Environment } from '../../config/environment.ts';
import type { Management, TokenSource } from '../../domain/store.ts';
import type { Agent } from '../../domain/user.ts';
import type { Zone } from '../../domain/zone.ts';
import { loginKey } from '../../store/records.ts';
import type { Draft } from './draft.ts';

/** What the gateway's configuration, the environment and the clock say. */
export interface Rules {
  /** What secrets made by Tollgate begin with. */
  readonly prefix: string;
  readonly pepper: string | null;
  /** The names that a token may have its own percentage for. */
  readonly endpoints: readonly string[];
  readonly env: Environment;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A record that the file has but that is wrong, so that what refers to it is not called wrong too. */
export const WRONG = 'wrong';

/** All that planning reads, and what it has found so far. */
export interface Context {
  readonly store: Management & TokenSource;
  readonly rules: Rules;
  readonly draft: Draft;
  readonly owners: Owners;
  /** By name, as they will be. */
  readonly zones: Map<string, Zone | typeof WRONG>;
  /** By name, as they will be. More than one of the store may have a name. */
  readonly agents: Map<string, readonly Agent[] | typeof WRONG>;
}

/** The ids of users by login, of the file and, as far as asked for, of the store. */
export class Owners {
  readonly #store: Management;
  readonly #ids = new Map<string, string | null>();

  constructor(store: Management) {
    this.#store = store;
  }

  /** @param id WRONG when the file's user is */
  declare(login: string, id: string): void {
    this.#ids.set(loginKey(login), id);
  }

  /** Asks the store for those not known yet. */
  async load(logins: readonly string[]): Promise<void> {
    const unknown = [...new Set(logins.map(loginKey))].filter((key) => !this.#ids.has(key));
    if (unknown.length === 0) return;
    const users = await this.#store.usersByLogin(unknown);
    unknown.forEach((key, index) => {
      this.#ids.set(key, users[index]?.id ?? null);
    });
  }

  /** Null when there is no such user. The login must have been declared or loaded. */
  idOf(login: string): string | null {
    return this.#ids.get(loginKey(login)) ?? null;
  }
}
