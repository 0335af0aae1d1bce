import type { Credential } from '../../domain/token.ts';

/** A credential as the cache gives it. */
export interface KnownToken {
  readonly credential: Credential;
  /** When the look-up that brought it was sent: monotonic milliseconds. */
  readonly readAt: number;
  /** How often the cache had put everything in doubt by then. */
  readonly doubts: number;
}
