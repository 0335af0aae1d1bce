import { z } from 'zod';
import type { Role, User } from '../../domain/user.ts';
import { entityTag } from '../etag.ts';
import { isoSecond } from '../wire.ts';

const href = z.object({ href: z.string() });

export const userSchema = z
  .object({
    id: z.string(),
    status: z.string(),
    created: z.iso.datetime(),
    activated: z.iso.datetime().nullable(),
    statusChanged: z.iso.datetime().nullable(),
    lastLogin: z.iso.datetime().nullable(),
    lastUpdated: z.iso.datetime(),
    passwordChanged: z.iso.datetime().nullable(),
    profile: z.looseObject({
      firstName: z.string(),
      lastName: z.string(),
      login: z.string(),
      email: z.string().describe('The login unless another was given.'),
    }),
    credentials: z.object({ provider: z.object({ type: z.string(), name: z.string() }) }),
    _links: z.looseObject({ self: href }),
  })
  .describe('A user. What Tollgate does not keep of users is null.');

/** A user in Okta's form, its keys in Okta's order. */
export function userBody(user: User, origin: string) {
  const { id, login, firstName, lastName, attributes, status, createdAt, lastUpdatedAt } = user;
  return {
    id,
    status,
    created: isoSecond(createdAt),
    activated: null,
    statusChanged: null,
    lastLogin: null,
    lastUpdated: isoSecond(lastUpdatedAt),
    passwordChanged: null,
    profile: {
      firstName,
      lastName,
      mobilePhone: null,
      secondEmail: null,
      login,
      email: login,
      ...attributes,
    },
    credentials: { provider: { type: 'OKTA', name: 'OKTA' } },
    _links: links(user, `${origin}/api/v1/users/${id}`),
  };
}

/** The user itself, and what can be done with it in its status. */
function links({ status }: User, self: string) {
  const to = (action: string) => ({ href: `${self}/lifecycle/${action}`, method: 'POST' });
  const active = status === 'ACTIVE';
  return {
    self: { href: self },
    ...(canBeActivated(status) ? { activate: to('activate') } : {}),
    ...(active ? { suspend: to('suspend') } : {}),
    ...(status === 'SUSPENDED' ? { unsuspend: to('unsuspend') } : {}),
    ...(status === 'DEPROVISIONED' ? {} : { deactivate: to('deactivate') }),
  };
}

export function canBeActivated(status: User['status']): boolean {
  return status === 'STAGED' || status === 'PROVISIONED' || status === 'DEPROVISIONED';
}

export function userTag(user: User): string {
  return entityTag(user);
}

/** Every role with its name in Okta's console. */
export const ROLE_LABELS: Readonly<Record<Role, string>> = {
  SUPER_ADMIN: 'Super Administrator',
  ORG_ADMIN: 'Organization Administrator',
  GROUP_ADMIN: 'Group Administrator',
  GROUP_MEMBERSHIP_ADMIN: 'Group Membership Administrator',
  READ_ONLY_ADMIN: 'Read Only Administrator',
  APP_ADMIN: 'Application Administrator',
  USER_ADMIN: 'Group Administrator',
  HELP_DESK_ADMIN: 'Help Desk Administrator',
  API_ACCESS_MANAGEMENT_ADMIN: 'API Access Management Administrator',
  REPORT_ADMIN: 'Report Administrator',
  MOBILE_ADMIN: 'Mobile Administrator',
};
