import { z } from 'zod';
import { shareParty } from '../../domain/log-event.ts';
import type { EventMutation } from '../../domain/store.ts';
import { type Credential, newShare, type Share } from '../../domain/token.ts';
import { FORBIDDEN, invalid, notFound } from '../api-error.ts';
import { eventOf, fromFresh, precondition } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, created, type Operation, ok, operation, type Reply } from '../operation.ts';
import { pageLinks } from '../paging.ts';
import { reaches } from '../permissions.ts';
import { tokenTargets } from '../tokens/event-facts.ts';
import { percentage, shortText } from '../validation.ts';
import { byEndpoint, unknownEndpoint } from './by-endpoint.ts';
import { findShare, isActive } from './find.ts';
import { listShares, SUBJECT, shareQuery } from './list.ts';
import { shareBody, shareSchema, shareTag } from './wire.ts';

const TAG = 'Principal rate limits';
const SHARES = '/api/v1/principal-rate-limits';
const SHARE = `${SHARES}/{principalRateLimitId}` as const;

const shareInput = z.looseObject({
  principalId: shortText(64),
  principalType: z.literal('SSWS_TOKEN', {
    error: 'must be SSWS_TOKEN: there are no other principals here',
  }),
  defaultPercentage: percentage().nullish(),
  defaultConcurrencyPercentage: percentage().nullish(),
  byEndpoint: byEndpoint().nullish(),
});

type ShareInput = z.output<typeof shareInput>;

/** What tokens may take of each endpoint's maximum (docs/okta.md §5, "Principal Rate Limits API"). */
export function shareOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listPrincipalRateLimitEntities',
      method: 'GET',
      path: SHARES,
      tag: TAG,
      summary: 'List all principal rate limits',
      query: shareQuery,
      answer: { status: 200, schema: z.array(shareSchema) },
      refusals: [400],
      async handle(call) {
        const page = await listShares(parts, call, call.query);
        if (page.kind === 'error') return page;
        const paged = page.next !== null || call.query.after !== undefined;
        return ok(
          page.items.map((share) => shareBody(share, parts.defaultPercentage)),
          paged ? pageLinks(call.request, page.next, page.limit) : {},
        );
      },
    }),
    operation({
      id: 'createPrincipalRateLimitEntity',
      method: 'POST',
      path: SHARES,
      tag: TAG,
      summary: 'Create a principal rate limit',
      description: 'A token has one at the most.',
      body: shareInput,
      answer: { status: 201, schema: shareSchema },
      refusals: [400, 404, 409],
      handle: (call) => fromFresh(() => create(parts, call, call.body)),
    }),
    operation({
      id: 'getPrincipalRateLimitEntity',
      method: 'GET',
      path: SHARE,
      tag: TAG,
      summary: 'Retrieve a principal rate limit',
      answer: { status: 200, schema: shareSchema },
      refusals: [404],
      async handle(call) {
        const found = await findShare(parts, call, call.params.principalRateLimitId);
        return found.kind === 'error' ? found : answered(parts, found.share);
      },
    }),
    operation({
      id: 'replacePrincipalRateLimitEntity',
      method: 'PUT',
      path: SHARE,
      tag: TAG,
      summary: 'Replace a principal rate limit',
      description: 'Percentages that are left out stay as they are.',
      body: shareInput,
      answer: { status: 200, schema: shareSchema },
      refusals: [400, 404, 409, 412],
      handle: (call) => fromFresh(() => replace(parts, call, call.params.principalRateLimitId, call.body)),
    }),
  ];
}

function answered({ defaultPercentage }: ControlParts, share: Share): Reply {
  return ok(shareBody(share, defaultPercentage), { etag: shareTag(share) });
}

async function create(parts: ControlParts, call: AnyCall, body: ShareInput): Promise<Reply> {
  const { caller, grant, now } = call;
  const credential = await parts.store.token(body.principalId);
  if (credential === null || !isActive(credential, now)) return notFound(body.principalId, 'Token');
  if (!reaches(grant, caller.user, credential.owner)) return FORBIDDEN;
  if (credential.share !== null) return invalid(SUBJECT);
  const misnamed = unknownEndpoint(body.byEndpoint ?? {}, parts.endpoints);
  if (misnamed !== null) return misnamed;
  const percentages = {
    percentage: body.defaultPercentage ?? null,
    concurrencyPercentage: body.defaultConcurrencyPercentage ?? null,
    byEndpoint: body.byEndpoint ?? {},
  };
  const share = newShare(body.principalId, percentages, caller.user.id, now);
  await parts.store.commit([
    { put: 'share', share, replacing: null },
    shareEvent(parts, call, credential, null, share),
  ]);
  return created(shareBody(share, parts.defaultPercentage), { etag: shareTag(share) });
}

async function replace(parts: ControlParts, call: AnyCall, id: string, body: ShareInput): Promise<Reply> {
  const found = await findShare(parts, call, id);
  if (found.kind === 'error') return found;
  const { share: before, credential } = found;
  const stale = precondition(call, shareTag(before));
  if (stale !== null) return stale;
  if (body.principalId !== before.tokenId) {
    return invalid('principalId', 'principalId: A principal rate limit cannot be given to another token.');
  }
  const known = [...parts.endpoints, ...Object.keys(before.byEndpoint)];
  const misnamed = unknownEndpoint(body.byEndpoint ?? {}, known);
  if (misnamed !== null) return misnamed;
  const after: Share = {
    ...before,
    percentage: body.defaultPercentage ?? before.percentage,
    concurrencyPercentage: body.defaultConcurrencyPercentage ?? before.concurrencyPercentage,
    byEndpoint: body.byEndpoint ?? before.byEndpoint,
    lastUpdatedAt: call.now,
    lastUpdatedBy: call.caller.user.id,
  };
  await parts.store.commit([
    { put: 'share', share: after, replacing: before },
    shareEvent(parts, call, credential, before, after),
  ]);
  return answered(parts, after);
}

/** The event of a share that changed, with what it was and what it is (docs/okta.md §5, "Rate-limit events"). */
function shareEvent(
  { defaultPercentage }: ControlParts,
  call: AnyCall,
  credential: Credential,
  before: Share | null,
  after: Share,
): EventMutation {
  return eventOf(
    call,
    'system.rate_limit.configuration.update',
    [...tokenTargets(credential), shareParty(after)],
    {
      oldRateLimitPercentage: String(before?.percentage ?? defaultPercentage),
      newRateLimitPercentage: String(after.percentage ?? defaultPercentage),
      oldConcurrencyPercentage: String(before?.concurrencyPercentage ?? defaultPercentage),
      newConcurrencyPercentage: String(after.concurrencyPercentage ?? defaultPercentage),
      ...(Object.keys(after.byEndpoint).length === 0 ? {} : { byEndpoint: JSON.stringify(after.byEndpoint) }),
    },
  );
}
