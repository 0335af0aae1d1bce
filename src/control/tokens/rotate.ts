import { z } from 'zod';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, type Operation, ok, operation, type Reply } from '../operation.ts';
import { isoTime, secondsOf } from '../wire.ts';
import { describeToken, tokenTargets } from './event-facts.ts';
import { findToken } from './find.ts';
import { tokenBody, tokenTag, tokenWithSecretSchema } from './wire.ts';

const OVERLAP_MAX_SECONDS = 30 * 24 * 60 * 60;
const OVERLAP = 'must be an ISO 8601 duration of at most 30 days, such as PT24H';

const rotation = z.strictObject({
  overlap: z
    .string({ error: OVERLAP })
    .transform(secondsOf)
    .refine((seconds) => seconds !== null && seconds <= OVERLAP_MAX_SECONDS, { error: OVERLAP })
    .transform((seconds) => seconds ?? 0)
    .describe(
      'How long the secret so far is still taken: an ISO 8601 duration, at most `P30D`; `PT0S` for not at all.',
    ),
});

/** `POST /api/v1/api-tokens/{apiTokenId}/lifecycle/rotate`: the same token with another secret. */
export function rotateApiToken(parts: ControlParts): Operation {
  return operation({
    id: 'rotateApiToken',
    method: 'POST',
    path: '/api/v1/api-tokens/{apiTokenId}/lifecycle/rotate',
    tag: 'API tokens',
    summary: "Replace an API token's secret",
    description:
      'Gives the token a new secret. The one so far is taken until the overlap is over; both are one token with one ' +
      'budget. A secret from a rotation before that is refused at once.',
    extension: true,
    body: rotation,
    answer: { status: 200, schema: tokenWithSecretSchema },
    refusals: [400, 404, 409],
    handle: (call) => fromFresh(() => rotate(parts, call, call.params.apiTokenId, call.body.overlap)),
  });
}

async function rotate(parts: ControlParts, call: AnyCall, id: string, overlap: number): Promise<Reply> {
  const found = await findToken(parts, call, id);
  if (found.kind === 'error') return found;
  const { token } = found.credential;
  const { secret, hash } = parts.mint();
  const validUntil = call.now + overlap * 1000;
  const rotated = {
    ...token,
    hash,
    previous: overlap === 0 ? null : { hash: token.hash, validUntil },
    lastUpdatedAt: call.now,
  };
  const after = { ...found.credential, token: rotated };
  await parts.store.commit([
    { put: 'token', token: rotated, replacing: token },
    eventOf(call, 'system.api_token.update', tokenTargets(after), {
      ...describeToken(after),
      secretRotated: 'true',
      previousSecretValidUntil: isoTime(validUntil),
    }),
  ]);
  const body = { ...tokenBody(after, call.request.origin, call.now), secret };
  return ok(body, { etag: tokenTag(rotated) });
}
