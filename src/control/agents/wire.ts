import { z } from 'zod';
import type { Agent } from '../../domain/user.ts';
import { tokenWithSecretSchema } from '../tokens/wire.ts';
import { isoSecond, link, linkSchema } from '../wire.ts';

export const agentSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.string(),
  status: z.enum(['ACTIVE', 'INACTIVE']),
  created: z.iso.datetime(),
  lastUpdated: z.iso.datetime(),
  tokenIds: z.array(z.string()).describe("The agent's tokens that are not revoked."),
  _links: z.object({
    self: linkSchema,
    activate: linkSchema.optional(),
    deactivate: linkSchema.optional(),
  }),
});

/** An agent, and the token that was made for it, if one was. */
export const agentWithTokenSchema = agentSchema.extend({
  token: tokenWithSecretSchema.nullable().describe('The token that was made for it now; null when none was.'),
});

/** @param tokenIds the agent's tokens that are not revoked */
export function agentBody(agent: Agent, tokenIds: readonly string[], origin: string) {
  const self = `${origin}/api/v1/agents/${agent.id}`;
  const active = agent.status === 'ACTIVE';
  const step = active ? 'deactivate' : 'activate';
  return {
    id: agent.id,
    name: agent.name,
    kind: agent.kind,
    status: agent.status,
    created: isoSecond(agent.createdAt),
    lastUpdated: isoSecond(agent.lastUpdatedAt),
    tokenIds,
    _links: {
      self: active ? link(self, 'GET') : link(self, 'GET', 'DELETE'),
      [step]: link(`${self}/lifecycle/${step}`, 'POST'),
    },
  };
}
