import { randomUUID } from 'node:crypto';
import { type Change, StoreAway } from '../../domain/store.ts';
import {
  CHANGES_LISTED_MAX,
  type CommitPlan,
  EVERYTHING,
  type Precondition,
  recordOf,
  type Write,
} from '../commit-plan.ts';
import { jsonText } from '../records.ts';
import { CHECK_PART, CHECK_PRECONDITIONS, COMMIT, SEAL, STAGE, WRITE_PART } from './commit-scripts.ts';
import { stepsText } from './commit-step.ts';
import type { Connection } from './connection.ts';
import type { DurableCommits, Outcome } from './durable-commits.ts';
import { listFrom, textFrom } from './reply.ts';
import { type KeyName, managementKey, type Script } from './script.ts';

/** More mutations than this are written in parts of this size, each of which blocks Redis for some milliseconds. */
const STEPS_AT_ONCE = 200;
/** How long a staged commit lives that nobody decides, in milliseconds. */
const STAGED_FOR_MS = 10 * 60_000;
/** How often a large commit is checked again because something else was written meanwhile. */
const CHECKS = 10;

/**
 * What was announced, and why it is not known that it will survive a failure, or null; or why nothing was written: the
 * mutation whose name, login or hash another record holds, or what did not hold.
 */
export type Committed =
  | { readonly changes: readonly Change[]; readonly doubt: string | null }
  | { readonly refused: Write }
  | { readonly unmet: Precondition };

/** Writes commits. Its methods reject with StoreAway. */
export class Committer {
  readonly #connection: Connection;
  /** Runs what decides a commit. */
  readonly #durable: DurableCommits;
  readonly #prefix: string;

  constructor(connection: Connection, durable: DurableCommits, prefix: string) {
    this.#connection = connection;
    this.#durable = durable;
    this.#prefix = prefix;
  }

  /** Writes all of the plan, or nothing. */
  commit(plan: CommitPlan): Promise<Committed> {
    return plan.mutations.length > STEPS_AT_ONCE ? this.#commitLarge(plan) : this.#commitSmall(plan);
  }

  /** Writes what is left of a large commit that was decided, if there is one: its writer may have died. */
  async finishSealed(): Promise<void> {
    const args = [CHANGES_LISTED_MAX, changesChannel(this.#prefix)];
    while (Number(await this.#run(WRITE_PART, args)) > 0);
  }

  async #commitSmall(plan: CommitPlan): Promise<Committed> {
    const texts = [stepsText(plan.mutations), jsonText(plan.preconditions)];
    const args = [CHANGES_LISTED_MAX, changesChannel(this.#prefix), ...texts];
    for (;;) {
      const wrote = (reply: unknown) => listFrom(reply)[0] === 'written';
      const { reply, doubt } = await this.#durable.run(COMMIT, this.#keysOf(COMMIT), args, wrote);
      const [outcome, detail] = listFrom(reply);
      if (outcome === 'written') return { changes: JSON.parse(textFrom(detail)) as Change[], doubt };
      if (outcome === 'refused') return { refused: mutationAt(plan, Number(detail)) };
      if (outcome === 'unmet') return { unmet: preconditionAt(plan, Number(detail)) };
      await this.finishSealed();
    }
  }

  async #commitLarge(plan: CommitPlan): Promise<Committed> {
    const staged = await this.#stage(plan.mutations);
    for (let check = 1; check <= CHECKS; check++) {
      await this.finishSealed();
      const version = await this.#connection.ask((redis) => redis.get(this.#key('version')));
      const trouble = await this.#trouble(plan, staged);
      if (trouble !== null) {
        await this.#connection.ask((redis) => redis.unlink(staged));
        return trouble;
      }
      const { reply, doubt } = await this.#seal(staged, version ?? '0', plan.mutations.length);
      if (reply === 'lost') break;
      if (reply === 'done') {
        await this.finishSealed();
        return { changes: EVERYTHING, doubt };
      }
    }
    throw new StoreAway(
      `Redis at ${this.#connection.address} is written to too busily for a large commit, or has lost a part of it`,
    );
  }

  /** From here on the commit will be written, whoever has to do it: so this is what must survive a failure. */
  #seal(staged: string, version: string, steps: number): Promise<Outcome> {
    const args = [version, Math.ceil(steps / STEPS_AT_ONCE)];
    return this.#durable.run(SEAL, [...this.#keysOf(SEAL), staged], args, (reply) => reply === 'done');
  }

  /** Puts the steps into Redis, in parts. @returns the key that holds them */
  async #stage(mutations: readonly Write[]): Promise<string> {
    const key = `${this.#prefix}{m}:staged:${randomUUID()}`;
    for (let from = 0; from < mutations.length; from += STEPS_AT_ONCE) {
      const part = stepsText(mutations.slice(from, from + STEPS_AT_ONCE));
      await this.#run(STAGE, [part, STAGED_FOR_MS], [key]);
    }
    return key;
  }

  /** What keeps the commit from being written, or null. */
  async #trouble(plan: CommitPlan, staged: string): Promise<Committed | null> {
    for (let from = 0; from < plan.preconditions.length; from += STEPS_AT_ONCE) {
      const some = jsonText(plan.preconditions.slice(from, from + STEPS_AT_ONCE));
      const position = await this.#run(CHECK_PRECONDITIONS, [some]);
      if (position !== null) return { unmet: preconditionAt(plan, from + Number(position)) };
    }
    const refused = await this.#check(plan, staged);
    return refused && { refused };
  }

  /** The first mutation that wants what a record outside the commit holds, or null. */
  async #check(plan: CommitPlan, staged: string): Promise<Write | null> {
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
    return this.#connection.run(script, [...this.#keysOf(script), ...more], args);
  }

  #keysOf(script: Script): readonly string[] {
    return script.keys.map((name) => this.#key(name));
  }

  #key(name: KeyName): string {
    return managementKey(this.#prefix, name);
  }
}

/** The channel on which changes are announced to every gateway. */
export function changesChannel(prefix: string): string {
  return `${prefix}changes`;
}

function mutationAt({ mutations }: CommitPlan, position: number): Write {
  const mutation = mutations[position];
  if (mutation === undefined) throw new TypeError('Redis refused a step that the commit does not have');
  return mutation;
}

function preconditionAt({ preconditions }: CommitPlan, position: number): Precondition {
  const precondition = preconditions[position];
  if (precondition === undefined)
    throw new TypeError('Redis missed a precondition that the commit does not have');
  return precondition;
}

function nameOf(mutation: Write): string {
  const { kind, id } = recordOf(mutation);
  return `${kind} ${id}`;
}
