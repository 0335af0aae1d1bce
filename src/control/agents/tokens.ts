import { type Credential, expiresAt, newToken, type Token } from '../../domain/token.ts';
import type { Agent, User } from '../../domain/user.ts';
import type { ControlParts } from '../control-parts.ts';

/** The agent's tokens that are neither revoked nor expired at `now` (milliseconds since the epoch). */
export async function liveTokens(
  { store }: ControlParts,
  { id }: Agent,
  now: number,
): Promise<readonly Token[]> {
  const tokens = await store.tokensOfAgent(id);
  return tokens.filter((token) => token.revokedAt === null && expiresAt(token) > now);
}

export interface Issued {
  readonly credential: Credential;
  readonly secret: string;
}

/** A new token for an agent, which acts as the user who set the agent up. */
export function issueToken({ mint }: ControlParts, agent: Agent, owner: User, now: number): Issued {
  const { secret, hash } = mint();
  const token: Token = {
    ...newToken(agent.name, owner.id, hash, now),
    clientName: agent.kind,
    agentId: agent.id,
  };
  return { credential: { token, owner, agent, share: null }, secret };
}
