import { z } from 'zod';
import { newId } from '../../domain/ids.ts';
import { userParty } from '../../domain/log-event.ts';
import type { User } from '../../domain/user.ts';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, type Operation, ok, operation, type Reply } from '../operation.ts';
import { pageLinks } from '../paging.ts';
import { queryFlag } from '../validation.ts';
import { findUser } from './find.ts';
import { lifecycleOperations } from './lifecycle.ts';
import { listUsers, userQuery } from './list.ts';
import { profileInput, profileOf } from './profile.ts';
import { roleOperations } from './roles.ts';
import { loginTaken, updateOperations } from './update.ts';
import { userBody, userSchema, userTag } from './wire.ts';

const TAG = 'Users';

const creation = z.object({ profile: profileInput });

type ProfileInput = z.output<typeof profileInput>;

/** What tokens need of users: who there is, in which status, with which roles. In Okta's form. */
export function userOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listUsers',
      method: 'GET',
      path: '/api/v1/users',
      tag: TAG,
      summary: 'List all users',
      description: 'Deactivated users are listed only where `filter` or `search` asks for them.',
      query: userQuery,
      answer: { status: 200, schema: z.array(userSchema) },
      refusals: [400],
      async handle({ query, request }) {
        const page = await listUsers(parts, query);
        if (page.kind === 'error') return page;
        return ok(
          page.items.map((user) => userBody(user, request.origin)),
          pageLinks(request, page.next, page.limit),
        );
      },
    }),
    operation({
      id: 'createUser',
      method: 'POST',
      path: '/api/v1/users',
      tag: TAG,
      summary: 'Create a user',
      description:
        'Users do not sign in here, so credentials are not kept, and no mail is sent: with `activate` the user is active at once.',
      query: z.object({ activate: queryFlag(true).describe('Whether the user is active from the start.') }),
      body: creation,
      answer: { status: 200, schema: userSchema },
      refusals: [400],
      handle: (call) => fromFresh(() => create(parts, call, call.body.profile, call.query.activate)),
    }),
    operation({
      id: 'getUser',
      method: 'GET',
      path: '/api/v1/users/{id}',
      tag: TAG,
      summary: 'Retrieve a user',
      description: 'By id, by login, or `me` for the user that the token acts as.',
      answer: { status: 200, schema: userSchema },
      refusals: [404],
      async handle(call) {
        const found = await findUser(parts, call, call.params.id);
        if (found.kind === 'error') return found;
        return ok(userBody(found.user, call.request.origin), { etag: userTag(found.user) });
      },
    }),
    ...updateOperations(parts),
    ...lifecycleOperations(parts),
    ...roleOperations(parts),
  ];
}

async function create(
  parts: ControlParts,
  call: AnyCall,
  input: ProfileInput,
  activate: boolean,
): Promise<Reply> {
  const profile = profileOf(input);
  if ('kind' in profile) return profile;
  const taken = await loginTaken(parts, profile.login, null);
  if (taken !== null) return taken;
  const user: User = {
    id: newId('00u'),
    ...profile,
    status: activate ? 'ACTIVE' : 'STAGED',
    roles: [],
    createdAt: call.now,
    lastUpdatedAt: call.now,
  };
  const target = [userParty(user)];
  await parts.store.commit([
    { put: 'user', user, replacing: null },
    eventOf(call, 'user.lifecycle.create', target),
    ...(activate ? [eventOf(call, 'user.lifecycle.activate', target)] : []),
  ]);
  return ok(userBody(user, call.request.origin), { etag: userTag(user) });
}
