import type { User } from '../../domain/user.ts';
import { type ApiError, FORBIDDEN, notFound } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import type { AnyCall } from '../operation.ts';
import { reaches } from '../permissions.ts';

export interface FoundUser {
  readonly kind: 'user';
  readonly user: User;
}

/**
 * The user that a path names, if the caller's grant reaches it.
 * @param name an id, a login, or `me`
 */
export async function findUser(
  { store }: ControlParts,
  { caller, grant }: AnyCall,
  name: string,
): Promise<FoundUser | ApiError> {
  const id = name === 'me' ? caller.user.id : name;
  const user = (await store.user(id)) ?? (await store.userByLogin(name));
  // Those who may see only themselves do not learn who else there is.
  if (grant === 'own' && user?.id !== caller.user.id) return FORBIDDEN;
  if (user === null) return notFound(name, 'User');
  return reaches(grant, caller.user, user) ? { kind: 'user', user } : FORBIDDEN;
}
