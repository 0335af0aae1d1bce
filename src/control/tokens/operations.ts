import { z } from 'zod';
import type { Credential } from '../../domain/token.ts';
import { type ApiError, invalid } from '../api-error.ts';
import { eventOf, fromFresh, precondition } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { lockOut } from '../lock-out.ts';
import { type AnyCall, type Operation, ok, operation, type Reply } from '../operation.ts';
import { pageLinks } from '../paging.ts';
import { queryFlag, shortText } from '../validation.ts';
import { createApiToken } from './create.ts';
import { describeToken, tokenTargets } from './event-facts.ts';
import { findToken } from './find.ts';
import { listQuery, listTokens } from './list.ts';
import { type JudgedNetwork, judgeNetwork } from './network.ts';
import { revokeToken } from './revoke.ts';
import { rotateApiToken } from './rotate.ts';
import { networkInput, TOKEN_NAME_MAX, tokenBody, tokenSchema, tokenTag } from './wire.ts';

const TAG = 'API tokens';
const TOKEN = '/api/v1/api-tokens/{apiTokenId}';

const update = z.object({
  name: shortText(TOKEN_NAME_MAX).optional(),
  userId: z.string({ error: 'must be the id of a user' }).nullish(),
  network: networkInput,
});

/** Everything that can be done with tokens: what Okta's API has, and what Okta keeps to its console. */
export function tokenOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listApiTokens',
      method: 'GET',
      path: '/api/v1/api-tokens',
      tag: TAG,
      summary: 'List all API token metadata',
      description:
        'Lists the active tokens that the caller may see. Okta takes no parameters here; all of them are extensions.',
      query: listQuery,
      answer: { status: 200, schema: z.array(tokenSchema) },
      refusals: [400],
      async handle({ query, caller, grant, request, now }) {
        const page = await listTokens(parts, query, caller.user, grant, now);
        if (page.kind === 'error') return page;
        const paged = query.limit !== undefined || query.after !== undefined || page.next !== null;
        const headers = paged ? pageLinks(request, page.next, query.limit ?? null) : {};
        return ok(
          page.items.map((each) => tokenBody(each, request.origin, now)),
          headers,
        );
      },
    }),
    createApiToken(parts),
    operation({
      id: 'getApiToken',
      method: 'GET',
      path: TOKEN,
      tag: TAG,
      summary: "Retrieve an API token's metadata",
      answer: { status: 200, schema: tokenSchema },
      refusals: [404],
      async handle(call) {
        const found = await findToken(parts, call, call.params.apiTokenId);
        return found.kind === 'error' ? found : answered(call, found.credential);
      },
    }),
    operation({
      id: 'upsertApiToken',
      method: 'PUT',
      path: TOKEN,
      tag: TAG,
      summary: 'Upsert an API token network condition',
      description: 'What is left out of the body stays as it is. The owner cannot be changed.',
      query: z.object({
        force: queryFlag(false).describe(
          "Whether to make the change even if it locks out the caller's own token.",
        ),
      }),
      body: update,
      answer: { status: 200, schema: tokenSchema },
      refusals: [400, 404, 409, 412],
      handle: (call) => fromFresh(() => upsert(parts, call)),
    }),
    operation({
      id: 'revokeCurrentApiToken',
      method: 'DELETE',
      path: '/api/v1/api-tokens/current',
      tag: TAG,
      summary: 'Revoke the current API token',
      answer: { status: 204, schema: null },
      refusals: [400, 409],
      handle: (call) => fromFresh(() => revokeToken(parts, call, call.caller.token.id)),
    }),
    operation({
      id: 'revokeApiToken',
      method: 'DELETE',
      path: TOKEN,
      tag: TAG,
      summary: 'Revoke an API token',
      description: "An agent's token can be revoked while its agent is not active.",
      answer: { status: 204, schema: null },
      refusals: [400, 404, 409],
      handle: (call) => fromFresh(() => revokeToken(parts, call, call.params.apiTokenId)),
    }),
    rotateApiToken(parts),
  ];
}

function answered({ request, now }: AnyCall, credential: Credential): Reply {
  return ok(tokenBody(credential, request.origin, now), { etag: tokenTag(credential.token) });
}

type UpdateCall = AnyCall & {
  readonly params: { readonly apiTokenId: string };
  readonly query: { readonly force: boolean };
  readonly body: z.output<typeof update>;
};

async function upsert(parts: ControlParts, call: UpdateCall): Promise<Reply> {
  const { body, now } = call;
  const found = await findToken(parts, call, call.params.apiTokenId);
  if (found.kind === 'error') return found;
  const { credential } = found;
  const { token } = credential;
  const stale = precondition(call, tokenTag(token));
  if (stale !== null) return stale;
  if (body.userId != null && body.userId !== token.userId) {
    return invalid('userId', 'userId: The owner of a token cannot be changed.');
  }
  const judged = await newNetwork(parts, call, credential);
  if (judged?.kind === 'error') return judged;
  const changed = {
    ...token,
    name: body.name ?? token.name,
    network: judged?.condition ?? token.network,
    lastUpdatedAt: now,
  };
  const after = { ...credential, token: changed };
  await parts.store.commit([
    { put: 'token', token: changed, replacing: token },
    ...(judged?.expectations ?? []),
    eventOf(call, 'system.api_token.update', tokenTargets(after), describeToken(after)),
  ]);
  return answered(call, after);
}

/** The network condition that the body asks for; null when it asks for none. */
async function newNetwork(
  { store }: ControlParts,
  { body, query, caller }: UpdateCall,
  { token }: Credential,
): Promise<JudgedNetwork | ApiError | null> {
  if (body.network == null) return null;
  const judged = await judgeNetwork(body.network, store);
  if (judged.kind === 'error' || query.force || token.id !== caller.token.id) return judged;
  return lockOut(caller, 'network', judged.condition, judged.zones) ?? judged;
}
