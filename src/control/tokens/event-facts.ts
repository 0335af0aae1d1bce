import { type LogParty, tokenDebugData, tokenParty, userParty } from '../../domain/log-event.ts';
import type { Credential } from '../../domain/token.ts';

/**
 * Whom an event about a token is about: the token, and its owner, so that actor and target are the same person when
 * people change their own token, and different ones when an administrator does (docs/okta.md §8).
 */
export function tokenTargets({ token, owner }: Credential): readonly LogParty[] {
  return owner === null ? [tokenParty(token)] : [tokenParty(token), userParty(owner)];
}

/** What such an event says of the token besides. */
export function describeToken({ token, share }: Credential): Record<string, string> {
  return tokenDebugData(token, share);
}
