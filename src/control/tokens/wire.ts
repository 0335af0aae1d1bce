import { z } from 'zod';
import { acceptsSecret, type Credential, expiresAt, type Token } from '../../domain/token.ts';
import { entityTag } from '../etag.ts';
import { isoDuration, isoSecond, isoTime, link, linkSchema } from '../wire.ts';
import { statusOf, TOKEN_STATUSES, typeOf } from './status.ts';

/** Longest name of a token. */
export const TOKEN_NAME_MAX = 255;

export const networkSchema = z
  .object({
    connection: z.string().describe('`ANYWHERE` or `ZONE`.'),
    include: z.array(z.string()).optional().describe('Ids of zones, or `ALL_IP_ZONES` alone.'),
    exclude: z.array(z.string()).optional().describe('Ids of zones, or `ALL_IP_ZONES` alone.'),
  })
  .meta({
    description: 'From where the token may be used; with `ZONE` there is either `include` or `exclude`.',
  });

const { $schema: _, ...networkJson } = z.toJSONSchema(networkSchema);

/** A network condition in a body: judged by the domain's own reader, which says more of what is wrong. */
export const networkInput = z.unknown().meta(networkJson).optional();

export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  userId: z.string().describe('The owner: requests act as this user.'),
  clientName: z.string(),
  tokenWindow: z.string().describe('How long the token may stay unused: an ISO 8601 duration.'),
  network: networkSchema,
  expiresAt: z.iso.datetime(),
  created: z.iso.datetime(),
  lastUpdated: z.iso.datetime().describe('When it was last changed or used.'),
  details: z
    .object({
      type: z.string().describe('`API`, the kind of the agent, or `SUSPICIOUS`.'),
      status: z
        .enum(TOKEN_STATUSES)
        .describe(
          '`YELLOW`: suspicious; `RED`: expires within seven days; `GREEN`: used within three days; `GRAY`: neither.',
        ),
      lastUsed: z.iso.datetime().nullable(),
      ownerLogin: z.string().nullable(),
      ownerStatus: z.string().nullable(),
      roles: z.array(z.string()).describe("The owner's roles, which are the token's, live."),
      agentId: z.string().nullable(),
      percentage: z
        .int()
        .nullable()
        .describe("The token's share of each endpoint's maximum; null: the default."),
      concurrencyPercentage: z.int().nullable(),
      byEndpoint: z.record(z.string(), z.int()).describe('Shares that hold at one endpoint, by its name.'),
      previousSecretValidUntil: z.iso
        .datetime()
        .nullable()
        .describe('Until when the secret before the last rotation is taken; null when it is not.'),
    })
    .describe('What Okta shows in its console only.'),
  _links: z.object({ self: linkSchema, user: linkSchema }),
});

export const tokenWithSecretSchema = tokenSchema.extend({
  secret: z.string().describe('Shown in this answer and never again.'),
});

/** A token in Okta's form, its keys in Okta's order (docs/okta.md §1), and what Okta shows in its console as `details`. */
export function tokenBody(credential: Credential, origin: string, now: number) {
  const { token } = credential;
  return {
    id: token.id,
    name: token.name,
    userId: token.userId,
    clientName: token.clientName,
    tokenWindow: isoDuration(token.windowSeconds),
    network: token.network,
    expiresAt: isoSecond(expiresAt(token)),
    created: isoSecond(token.createdAt),
    lastUpdated: isoSecond(Math.max(token.lastUpdatedAt, token.lastUsedAt ?? 0)),
    details: details(credential, now),
    _links: {
      self: link(`${origin}/api/v1/api-tokens/${token.id}`, 'GET', 'DELETE'),
      user: link(`${origin}/api/v1/users/${token.userId}`, 'GET'),
    },
  };
}

function details(credential: Credential, now: number) {
  const { token, owner, share } = credential;
  const { previous } = token;
  const stillTaken = previous !== null && acceptsSecret(token, previous.hash, now);
  return {
    type: typeOf(credential),
    status: statusOf(credential, now),
    lastUsed: token.lastUsedAt === null ? null : isoTime(token.lastUsedAt),
    ownerLogin: owner?.login ?? null,
    ownerStatus: owner?.status ?? null,
    roles: owner?.roles ?? [],
    agentId: token.agentId,
    percentage: share?.percentage ?? null,
    concurrencyPercentage: share?.concurrencyPercentage ?? null,
    byEndpoint: share?.byEndpoint ?? {},
    previousSecretValidUntil: stillTaken ? isoTime(previous.validUntil) : null,
  };
}

/** The token's entity tag: another one after every change, the same however often it is used. */
export function tokenTag({ lastUsedAt: _, ...changed }: Token): string {
  return entityTag(changed);
}
