import type { Limits } from '../general/options.ts';

/**
 * What a connection waits for while no request is answered. `request`: for another one. `head`: for the first, or for the
 * rest of a head. `body`: for the rest of one that was refused. `close`: for the client, behind the last answer.
 */
export type ClientWaiting = 'request' | 'head' | 'body' | 'close';

/** How long a client may take to read the last answer and to close, in milliseconds (RFC 9112 §9.6). */
const LINGER_MS = 2_000;

/** How long one client is waited for. Looked at now and then; there is no timer. */
export class ClientWait {
  /** When the wait was first looked at, in milliseconds of the monotonic clock; null when it is a new one. */
  #since: number | null = null;

  /** Something else is waited for. @param now when it began, in milliseconds of the monotonic clock, where that is known */
  anew(now: number | null = null): void {
    this.#since = now;
  }

  /** Looks at the time: milliseconds of the monotonic clock. @returns whether the client has taken too long */
  isOverdue(now: number, waiting: ClientWaiting, { headTimeoutMs, idleTimeoutMs }: Limits): boolean {
    this.#since ??= now;
    const waited = now - this.#since;
    switch (waiting) {
      case 'request':
        return waited >= idleTimeoutMs;
      case 'head':
      case 'body':
        return waited >= headTimeoutMs;
      case 'close':
        return waited >= LINGER_MS;
    }
  }
}
