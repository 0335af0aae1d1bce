import { newId } from './ids.ts';
import { ANYWHERE, type NetworkCondition } from './network-condition.ts';
import type { Agent, User, UserStatus } from './user.ts';

/** Okta's fixed window: a token dies when unused for this long (docs/okta.md §7). */
export const DEFAULT_TOKEN_WINDOW_SECONDS = 30 * 24 * 60 * 60;

/** The client name of tokens that people make (docs/okta.md §1). */
export const DEFAULT_CLIENT_NAME = 'Okta API';

/** An API token without its secret: the secret exists only at its owner's; here is the index of its hash. */
export interface Token {
  /** `00T` and 17 characters. */
  readonly id: string;
  readonly name: string;
  /** Lower-case hexadecimal index of the secret (see `secretIndex` in secret.ts), 64 characters. */
  readonly hash: string;
  /** The owner: requests act as this user. */
  readonly userId: string;
  /** `Okta API` for tokens people make; another value names the kind of agent (docs/okta.md §1). */
  readonly clientName: string;
  /** Set for agent tokens only. */
  readonly agentId: string | null;
  readonly network: NetworkCondition;
  /** How long the token may stay unused, in seconds. */
  readonly windowSeconds: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  /** Milliseconds since the epoch; null until first used. Written by account, forward-only. */
  readonly lastUsedAt: number | null;
  /** The secret before the last rotation, while there is one; null otherwise. */
  readonly previous: PreviousSecret | null;
  /** Milliseconds since the epoch; null while the token is not revoked. A revoked record is kept so that its refusals can be told apart. */
  readonly revokedAt: number | null;
}

/** A secret that a rotation has replaced and that is still taken for a while: the same token, the same budget. */
export interface PreviousSecret {
  /** The index of the secret, as in `Token.hash`. */
  readonly hash: string;
  /** The moment from which the secret is refused: milliseconds since the epoch. */
  readonly validUntil: number;
}

/**
 * What a token may spend of each endpoint's maximum, in percent: Okta's principal rate limit (docs/okta.md §5).
 * A token has one at the most; null means the configured default.
 */
export interface Share {
  /** `prl` and 17 characters. */
  readonly id: string;
  readonly tokenId: string;
  readonly percentage: number | null;
  readonly concurrencyPercentage: number | null;
  /** Overrides by endpoint name. */
  readonly byEndpoint: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The id of a user, or `system`. */
  readonly createdBy: string;
  readonly lastUpdatedAt: number;
  readonly lastUpdatedBy: string;
}

/** A token with all that decides whether it may act: what the store answers to one look-up. */
export interface Credential {
  readonly token: Token;
  /** Null when the owner's record is missing, which refuses. */
  readonly owner: User | null;
  /** Null for tokens that are not an agent's, and for an agent token whose agent is not registered. */
  readonly agent: Agent | null;
  readonly share: Share | null;
}

/**
 * A token as all begin: usable anywhere, never used.
 * @param hash the index of its secret, as in `Token.hash`
 * @param now milliseconds since the epoch
 */
export function newToken(name: string, userId: string, hash: string, now: number): Token {
  return {
    id: newId('00T'),
    name,
    hash,
    userId,
    clientName: DEFAULT_CLIENT_NAME,
    agentId: null,
    network: ANYWHERE,
    windowSeconds: DEFAULT_TOKEN_WINDOW_SECONDS,
    createdAt: now,
    lastUpdatedAt: now,
    lastUsedAt: null,
    previous: null,
    revokedAt: null,
  };
}

/**
 * A share as all begin.
 * @param percentages what it sets; null leaves the default
 * @param by the id of a user, or `system`
 * @param now milliseconds since the epoch
 */
export function newShare(
  tokenId: string,
  percentages: Pick<Share, 'percentage' | 'concurrencyPercentage' | 'byEndpoint'>,
  by: string,
  now: number,
): Share {
  const { percentage, concurrencyPercentage, byEndpoint } = percentages;
  return {
    id: newId('prl'),
    tokenId,
    percentage,
    concurrencyPercentage,
    byEndpoint,
    createdAt: now,
    createdBy: by,
    lastUpdatedAt: now,
    lastUpdatedBy: by,
  };
}

export type Unusable = 'revoked' | 'expired' | 'owner-inactive' | 'agent-inactive';

/**
 * When the token dies unless it is used again: one window after its last use, or after its creation.
 * @returns milliseconds since the epoch
 */
export function expiresAt(token: Token): number {
  return (token.lastUsedAt ?? token.createdAt) + token.windowSeconds * 1000;
}

// A user who must change a password or is locked out of signing in keeps working tokens (docs/okta.md §7).
const USABLE_OWNER: ReadonlySet<UserStatus> = new Set([
  'ACTIVE',
  'RECOVERY',
  'PASSWORD_EXPIRED',
  'LOCKED_OUT',
]);

/**
 * Whether the secret with this index (64 lower-case hexadecimal characters) is still one of the token's at `now`
 * (milliseconds since the epoch): its own, or the previous one until its time is over.
 */
export function acceptsSecret({ hash, previous }: Token, presented: string, now: number): boolean {
  if (presented === hash) return true;
  return previous !== null && presented === previous.hash && now < previous.validUntil;
}

/**
 * Why the token may not act at `now` (milliseconds since the epoch), or null when it may.
 * The order is that of the reasons' permanence: a revoked token says so even when its owner is inactive too.
 */
export function unusable(credential: Credential, now: number): Unusable | null {
  const { token, owner, agent } = credential;
  if (token.revokedAt !== null) return 'revoked';
  if (expiresAt(token) <= now) return 'expired';
  if (owner === null || !USABLE_OWNER.has(owner.status)) return 'owner-inactive';
  if (token.agentId !== null && agent?.status !== 'ACTIVE') return 'agent-inactive';
  return null;
}
