import type { RawEntry } from '../../config/apply-file/raw-entry.ts';
import { administers, type User } from '../../domain/user.ts';
import type { Context } from './context.ts';

const USERS_AT_ONCE = 1_000;

/** A user who is a super administrator now, and will not be one any more. */
export interface Demotion {
  readonly raw: RawEntry;
  readonly after: User;
}

/**
 * A file must leave an active super administrator, as the management API does: without one nobody can manage. One whom
 * the file does not name must still be one when it is written.
 */
export async function keepAnAdministrator(
  demotions: readonly Demotion[],
  { store, draft }: Context,
): Promise<void> {
  if (demotions.length === 0) return;
  const written = new Map(
    draft.mutations.flatMap((mutation) =>
      'put' in mutation && mutation.put === 'user' ? [[mutation.user.id, mutation.user] as const] : [],
    ),
  );
  if ([...written.values()].some(administers)) return;
  let after: string | null = null;
  do {
    const page = await store.users(after, USERS_AT_ONCE);
    const other = page.items.find((user) => !written.has(user.id) && administers(user));
    if (other !== undefined) {
      draft.mutations.push({ put: 'user', user: other, replacing: other });
      return;
    }
    after = page.next;
  } while (after !== null);
  for (const { raw, after: user } of demotions) {
    const path = [user.roles.includes('SUPER_ADMIN') ? 'status' : 'roles'];
    const message = 'would leave no active super administrator: name another one with roles: [SUPER_ADMIN]';
    draft.problem(raw.locate({ path, message }));
  }
}
