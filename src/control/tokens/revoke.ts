import type { Mutation } from '../../domain/store.ts';
import type { Credential } from '../../domain/token.ts';
import { invalid } from '../api-error.ts';
import { eventOf } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, NO_CONTENT, type Reply } from '../operation.ts';
import { describeToken, tokenTargets } from './event-facts.ts';
import { findToken } from './find.ts';

/** Revokes a token; an agent's only while its agent is not active (docs/okta.md §7, "Agents"). */
export async function revokeToken(parts: ControlParts, call: AnyCall, id: string): Promise<Reply> {
  const found = await findToken(parts, call, id);
  if (found.kind === 'error') return found;
  const { agent } = found.credential;
  if (agent?.status === 'ACTIVE') {
    return invalid(
      'apiTokenId',
      `apiTokenId: The token belongs to the agent ${agent.name} (${agent.id}), which is active. Deactivate the agent first.`,
    );
  }
  await parts.store.commit(revocation(call, found.credential));
  return NO_CONTENT;
}

/** What revokes a token: the record, kept so that its refusals can be told apart, and the event. */
export function revocation(call: AnyCall, credential: Credential): readonly Mutation[] {
  const { token } = credential;
  return [
    {
      put: 'token',
      token: { ...token, revokedAt: call.now, lastUpdatedAt: call.now, previous: null },
      replacing: token,
    },
    eventOf(call, 'system.api_token.revoke', tokenTargets(credential), describeToken(credential)),
  ];
}
