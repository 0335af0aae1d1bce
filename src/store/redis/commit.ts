import { randomUUID } from 'node:crypto';
import { type Change, type Mutation, StoreAway } from '../../domain/store.ts';
import { CHANGES_LISTED_MAX, type CommitPlan, EVERYTHING, type Kind, recordOf } from '../commit-plan.ts';
import { jsonText, loginKey, tokenText, userText } from '../records.ts';
import type { Connection } from './connection.ts';
import { listFrom, textFrom } from './reply.ts';
import { type KeyName, managementKey, type Script } from './script.ts';
import { CHECK_PART, COMMIT, SEAL, WRITE_PART } from './write-scripts.ts';

/** What the script does for one mutation. */
interface Step {
  readonly kind: Kind;
  readonly id: string;
  readonly remove?: true;
  /** The record as it is stored. */
  readonly record?: string;
  readonly loginKey?: string;
  readonly name?: string;
  readonly hash?: string;
  readonly userId?: string;
  readonly createdAt?: number;
  /** How long the token may stay unused, in milliseconds; left out for a revoked one, which no longer expires. */
  readonly windowMs?: number | undefined;
  /** The last use with which a token that is new here begins, in milliseconds since the epoch. */
  readonly usedAt?: number | undefined;
}

/** More mutations than this are written in parts of this size, each of which blocks Redis for some milliseconds. */
const STEPS_AT_ONCE = 200;
/** How long a staged commit lives that nobody decides, in milliseconds. */
const STAGED_FOR_MS = 10 * 60_000;
/** How often a large commit is checked again because something else was written meanwhile. */
const CHECKS = 10;

/** What was announced; or the mutation whose name, login or hash another record holds, and nothing was written. */
export type Committed = { readonly changes: readonly Change[] } | { readonly refused: Mutation };

/** Writes commits through one connection. Its methods reject with StoreAway. */
export class Committer {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** Writes all of the plan, or nothing. */
  commit(plan: CommitPlan): Promise<Committed> {
    return plan.mutations.length > STEPS_AT_ONCE ? this.#commitLarge(plan) : this.#commitSmall(plan);
  }

  /** Writes what is left of a large commit that was decided, if there is one: its writer may have died. */
  async finishSealed(): Promise<void> {
    const args = [CHANGES_LISTED_MAX, changesChannel(this.#prefix), JSON.stringify(EVERYTHING)];
    while (Number(await this.#run(WRITE_PART, args)) > 0);
  }

  async #commitSmall(plan: CommitPlan): Promise<Committed> {
    const { mutations, changes } = plan;
    const known = JSON.stringify(changes);
    const args = [CHANGES_LISTED_MAX, changesChannel(this.#prefix), known, stepsText(mutations)];
    for (;;) {
      const [outcome, detail] = listFrom(await this.#run(COMMIT, args));
      if (outcome === 'written') return { changes: JSON.parse(textFrom(detail)) as Change[] };
      if (outcome === 'refused') return { refused: mutationAt(plan, Number(detail)) };
      await this.finishSealed();
    }
  }

  async #commitLarge(plan: CommitPlan): Promise<Committed> {
    const staged = await this.#stage(plan.mutations);
    for (let check = 1; check <= CHECKS; check++) {
      await this.finishSealed();
      const version = await this.#connection.ask((redis) => redis.get(this.#key('version')));
      const refused = await this.#check(plan, staged);
      if (refused !== null) {
        await this.#connection.ask((redis) => redis.unlink(staged));
        return { refused };
      }
      if ((await this.#run(SEAL, [version ?? '0'], [staged])) === 'done') {
        await this.finishSealed();
        return { changes: EVERYTHING };
      }
    }
    throw new StoreAway(`Redis at ${this.#connection.address} is written to too busily for a large commit`);
  }

  /** Puts the steps into Redis, in parts. @returns the key that holds them */
  async #stage(mutations: readonly Mutation[]): Promise<string> {
    const key = `${this.#prefix}{m}:staged:${randomUUID()}`;
    for (let from = 0; from < mutations.length; from += STEPS_AT_ONCE) {
      const part = stepsText(mutations.slice(from, from + STEPS_AT_ONCE));
      await this.#connection.ask((redis) => redis.rpush(key, part));
      await this.#connection.ask((redis) => redis.pexpire(key, STAGED_FOR_MS));
    }
    return key;
  }

  /** The first mutation that wants what a record outside the commit holds, or null. */
  async #check(plan: CommitPlan, staged: string): Promise<Mutation | null> {
    const included = new Set(plan.mutations.map(nameOf));
    for (let from = 0; from < plan.mutations.length; from += STEPS_AT_ONCE) {
      const held = listFrom(await this.#run(CHECK_PART, [from / STEPS_AT_ONCE], [staged]));
      for (let i = 0; i < held.length; i += 2) {
        const mutation = mutationAt(plan, from + Number(held[i]));
        // A record of this commit that holds it now will not afterwards: no two mutations want the same.
        if (!included.has(`${recordOf(mutation).kind} ${textFrom(held[i + 1])}`)) return mutation;
      }
    }
    return null;
  }

  #run(script: Script, args: readonly (string | number)[], more: readonly string[] = []): Promise<unknown> {
    return this.#connection.run(script, [...script.keys.map((name) => this.#key(name)), ...more], args);
  }

  #key(name: KeyName): string {
    return managementKey(this.#prefix, name);
  }
}

/** The channel on which changes are announced to every gateway. */
export function changesChannel(prefix: string): string {
  return `${prefix}changes`;
}

function mutationAt({ mutations }: CommitPlan, position: number): Mutation {
  const mutation = mutations[position];
  if (mutation === undefined) throw new TypeError('Redis refused a step that the commit does not have');
  return mutation;
}

function nameOf(mutation: Mutation): string {
  const { kind, id } = recordOf(mutation);
  return `${kind} ${id}`;
}

function stepsText(mutations: readonly Mutation[]): string {
  return jsonText(mutations.map(stepOf));
}

function stepOf(mutation: Mutation): Step {
  if ('remove' in mutation) return { kind: mutation.remove, id: mutation.id, remove: true };
  switch (mutation.put) {
    case 'user': {
      const { user } = mutation;
      return { kind: 'user', id: user.id, record: userText(user), loginKey: loginKey(user.login) };
    }
    case 'zone': {
      const { zone } = mutation;
      return { kind: 'zone', id: zone.id, record: jsonText(zone), name: zone.name };
    }
    case 'agent':
      return { kind: 'agent', id: mutation.agent.id, record: jsonText(mutation.agent) };
    case 'share':
      return { kind: 'share', id: mutation.share.tokenId, record: jsonText(mutation.share) };
    case 'token': {
      const { id, hash, userId, createdAt, windowSeconds, revokedAt, lastUsedAt } = mutation.token;
      const windowMs = revokedAt === null ? windowSeconds * 1000 : undefined;
      const usedAt = lastUsedAt ?? undefined;
      return {
        kind: 'token',
        id,
        record: tokenText(mutation.token),
        hash,
        userId,
        createdAt,
        windowMs,
        usedAt,
      };
    }
  }
}
