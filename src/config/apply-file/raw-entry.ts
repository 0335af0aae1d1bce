import type { Finding, Problem } from '../problem.ts';
import type { EntryKind } from './schema.ts';

/** One record of the file, as it is written: references to the environment are still references. */
export interface RawEntry {
  readonly kind: EntryKind;
  readonly value: unknown;
  /** The line of the file on which it begins, counted from 1. */
  readonly line: number;
  /** Says where in the file a finding is. @param finding its path begins within the record */
  locate(finding: Finding): Problem;
}

/** A file for `tollgate apply`. It may be read several times, for some kinds of record at a time. */
export interface EntrySource {
  /**
   * The records of some kinds in the order of the file, a few at a time.
   * @param onProblem is told, once for every reading that concerns it, what can be no record at all
   */
  entries(
    kinds: readonly EntryKind[],
    onProblem: (problem: Problem) => void,
  ): AsyncIterable<readonly RawEntry[]>;
}

/** How many records are handed on, looked up and compared together. */
export const ENTRIES_AT_ONCE = 1_000;
