/**
 * Who may do what: each operation with the roles that may call it, and whose records each role reaches there
 * (docs/okta.md §1, "Roles"). A role that is not named may not. A caller with several roles has the widest grant.
 */
import type { Role, User } from '../domain/user.ts';

/**
 * Whose records a grant reaches. `own`: what belongs to the caller. `without-role`: also what belongs to users who
 * administer nothing. `all-but-super`: what belongs to anybody but super administrators. `all`: everything.
 */
export type Grant = 'own' | 'without-role' | 'all-but-super' | 'all';

const NARROW_TO_WIDE: readonly Grant[] = ['own', 'without-role', 'all-but-super', 'all'];

/** `ANYBODY`: every user with a token that is valid. */
export type Permission = Readonly<Partial<Record<Role | 'ANYBODY', Grant>>>;

/** Reading what concerns the whole organisation. */
const READ: Permission = { SUPER_ADMIN: 'all', ORG_ADMIN: 'all', READ_ONLY_ADMIN: 'all' };
/** Reading what those who make tokens have to choose from. */
const READ_TO_CHOOSE: Permission = {
  ...READ,
  GROUP_ADMIN: 'all',
  USER_ADMIN: 'all',
  GROUP_MEMBERSHIP_ADMIN: 'all',
};
const WRITE: Permission = { SUPER_ADMIN: 'all', ORG_ADMIN: 'all' };
const SUPER: Permission = { SUPER_ADMIN: 'all' };

/** Only these may make tokens (docs/okta.md §1, "Roles"), for themselves; a super administrator for others too. */
const MAKE_TOKENS: Permission = {
  SUPER_ADMIN: 'all',
  ORG_ADMIN: 'own',
  GROUP_ADMIN: 'own',
  // Okta's API calls the group administrator USER_ADMIN.
  USER_ADMIN: 'own',
  GROUP_MEMBERSHIP_ADMIN: 'own',
  READ_ONLY_ADMIN: 'own',
};
const SEE_TOKENS: Permission = { ...READ, ANYBODY: 'own' };
const CHANGE_TOKENS: Permission = { ...MAKE_TOKENS, ORG_ADMIN: 'all-but-super' };
/** Read-only administrators may make tokens, but not alter their share (docs/okta.md §1, "Roles"). */
const CHANGE_SHARES: Permission = {
  SUPER_ADMIN: 'all',
  ORG_ADMIN: 'all-but-super',
  GROUP_ADMIN: 'own',
  USER_ADMIN: 'own',
  GROUP_MEMBERSHIP_ADMIN: 'own',
};

const SEE_USERS: Permission = {
  ...READ_TO_CHOOSE,
  HELP_DESK_ADMIN: 'all',
  APP_ADMIN: 'all',
  REPORT_ADMIN: 'all',
};
const CHANGE_USERS: Permission = {
  SUPER_ADMIN: 'all',
  ORG_ADMIN: 'all-but-super',
  GROUP_ADMIN: 'without-role',
  USER_ADMIN: 'without-role',
};

export const PERMISSIONS = {
  listApiTokens: SEE_TOKENS,
  getApiToken: SEE_TOKENS,
  createApiToken: MAKE_TOKENS,
  upsertApiToken: CHANGE_TOKENS,
  // Its answer is a secret that acts as the owner, so nobody below a super administrator gets another's.
  rotateApiToken: MAKE_TOKENS,
  revokeApiToken: { ...CHANGE_TOKENS, ANYBODY: 'own' },
  revokeCurrentApiToken: { ANYBODY: 'own' },

  listUsers: SEE_USERS,
  getUser: { ...SEE_USERS, ANYBODY: 'own' },
  createUser: CHANGE_USERS,
  updateUser: CHANGE_USERS,
  replaceUser: CHANGE_USERS,
  activateUser: CHANGE_USERS,
  deactivateUser: CHANGE_USERS,
  suspendUser: CHANGE_USERS,
  unsuspendUser: CHANGE_USERS,
  listAssignedRolesForUser: { ...READ, ANYBODY: 'own' },
  getUserAssignedRole: { ...READ, ANYBODY: 'own' },
  assignRoleToUser: SUPER,
  unassignRoleFromUser: SUPER,

  listAgents: READ,
  getAgent: READ,
  registerAgent: WRITE,
  activateAgent: WRITE,
  deactivateAgent: WRITE,
  deleteAgent: WRITE,

  listNetworkZones: READ_TO_CHOOSE,
  getNetworkZone: READ_TO_CHOOSE,
  createNetworkZone: WRITE,
  replaceNetworkZone: WRITE,
  deleteNetworkZone: WRITE,
  activateNetworkZone: WRITE,
  deactivateNetworkZone: WRITE,

  listPrincipalRateLimitEntities: SEE_TOKENS,
  getPrincipalRateLimitEntity: SEE_TOKENS,
  createPrincipalRateLimitEntity: CHANGE_SHARES,
  replacePrincipalRateLimitEntity: CHANGE_SHARES,
  getRateLimitSettingsAdminNotifications: READ,
  replaceRateLimitSettingsAdminNotifications: WRITE,
  getRateLimitSettingsPerClient: READ,
  replaceRateLimitSettingsPerClient: WRITE,
  getRateLimitSettingsWarningThreshold: READ,
  replaceRateLimitSettingsWarningThreshold: WRITE,

  listLogEvents: { ...READ, REPORT_ADMIN: 'all' },
  explainDecision: READ,
  listBusiestTokens: READ,
} as const satisfies Record<string, Permission>;

export type OperationId = keyof typeof PERMISSIONS;

/** How far the user's roles reach in the operation; null when they do not permit it at all. */
export function grantFor(operation: OperationId, { roles }: User): Grant | null {
  const permission: Readonly<Record<string, Grant | undefined>> = PERMISSIONS[operation];
  const grants = ['ANYBODY', ...roles].map((role) => permission[role]).filter((grant) => grant !== undefined);
  return NARROW_TO_WIDE.findLast((grant) => grants.includes(grant)) ?? null;
}

/**
 * Whether a grant of the caller's reaches what belongs to a user.
 * @param owner the user it belongs to; null when that is not known, which only `all` and `all-but-super` reach
 */
export function reaches(grant: Grant, caller: User, owner: User | null): boolean {
  if (grant === 'all' || owner?.id === caller.id) return true;
  if (grant === 'all-but-super') return owner === null || !owner.roles.includes('SUPER_ADMIN');
  return grant === 'without-role' && owner?.roles.length === 0;
}
