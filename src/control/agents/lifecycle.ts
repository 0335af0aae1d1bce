import type { Mutation } from '../../domain/store.ts';
import type { Credential, Token } from '../../domain/token.ts';
import type { Agent } from '../../domain/user.ts';
import { notFound } from '../api-error.ts';
import { eventOf } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, ok, type Reply } from '../operation.ts';
import { describeToken, tokenTargets } from '../tokens/event-facts.ts';
import { revocation } from '../tokens/revoke.ts';
import { tokenBody } from '../tokens/wire.ts';
import { agentEvent } from './events.ts';
import { issueToken, liveTokens } from './tokens.ts';
import { agentBody } from './wire.ts';

/** Agents of these kinds revoke their tokens by themselves when they are deactivated (docs/okta.md §7, "Agents"). */
const REVOKING_KINDS: ReadonlySet<string> = new Set(['AD']);

/**
 * Lets an agent act, with the tokens it has; one without any gets a new one. Answers the same for an agent that is
 * active already, and changes nothing then.
 */
export async function activate(parts: ControlParts, call: AnyCall, id: string): Promise<Reply> {
  const { caller, request, now } = call;
  const before = await parts.store.agent(id);
  if (before === null) return notFound(id, 'Agent');
  const tokens = await liveTokens(parts, before, now);
  const ids = tokens.map((token) => token.id);
  if (before.status === 'ACTIVE') return ok({ ...agentBody(before, ids, request.origin), token: null });
  const agent: Agent = { ...before, status: 'ACTIVE', lastUpdatedAt: now };
  const put: Mutation = { put: 'agent', agent, replacing: before };
  if (tokens.length > 0) {
    const credentials = await credentialsOf(parts, tokens);
    await parts.store.commit([
      put,
      agentEvent(call, 'reactivate', agent),
      ...credentials.map((each) =>
        eventOf(call, 'system.api_token.enable', tokenTargets(each), describeToken(each)),
      ),
    ]);
    return ok({ ...agentBody(agent, ids, request.origin), token: null });
  }
  const { credential, secret } = issueToken(parts, agent, caller.user, now);
  await parts.store.commit([
    put,
    { put: 'token', token: credential.token, replacing: null },
    agentEvent(call, 'reactivate', agent),
    eventOf(call, 'system.api_token.create', tokenTargets(credential), describeToken(credential)),
  ]);
  return ok({
    ...agentBody(agent, [credential.token.id], request.origin),
    token: { ...tokenBody(credential, request.origin, now), secret },
  });
}

/** Stops an agent: its tokens are refused from now on, and revoked where agents of its kind do so. */
export async function deactivate(parts: ControlParts, call: AnyCall, id: string): Promise<Reply> {
  const { request, now } = call;
  const before = await parts.store.agent(id);
  if (before === null) return notFound(id, 'Agent');
  const tokens = await liveTokens(parts, before, now);
  const ids = tokens.map((token) => token.id);
  if (before.status === 'INACTIVE') return ok(agentBody(before, ids, request.origin));
  const agent: Agent = { ...before, status: 'INACTIVE', lastUpdatedAt: now };
  const revokes = REVOKING_KINDS.has(agent.kind);
  const revoked = revokes ? await credentialsOf(parts, tokens) : [];
  await parts.store.commit([
    { put: 'agent', agent, replacing: before },
    agentEvent(call, 'deactivate', agent),
    ...revoked.flatMap((each) => revocation(call, each)),
  ]);
  return ok(agentBody(agent, revokes ? [] : ids, request.origin));
}

async function credentialsOf(
  { store }: ControlParts,
  tokens: readonly Token[],
): Promise<readonly Credential[]> {
  const found = await store.tokensById(tokens.map(({ id }) => id));
  return found.filter((credential) => credential !== null);
}
