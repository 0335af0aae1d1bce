import { z } from 'zod';
import { parseAddress } from '../../domain/address.ts';
import { notFound } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { type Operation, ok, operation } from '../operation.ts';
import { shortText } from '../validation.ts';
import { explain } from './explain.ts';

const question = z.strictObject({
  tokenId: shortText(64),
  method: z.string().regex(/^[A-Z]{1,20}$/, 'must be a method in capitals, such as GET'),
  path: z.string().max(8192).startsWith('/', 'must begin with a slash').describe('Path and query.'),
  peer: z
    .string()
    .refine((text) => parseAddress(text) !== null, 'must be an IP address')
    .describe("The address of the connection's other end."),
  forwardedFor: z.string().max(8192).nullish().describe('The value of `X-Forwarded-For`, if there is one.'),
});

const whole = z.int().nullable();

export const explanationSchema = z.object({
  decision: z.enum(['permit', 'reject']),
  code: z.string().nullable().describe('The refusal, by the stage that makes it: see refusals.md.'),
  status: whole,
  token: z.object({ id: z.string(), name: z.string(), unusable: z.string().nullable() }),
  hops: z.array(z.object({ address: z.string(), is: z.string() })).describe('The nearest first.'),
  client: z.string(),
  network: z.looseObject({ connection: z.string() }),
  verdict: z.enum(['allowed', 'outside', 'undecidable']),
  blockedBy: z
    .object({ id: z.string(), name: z.string() })
    .nullable()
    .describe('The blocklist that keeps the caller out, with whatever token.'),
  zones: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      status: z.string(),
      location: z.enum(['inside', 'outside', 'undecidable']),
      matched: z.string().nullable().describe('The hop that is one of its gateways.'),
    }),
  ),
  limit: z
    .object({
      endpoint: z.string(),
      max: whole,
      windowSeconds: z.int(),
      percentage: z.int(),
      share: whole.describe("The token's share, in requests a window."),
      leftOfShare: whole,
      leftOfEndpoint: whole,
      resetAt: z.string().nullable().describe('When the open window ends; null when none is open.'),
      concurrent: z
        .object({
          endpoint: z
            .string()
            .describe(
              'That of the limit, unless the path can be read in two ways and another is tighter here.',
            ),
          max: z.int(),
          percentage: z.int(),
          share: z.int().describe("The token's share, in requests at once."),
          ofToken: z.int().describe('Under way with the token, what gateways hold ready for it included.'),
          ofEveryone: z.int(),
          refusedBy: z.string().nullable(),
        })
        .nullable()
        .describe('What may be under way at once; null for any number.'),
      refusedBy: z.string().nullable(),
    })
    .nullable(),
});

/** `POST /api/v1/explain`. */
export function explainOperation(parts: ControlParts): Operation {
  return operation({
    id: 'explainDecision',
    method: 'POST',
    path: '/api/v1/explain',
    tag: 'Explanations',
    summary: 'Explain what the gate would decide',
    description:
      'Says what the gate would do with a request that is made with a token, and why. Spends nothing.',
    extension: true,
    body: question,
    answer: { status: 200, schema: explanationSchema },
    refusals: [400, 404],
    async handle({ body, now }) {
      const credential = await parts.store.token(body.tokenId);
      if (credential === null) return notFound(body.tokenId, 'Token');
      const asked = { ...body, forwardedFor: body.forwardedFor ?? null };
      return ok(await explain(parts.gate, credential, await parts.store.zones(), asked, now));
    },
  });
}
