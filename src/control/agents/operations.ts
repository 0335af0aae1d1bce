import { z } from 'zod';
import { newId } from '../../domain/ids.ts';
import type { Agent } from '../../domain/user.ts';
import { invalid, notFound } from '../api-error.ts';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import {
  type AnyCall,
  created,
  NO_CONTENT,
  type Operation,
  ok,
  operation,
  type Reply,
} from '../operation.ts';
import { describeToken, tokenTargets } from '../tokens/event-facts.ts';
import { tokenBody } from '../tokens/wire.ts';
import { shortText } from '../validation.ts';
import { agentEvent } from './events.ts';
import { activate, deactivate } from './lifecycle.ts';
import { issueToken, liveTokens } from './tokens.ts';
import { agentBody, agentSchema, agentWithTokenSchema } from './wire.ts';

const TAG = 'Agents';
const AGENTS = '/api/v1/agents';
const AGENT = `${AGENTS}/{agentId}` as const;
const KIND = 'must be 1 to 32 letters, digits and _ that begin with a letter, such as AD, LDAP or RADIUS';

const registration = z.strictObject({
  name: shortText(100),
  kind: z
    .string({ error: KIND })
    .regex(/^[A-Za-z]\w{0,31}$/, KIND)
    .transform((kind) => kind.toUpperCase())
    .describe('`AD`, `LDAP`, `RADIUS`, `IWA`, `OPP` (on-premises provisioning), `MFA` or another word.'),
});

/** Installed agents and their tokens, which are set up and taken away with the agent (docs/okta.md §7, "Agents"). */
export function agentOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listAgents',
      method: 'GET',
      path: AGENTS,
      tag: TAG,
      summary: 'List all agents',
      extension: true,
      answer: { status: 200, schema: z.array(agentSchema) },
      refusals: [],
      async handle(call) {
        const agents = await parts.store.agents();
        return ok(await Promise.all(agents.map((agent) => described(parts, call, agent))));
      },
    }),
    operation({
      id: 'registerAgent',
      method: 'POST',
      path: AGENTS,
      tag: TAG,
      summary: 'Register an agent',
      description: 'Makes an active agent and its token, which acts as the caller.',
      extension: true,
      body: registration,
      answer: { status: 201, schema: agentWithTokenSchema },
      refusals: [400],
      handle: (call) => fromFresh(() => register(parts, call, call.body)),
    }),
    operation({
      id: 'getAgent',
      method: 'GET',
      path: AGENT,
      tag: TAG,
      summary: 'Retrieve an agent',
      extension: true,
      answer: { status: 200, schema: agentSchema },
      refusals: [404],
      async handle(call) {
        const agent = await parts.store.agent(call.params.agentId);
        if (agent === null) return notFound(call.params.agentId, 'Agent');
        return ok(await described(parts, call, agent));
      },
    }),
    operation({
      id: 'deleteAgent',
      method: 'DELETE',
      path: AGENT,
      tag: TAG,
      summary: 'Delete an agent',
      description:
        'The agent must be deactivated first. Tokens that it still has are suspicious from then on, and can be revoked.',
      extension: true,
      answer: { status: 204, schema: null },
      refusals: [400, 404, 409],
      handle: (call) => fromFresh(() => remove(parts, call, call.params.agentId)),
    }),
    operation({
      id: 'activateAgent',
      method: 'POST',
      path: `${AGENT}/lifecycle/activate`,
      tag: TAG,
      summary: 'Activate an agent',
      description: "The agent's tokens work again; one that has none left gets a new one.",
      extension: true,
      answer: { status: 200, schema: agentWithTokenSchema },
      refusals: [404, 409],
      handle: (call) => fromFresh(() => activate(parts, call, call.params.agentId)),
    }),
    operation({
      id: 'deactivateAgent',
      method: 'POST',
      path: `${AGENT}/lifecycle/deactivate`,
      tag: TAG,
      summary: 'Deactivate an agent',
      description:
        "The agent's tokens are refused while it is not active. Those of an AD agent are revoked besides.",
      extension: true,
      answer: { status: 200, schema: agentSchema },
      refusals: [404, 409],
      handle: (call) => fromFresh(() => deactivate(parts, call, call.params.agentId)),
    }),
  ];
}

async function described(parts: ControlParts, { request, now }: AnyCall, agent: Agent) {
  const tokens = await liveTokens(parts, agent, now);
  return agentBody(
    agent,
    tokens.map(({ id }) => id),
    request.origin,
  );
}

async function register(
  parts: ControlParts,
  call: AnyCall,
  { name, kind }: z.output<typeof registration>,
): Promise<Reply> {
  const { caller, request, now } = call;
  const agent: Agent = {
    id: newId('a53'),
    name,
    kind,
    status: 'ACTIVE',
    createdAt: now,
    lastUpdatedAt: now,
  };
  const { credential, secret } = issueToken(parts, agent, caller.user, now);
  await parts.store.commit([
    { put: 'agent', agent, replacing: null },
    { put: 'token', token: credential.token, replacing: null },
    agentEvent(call, 'create', agent),
    eventOf(call, 'system.api_token.create', tokenTargets(credential), describeToken(credential)),
  ]);
  return created({
    ...agentBody(agent, [credential.token.id], request.origin),
    token: { ...tokenBody(credential, request.origin, now), secret },
  });
}

async function remove(parts: ControlParts, call: AnyCall, id: string): Promise<Reply> {
  const agent = await parts.store.agent(id);
  if (agent === null) return notFound(id, 'Agent');
  if (agent.status === 'ACTIVE') {
    return invalid(
      'agentId',
      `agentId: The agent ${agent.name} (${agent.id}) is active. Deactivate it before you delete it.`,
    );
  }
  await parts.store.commit([{ remove: 'agent', id, replacing: agent }, agentEvent(call, 'delete', agent)]);
  return NO_CONTENT;
}
