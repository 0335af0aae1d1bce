import { z } from 'zod';
import { ANYWHERE } from '../../domain/network-condition.ts';
import type { Mutation } from '../../domain/store.ts';
import { type Credential, newShare, newToken, type Share, type Token } from '../../domain/token.ts';
import type { User } from '../../domain/user.ts';
import { type ApiError, FORBIDDEN, invalid } from '../api-error.ts';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, created, type Operation, operation, type Reply } from '../operation.ts';
import { grantFor, reaches } from '../permissions.ts';
import { byEndpoint, unknownEndpoint } from '../shares/by-endpoint.ts';
import { percentage, shortText } from '../validation.ts';
import { describeToken, tokenTargets } from './event-facts.ts';
import { judgeNetwork } from './network.ts';
import { networkInput, TOKEN_NAME_MAX, tokenBody, tokenTag, tokenWithSecretSchema } from './wire.ts';

const creation = z.strictObject({
  name: shortText(TOKEN_NAME_MAX),
  userId: z
    .string()
    .optional()
    .describe('The owner: the caller unless given; only super administrators can make tokens for others.'),
  network: networkInput.describe('From where the token may be used; anywhere unless given.'),
  percentage: percentage().optional().describe("The token's share of each endpoint's maximum."),
  concurrencyPercentage: percentage().optional(),
  byEndpoint: byEndpoint().optional(),
});

type Creation = z.output<typeof creation>;

/** `POST /api/v1/api-tokens`: what Okta offers in its console only. */
export function createApiToken(parts: ControlParts): Operation {
  return operation({
    id: 'createApiToken',
    method: 'POST',
    path: '/api/v1/api-tokens',
    tag: 'API tokens',
    summary: 'Create an API token',
    extension: true,
    body: creation,
    answer: { status: 201, schema: tokenWithSecretSchema },
    refusals: [400],
    handle: (call) => fromFresh(() => create(parts, call, call.body)),
  });
}

async function create(parts: ControlParts, call: AnyCall, body: Creation): Promise<Reply> {
  const owner = await ownerOf(parts, call, body.userId);
  if ('kind' in owner) return owner;
  if (setsShare(body) && grantFor('createPrincipalRateLimitEntity', call.caller.user) === null) {
    return FORBIDDEN;
  }
  const misnamed = unknownEndpoint(body.byEndpoint ?? {}, parts.endpoints);
  if (misnamed !== null) return misnamed;
  const judged = await judgeNetwork(body.network ?? ANYWHERE, parts.store);
  if (judged.kind === 'error') return judged;
  const { secret, hash } = parts.mint();
  const token: Token = {
    ...newToken(body.name, owner.id, hash, call.now),
    network: judged.condition,
  };
  const share = shareOf(token, body, call);
  const credential: Credential = { token, owner, agent: null, share };
  const shares: Mutation[] = share === null ? [] : [{ put: 'share', share, replacing: null }];
  await parts.store.commit([
    { put: 'token', token, replacing: null },
    ...shares,
    ...judged.expectations,
    eventOf(call, 'system.api_token.create', tokenTargets(credential), describeToken(credential)),
  ]);
  const body201 = { ...tokenBody(credential, call.request.origin, call.now), secret };
  return created(body201, { etag: tokenTag(token) });
}

/** The user that the new token will act as. */
async function ownerOf(
  { store }: ControlParts,
  { caller, grant }: AnyCall,
  userId: string | undefined,
): Promise<User | ApiError> {
  if (userId === undefined || userId === caller.user.id) return caller.user;
  const owner = await store.user(userId);
  if (!reaches(grant, caller.user, owner)) return FORBIDDEN;
  if (owner === null) return invalid('userId', `userId: There is no user ${userId}.`);
  if (owner.status === 'ACTIVE') return owner;
  return invalid('userId', `userId: The user ${owner.login} is not active but ${owner.status}.`);
}

/** Whether the token is to have a share of its own, which not all may set who make tokens. */
function setsShare({ percentage, concurrencyPercentage, byEndpoint }: Creation): boolean {
  return percentage !== undefined || concurrencyPercentage !== undefined || byEndpoint !== undefined;
}

/** The share that the body sets; null when it sets none and the defaults hold. */
function shareOf(token: Token, body: Creation, { caller, now }: AnyCall): Share | null {
  if (!setsShare(body)) return null;
  const { percentage = null, concurrencyPercentage = null, byEndpoint = {} } = body;
  return newShare(token.id, { percentage, concurrencyPercentage, byEndpoint }, caller.user.id, now);
}
