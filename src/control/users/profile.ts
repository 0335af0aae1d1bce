/** What is kept of a user's profile: Okta's four fields, and whatever else a client sends, within bounds. */
import { z } from 'zod';
import type { User, UserAttributes } from '../../domain/user.ts';
import { type ApiError, invalid } from '../api-error.ts';
import { shortText } from '../validation.ts';

const LOGIN = 'must be an e-mail address of 5 to 100 characters';
const ADDRESS = 'must be an e-mail address of at most 100 characters';
const NAME = /^[A-Za-z_]\w{0,63}$/;
const ATTRIBUTES_MAX = 50;
const ATTRIBUTES_BYTES_MAX = 8192;
const VALUE = 'must be a text of at most 500 characters, a number, true, false or null';

const value = z.union([z.string().max(500), z.number(), z.boolean(), z.null()], { error: VALUE });

type Value = z.output<typeof value>;

const fields = z
  .object({
    firstName: shortText(50),
    lastName: shortText(50),
    login: z.email(LOGIN).min(5, LOGIN).max(100, LOGIN),
    email: z.email(ADDRESS).max(100, ADDRESS).optional().describe('The login unless given.'),
  })
  .catchall(value);

/** The whole `profile` of a user in a body. */
export const profileInput = fields;

/** Some of a profile: what is left out stays as it is, and attributes that are null are taken away. */
export const profileChanges = fields.partial().catchall(value);

export type ProfileChanges = z.output<typeof profileChanges>;

/** What a user's record holds of its profile. */
export type Profile = Pick<User, 'login' | 'firstName' | 'lastName' | 'attributes'>;

/** The profile as it is kept; attributes that are null are left out, as with Okta. */
export function profileOf(input: z.output<typeof profileInput>): Profile | ApiError {
  const { firstName, lastName, login, email, ...others } = input;
  const given: Readonly<Record<string, Value>> = {
    ...(email === login ? {} : { email: email ?? null }),
    ...others,
  };
  const kept = Object.entries(given).filter(isGiven);
  const attributes = Object.fromEntries(kept);
  if (kept.length > ATTRIBUTES_MAX || JSON.stringify(attributes).length > ATTRIBUTES_BYTES_MAX) {
    const bounds = `${ATTRIBUTES_MAX} further attributes, of ${ATTRIBUTES_BYTES_MAX} characters in all`;
    return invalid('profile', `profile: must have at most ${bounds}`);
  }
  if (!kept.every(([name]) => NAME.test(name))) {
    const cause = 'profile: must have attributes whose names are letters, digits and _, at most 64';
    return invalid('profile', cause);
  }
  return { firstName, lastName, login, ...(kept.length === 0 ? {} : { attributes }) };
}

function isGiven(pair: [string, Value]): pair is [string, UserAttributes[string]] {
  return pair[1] !== null;
}

/** The profile after the changes. An e-mail address that was the login stays when the login changes. */
export function changedProfile(user: User, changes: ProfileChanges): Profile | ApiError {
  const { login, firstName, lastName, attributes } = user;
  const given = Object.entries(changes).filter(([, each]) => each !== undefined);
  return profileOf({ login, firstName, lastName, email: login, ...attributes, ...Object.fromEntries(given) });
}

/** The names of what differs between two profiles, in their order. */
export function changedNames(before: Profile, after: Profile): readonly string[] {
  const [was, is] = [flat(before), flat(after)];
  const names = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...names].filter((name) => was[name] !== is[name]).toSorted();
}

function flat({ login, firstName, lastName, attributes }: Profile): Readonly<Record<string, unknown>> {
  return { login, firstName, lastName, email: login, ...attributes };
}
