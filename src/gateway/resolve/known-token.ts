import { isDeepStrictEqual } from 'node:util';
import type { Credential } from '../../domain/token.ts';

/** A record that a cached token depends on; when it changes, everything read with it is read again. */
export class Dependency {
  current = true;
  #record: object | null = null;

  /** The one that was read before, if it says the same: tokens of one owner then share one record in memory. */
  one<R extends object>(read: R | null): R | null {
    // What says the same has the same type.
    if (isDeepStrictEqual(this.#record, read)) return this.#record as R | null;
    this.#record = read;
    return read;
  }
}

/** A credential as the cache holds it, with what was compiled from it. */
export interface KnownToken {
  readonly credential: Credential;
  /** When the look-up that brought it was sent: monotonic milliseconds. */
  readonly readAt: number;
  /** How often the cache had put everything in doubt by then. */
  readonly doubts: number;
  /** The owner's and the agent's marks; shared by all tokens that depend on the same record. */
  readonly owner: Dependency;
  readonly agent: Dependency | null;
}

/** Whether no record behind the entry is known to have changed since it was read. */
export function isCurrent(known: KnownToken): boolean {
  return known.owner.current && (known.agent === null || known.agent.current);
}
