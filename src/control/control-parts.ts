import type { Management, TokenSource } from '../domain/store.ts';
import type { GateFacts } from './explain/explain.ts';

/** A new secret and the index under which the store knows it (`secretIndex` in domain/secret.ts). */
export interface MintedSecret {
  readonly secret: string;
  readonly hash: string;
}

/** What the operations work with; put together in cli/assemble-control.ts. */
export interface ControlParts {
  readonly store: Management & Pick<TokenSource, 'zones'>;
  readonly mint: () => MintedSecret;
  /** The share of a token that has none of its own, in percent. */
  readonly defaultPercentage: number;
  /** Every name for which a token may have a percentage of its own. */
  readonly endpoints: readonly string[];
  /** What the gate decides by, to explain its decisions. */
  readonly gate: GateFacts;
}
