/** Okta's user life cycle (docs/okta.md §7). */
export type UserStatus =
  | 'STAGED'
  | 'PROVISIONED'
  | 'ACTIVE'
  | 'RECOVERY'
  | 'PASSWORD_EXPIRED'
  | 'LOCKED_OUT'
  | 'SUSPENDED'
  | 'DEPROVISIONED';

/** Administrator roles, by Okta's role type names. A user without a role has an empty list. */
export type Role =
  | 'SUPER_ADMIN'
  | 'ORG_ADMIN'
  | 'GROUP_ADMIN'
  | 'GROUP_MEMBERSHIP_ADMIN'
  | 'READ_ONLY_ADMIN'
  | 'APP_ADMIN'
  | 'USER_ADMIN'
  | 'HELP_DESK_ADMIN'
  | 'API_ACCESS_MANAGEMENT_ADMIN'
  | 'REPORT_ADMIN'
  | 'MOBILE_ADMIN';

/** Values by their names. */
export type UserAttributes = Readonly<Record<string, string | number | boolean>>;

/** The person or service account that a token acts as. */
export interface User {
  /** `00u` and 17 characters. */
  readonly id: string;
  /** Unique among users, compared without regard to case. */
  readonly login: string;
  readonly firstName: string;
  readonly lastName: string;
  /** What else a client keeps in the user's profile, such as `email` where it is not the login; never evaluated. Left out where there is nothing. */
  readonly attributes?: UserAttributes;
  readonly status: UserStatus;
  readonly roles: readonly Role[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
}

/** Whether the user may manage everything, now. */
export function administers({ status, roles }: User): boolean {
  return status === 'ACTIVE' && roles.includes('SUPER_ADMIN');
}

/** An installed agent (AD, LDAP, RADIUS, …): the holder of agent tokens (docs/okta.md §7, "Agents"). */
export interface Agent {
  /** `a53` and 17 characters. */
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
}
