import { z } from 'zod';
import type { Share } from '../../domain/token.ts';
import { entityTag } from '../etag.ts';

/** There is one organisation; Okta's form of its id. */
const ORG_ID = `00o${'0'.repeat(17)}`;

export const shareSchema = z.object({
  id: z.string(),
  orgId: z.string(),
  principalId: z.string().describe('The id of the token.'),
  principalType: z.literal('SSWS_TOKEN'),
  defaultPercentage: z.int().describe("What the token may take of each endpoint's maximum."),
  defaultConcurrencyPercentage: z.int(),
  byEndpoint: z
    .record(z.string(), z.int())
    .describe('Percentages that hold at one endpoint, by its name: an extension.'),
  lastUpdate: z.string(),
  lastUpdatedBy: z.string(),
  createdDate: z.string(),
  createdBy: z.string(),
});

/**
 * A share in Okta's form, its keys in Okta's order (docs/okta.md §5).
 * @param defaultPercentage what holds where the share sets nothing
 */
export function shareBody(share: Share, defaultPercentage: number) {
  return {
    id: share.id,
    orgId: ORG_ID,
    principalId: share.tokenId,
    principalType: 'SSWS_TOKEN',
    defaultPercentage: share.percentage ?? defaultPercentage,
    defaultConcurrencyPercentage: share.concurrencyPercentage ?? defaultPercentage,
    byEndpoint: share.byEndpoint,
    lastUpdate: wholeSeconds(share.lastUpdatedAt),
    lastUpdatedBy: share.lastUpdatedBy,
    createdDate: wholeSeconds(share.createdAt),
    createdBy: share.createdBy,
  };
}

/** Okta writes these moments without milliseconds, unlike all others. */
function wholeSeconds(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** The share's entity tag: another one after every change. */
export function shareTag(share: Share): string {
  return entityTag(share);
}
