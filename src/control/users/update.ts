import { z } from 'zod';
import { userParty } from '../../domain/log-event.ts';
import type { User } from '../../domain/user.ts';
import { type ApiError, invalid, WRONG_USER_STATUS } from '../api-error.ts';
import { eventOf, fromFresh, precondition } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, type Operation, ok, operation, type Reply } from '../operation.ts';
import { findUser } from './find.ts';
import {
  changedNames,
  changedProfile,
  type Profile,
  profileChanges,
  profileInput,
  profileOf,
} from './profile.ts';
import { userBody, userSchema, userTag } from './wire.ts';

const TAG = 'Users';
const USER = '/api/v1/users/{id}';

/** Changing who a user is. What a user may do, and whether it is active, have operations of their own. */
export function updateOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'updateUser',
      method: 'POST',
      path: USER,
      tag: TAG,
      summary: 'Update a user',
      description: 'What is left out of the profile stays as it is. Credentials are not kept.',
      body: z.object({ profile: profileChanges.optional() }),
      answer: { status: 200, schema: userSchema },
      refusals: [400, 404, 409, 412],
      handle: (call) =>
        fromFresh(() =>
          update(parts, call, call.params.id, (user) => changedProfile(user, call.body.profile ?? {})),
        ),
    }),
    operation({
      id: 'replaceUser',
      method: 'PUT',
      path: USER,
      tag: TAG,
      summary: 'Replace a user',
      description: 'What is left out of the profile is taken away. Credentials are not kept.',
      body: z.object({ profile: profileInput }),
      answer: { status: 200, schema: userSchema },
      refusals: [400, 404, 409, 412],
      handle: (call) =>
        fromFresh(() => update(parts, call, call.params.id, () => profileOf(call.body.profile))),
    }),
  ];
}

/** The refusal where another user has the login, in whatever case; null when it is free or the user's own. */
export async function loginTaken(
  { store }: ControlParts,
  login: string,
  id: string | null,
): Promise<ApiError | null> {
  const holder = await store.userByLogin(login);
  if (holder === null || holder.id === id) return null;
  return invalid('login', 'login: An object with this field already exists in the current organization');
}

async function update(
  parts: ControlParts,
  call: AnyCall,
  name: string,
  profileAfter: (user: User) => Profile | ApiError,
): Promise<Reply> {
  const found = await findUser(parts, call, name);
  if (found.kind === 'error') return found;
  const { user } = found;
  const stale = precondition(call, userTag(user));
  if (stale !== null) return stale;
  if (user.status === 'DEPROVISIONED') return WRONG_USER_STATUS;
  const profile = profileAfter(user);
  if ('kind' in profile) return profile;
  const changed = changedNames(user, profile);
  if (changed.length === 0) return answered(call, user);
  const taken = await loginTaken(parts, profile.login, user.id);
  if (taken !== null) return taken;
  const { attributes: _, ...rest } = user;
  const after: User = { ...rest, ...profile, lastUpdatedAt: call.now };
  await parts.store.commit([
    { put: 'user', user: after, replacing: user },
    eventOf(call, 'user.account.update_profile', [userParty(after)], {
      changedAttributes: changed.join(','),
      ...(profile.login === user.login ? {} : { oldLogin: user.login, newLogin: profile.login }),
    }),
  ]);
  return answered(call, after);
}

function answered({ request }: AnyCall, user: User): Reply {
  return ok(userBody(user, request.origin), { etag: userTag(user) });
}
