import { z } from 'zod';
import { HOUR_MS } from '../../domain/request-counts.ts';
import type { ControlParts } from '../control-parts.ts';
import { type Operation, ok, operation } from '../operation.ts';
import { pageLimit } from '../validation.ts';
import { isoTime } from '../wire.ts';

const HOURS_MAX = 24;
const TOP_MAX = 100;
const TOP_PRESET = 20;
const HOURS = `must be a whole number from 1 to ${HOURS_MAX}`;

const topQuery = z.object({
  hours: z
    .string({ error: HOURS })
    .regex(/^(?:[1-9]|1\d|2[0-4])$/, HOURS)
    .optional()
    .transform((digits) => Number(digits ?? 1))
    .meta({ description: `How many hours to look back, from 1 to ${HOURS_MAX}; 1 unless given.` }),
  limit: pageLimit(TOP_MAX),
});

export const topSchema = z.object({
  since: z.iso.datetime().describe('The beginning of the first hour that is counted in.'),
  until: z.iso.datetime(),
  tokens: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        userId: z.string(),
        ownerLogin: z.string().nullable(),
        revoked: z.boolean(),
        requests: z.int(),
      }),
    )
    .describe('The busiest first.'),
});

/** `GET /api/v1/usage/top`: an operator's question that no metric may answer, because no token is a label. */
export function usageOperation({ store }: ControlParts): Operation {
  return operation({
    id: 'listBusiestTokens',
    method: 'GET',
    path: '/api/v1/usage/top',
    tag: 'Usage',
    summary: 'List the busiest tokens',
    description:
      'Counts the requests whose token and network were accepted, those refused by a limit too, at the proxy and here. ' +
      'Requests are counted by the hour, and told once a minute (`account.touchEvery`). Of each hour the 1000 busiest tokens are kept.',
    extension: true,
    query: topQuery,
    answer: { status: 200, schema: topSchema },
    refusals: [400],
    async handle({ query, now }) {
      const since = now - query.hours * HOUR_MS;
      const busiest = await store.busiestTokens(since, now, query.limit ?? TOP_PRESET);
      const credentials = await store.tokensById(busiest.map(({ tokenId }) => tokenId));
      const tokens = busiest.flatMap(({ requests }, index) => {
        const { token, owner } = credentials[index] ?? {};
        // A token can be gone whose requests are still counted.
        if (token === undefined) return [];
        const { id, name, userId, revokedAt } = token;
        return [
          { id, name, userId, ownerLogin: owner?.login ?? null, revoked: revokedAt !== null, requests },
        ];
      });
      return ok({ since: isoTime(since - (since % HOUR_MS)), until: isoTime(now), tokens });
    },
  });
}
