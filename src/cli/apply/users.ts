import type { Judged } from '../../config/apply-file/judgement.ts';
import type { UserEntry } from '../../config/apply-file/schema.ts';
import { newId } from '../../domain/ids.ts';
import { administers, type User } from '../../domain/user.ts';
import { loginKey } from '../../store/records.ts';
import type { Claims } from './claims.ts';
import { type Context, WRONG } from './context.ts';
import { userDeeds } from './events.ts';
import { type Field, textOf } from './fields.ts';
import type { Demotion } from './last-administrator.ts';

const FIELDS: readonly Field<User>[] = [
  { name: 'firstName', of: (user) => user.firstName },
  { name: 'lastName', of: (user) => user.lastName },
  { name: 'status', of: (user) => user.status },
  { name: 'roles', of: (user) => user.roles },
];

/**
 * Plans some users of the file, which are known by their logins.
 * @returns the super administrators who will be none any more
 */
export async function planUsers(
  entries: readonly Judged<UserEntry>[],
  claims: Claims,
  context: Context,
): Promise<readonly Demotion[]> {
  const { store, draft, owners, rules } = context;
  const demotions: Demotion[] = [];
  const existing = await store.usersByLogin(entries.map(({ good }) => good.login ?? ''));
  entries.forEach(({ raw, whole, good }, index) => {
    if (good.login === undefined) return;
    const holder = claims.claim(loginKey(good.login), raw.line);
    if (holder !== null) {
      const message = `must be unique: the user in line ${holder} has this login too`;
      draft.problem(raw.locate({ path: ['login'], message }));
      return;
    }
    if (whole === null) {
      owners.declare(good.login, WRONG);
      return;
    }
    const old = existing[index] ?? null;
    const next = userOf(whole, old, rules.now);
    owners.declare(whole.login, next.id);
    if (old !== null && administers(old) && !administers(next)) demotions.push({ raw, after: next });
    draft.add({
      kind: 'user',
      label: textOf(next.login),
      fields: FIELDS,
      old,
      next,
      mutations: () => [{ put: 'user', user: { ...next, lastUpdatedAt: rules.now }, replacing: old }],
      deeds: (fields) => userDeeds(old, next, fields),
    });
  });
  return demotions;
}

function userOf(entry: UserEntry, old: User | null, now: number): User {
  return {
    id: old?.id ?? newId('00u'),
    // The key: the store's spelling stays.
    login: old?.login ?? entry.login,
    firstName: entry.firstName ?? old?.firstName ?? '',
    lastName: entry.lastName ?? old?.lastName ?? '',
    ...(old?.attributes === undefined ? {} : { attributes: old.attributes }),
    status: entry.status ?? old?.status ?? 'ACTIVE',
    roles: entry.roles === undefined ? (old?.roles ?? []) : sameRoles(entry.roles, old),
    createdAt: old?.createdAt ?? now,
    lastUpdatedAt: old?.lastUpdatedAt ?? now,
  };
}

/** Roles are a set: another order of them is no change. */
function sameRoles(roles: User['roles'], old: User | null): User['roles'] {
  const same =
    old !== null && old.roles.length === roles.length && roles.every((role) => old.roles.includes(role));
  return same ? old.roles : roles;
}
