import type { Problem } from '../../config/apply-file/apply-file.ts';
import type { EntryKind } from '../../config/apply-file/schema.ts';
import type { Mutation } from '../../domain/store.ts';
import { type Deed, DeedLog } from './events.ts';
import { changesText, differing, type Field, valuesText } from './fields.ts';

/** Problems kept for display; beyond these they are counted. */
const PROBLEMS_LISTED_MAX = 1_000;
const NOTES_LISTED_MAX = 20;

export interface Counts {
  created: number;
  changed: number;
  unchanged: number;
}

/** One record: what it was, or null; what it is to be; and how to write that. */
export interface Step<T> {
  readonly kind: EntryKind;
  /** Names the record for people. */
  readonly label: string;
  readonly fields: readonly Field<T>[];
  readonly old: T | null;
  readonly next: T;
  /** On the condition that the record is still `old`. @param fields the names of those that differ; of a new record, all */
  mutations(fields: ReadonlySet<string>): readonly Mutation[];
  /** What the System Log is told of it. @param fields as above */
  deeds(fields: ReadonlySet<string>): readonly Deed[];
}

/** What is to be written, and what is wrong, as far as the file has been read. */
export class Draft {
  readonly mutations: Mutation[] = [];
  readonly counts: Readonly<Record<EntryKind, Counts>> = {
    user: { created: 0, changed: 0, unchanged: 0 },
    zone: { created: 0, changed: 0, unchanged: 0 },
    agent: { created: 0, changed: 0, unchanged: 0 },
    token: { created: 0, changed: 0, unchanged: 0 },
  };
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  /** How many more problems and notes there are than are listed. */
  readonly more = { problems: 0, notes: 0 };
  /** Whether the file holds secrets themselves, and not only references to the environment. */
  holdsSecrets = false;
  /** One line for each record that is to be created or changed; empty unless they are wanted. */
  readonly lines: string[] = [];
  readonly #wantsLines: boolean;
  readonly #now: number;
  readonly #deeds = new DeedLog();

  /** @param now when it happens: milliseconds since the epoch */
  constructor(wantsLines: boolean, now: number) {
    this.#wantsLines = wantsLines;
    this.#now = now;
  }

  /** Adds the events of what has none yet. To be called when all is planned. */
  finish(): void {
    this.mutations.push(...this.#deeds.rest(this.#now));
  }

  problem(problem: Problem): void {
    if (this.problems.length < PROBLEMS_LISTED_MAX) this.problems.push(problem);
    else this.more.problems += 1;
  }

  note(line: string): void {
    if (this.notes.length < NOTES_LISTED_MAX) this.notes.push(line);
    else this.more.notes += 1;
  }

  add<T>(step: Step<T>): void {
    const { kind, label, fields, old, next } = step;
    const fieldsToWrite = old === null ? fields : differing(fields, old, next);
    if (fieldsToWrite.length === 0) {
      this.counts[kind].unchanged += 1;
      return;
    }
    this.counts[kind][old === null ? 'created' : 'changed'] += 1;
    const names = new Set(fieldsToWrite.map(({ name }) => name));
    this.mutations.push(...step.mutations(names), ...this.#deeds.add(step.deeds(names), this.#now));
    if (!this.#wantsLines) return;
    const what = old === null ? valuesText(fields, next) : changesText(fieldsToWrite, old, next);
    this.lines.push(
      `${old === null ? 'create' : 'change'} ${kind} ${label}${what === '' ? '' : `: ${what}`}`,
    );
  }
}
