import type { Mutation } from '../../domain/store.ts';
import { administers, type User } from '../../domain/user.ts';
import { type ApiError, invalid } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import type { AnyCall } from '../operation.ts';
import { scan } from '../scan.ts';

/**
 * What a commit needs besides, that takes a super administrator away: another one, active, who must still be as read
 * when it is written. So there is always one left, also when two of them remove each other at the same moment.
 * @param before, after the user that changes
 * @returns nothing when the change takes none away, a refusal when it would take the last
 */
export async function witnesses(
  { store }: ControlParts,
  { caller }: AnyCall,
  before: User,
  after: User,
): Promise<readonly Mutation[] | ApiError> {
  if (!administers(before) || administers(after)) return [];
  const itself = before.id === caller.user.id ? null : await store.user(caller.user.id);
  const witness = itself !== null && administers(itself) ? itself : await another(store, before.id);
  if (witness === null) {
    return invalid(
      'user',
      `user: ${before.login} is the last active super administrator. Make another one first.`,
    );
  }
  return [{ put: 'user', user: witness, replacing: witness }];
}

/** The first active super administrator who is not that user. */
async function another(store: ControlParts['store'], id: string): Promise<User | null> {
  for await (const slice of scan((after, count) => store.users(after, count), null)) {
    const found = slice.find((user) => user.id !== id && administers(user));
    if (found !== undefined) return found;
  }
  return null;
}
