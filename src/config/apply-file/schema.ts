/**
 * What a file for `tollgate apply` may say of one user, zone, agent or token: every field in the one place where it
 * is declared. A field that is left out says nothing; docs/apply.md tells what that means.
 */
import { z } from 'zod';
import { parseRange } from '../../domain/address.ts';
import { ALL_IP_ZONES } from '../../domain/network-condition.ts';
import { parseNetworkCondition } from '../../domain/network-match.ts';
import type { Role, UserStatus } from '../../domain/user.ts';
import { choice, duration, integer, list, mustBe, orNull, section, text, textFor, word } from '../setting.ts';

const STATUSES = [
  'STAGED',
  'PROVISIONED',
  'ACTIVE',
  'RECOVERY',
  'PASSWORD_EXPIRED',
  'LOCKED_OUT',
  'SUSPENDED',
  'DEPROVISIONED',
] as const satisfies readonly UserStatus[];

const ROLES = [
  'SUPER_ADMIN',
  'ORG_ADMIN',
  'GROUP_ADMIN',
  'GROUP_MEMBERSHIP_ADMIN',
  'READ_ONLY_ADMIN',
  'APP_ADMIN',
  'USER_ADMIN',
  'HELP_DESK_ADMIN',
  'API_ACCESS_MANAGEMENT_ADMIN',
  'REPORT_ADMIN',
  'MOBILE_ADMIN',
] as const satisfies readonly Role[];

/** One line of text that looks like what it is: no control characters, and no space at either end. */
function line(longest: number) {
  const what = `1 to ${longest} characters in one line, without spaces at the ends`;
  return word(what, new RegExp(`^(?!\\s)[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]{1,${longest}}(?<!\\s)$`, 'u'));
}

const login = word('a login: 1 to 254 characters without spaces', /^[^\s\p{C}]{1,254}$/u);

const zoneName = line(128).refine((name) => name !== ALL_IP_ZONES && name !== 'ALL_ZONES', {
  error: `must not be ${ALL_IP_ZONES} or ALL_ZONES, which stand for every zone`,
});

const addresses = list(
  'a list of networks, ranges and addresses',
  textFor('a network, a range or an address, such as 192.0.2.0/24', parseRange),
);

const percentage = integer(0, 100, 'a whole number from 0 to 100, in percent');

const zoneNames = list('a list of names of zones', z.string({ error: mustBe('the name of a zone') }));

/** As the domain has it, with names of zones in place of their ids. */
const network = section({
  connection: choice('ANYWHERE', 'ZONE'),
  include: zoneNames.optional(),
  exclude: zoneNames.optional(),
}).transform((written, context) => {
  // An unknown key is told already; what is missing without it is no second mistake.
  if (context.issues.length > 0) return z.NEVER;
  try {
    return parseNetworkCondition(written);
  } catch (error) {
    // Anything but a plain Error is a bug, and not a word about the file.
    if (!(error instanceof Error) || error.name !== 'Error') throw error;
    // The rule names the field first, and so does the path of a problem.
    const [, field, message = error.message] = /^network(?:\.(\w+))?: (.*)$/.exec(error.message) ?? [];
    context.addIssue({
      code: 'custom',
      input: written,
      message,
      path: field === undefined ? [] : [field],
    });
    return z.NEVER;
  }
});

export const user = section({
  login,
  firstName: line(50).optional(),
  lastName: line(50).optional(),
  status: choice(...STATUSES).optional(),
  roles: list('a list of roles', choice(...ROLES))
    .transform((roles) => ROLES.filter((role) => roles.includes(role)))
    .optional(),
});

export const zone = section({
  name: zoneName,
  usage: choice('POLICY', 'BLOCKLIST').optional(),
  status: choice('ACTIVE', 'INACTIVE').optional(),
  gateways: addresses.optional(),
  proxies: addresses.optional(),
});

export const agent = section({
  name: line(128),
  kind: word('1 to 32 letters, digits and any of _ -', /^[A-Za-z0-9_-]{1,32}$/),
  status: choice('ACTIVE', 'INACTIVE').optional(),
});

const SHA256 = 'the SHA-256 of a secret: 64 hexadecimal characters, in quotes if all of them are digits';

export const token = section({
  id: word('the id of a token: 00T and 17 letters and digits', /^00T[0-9A-Za-z]{17}$/).optional(),
  name: line(128),
  owner: login,
  secret: z.string({ error: mustBe('the secret of a token, as text', { secret: true }) }).optional(),
  sha256: text(SHA256, /^[0-9A-Fa-f]{64}$/, (written) => written.toLowerCase(), { secret: true }).optional(),
  network: network.optional(),
  percentage: orNull(percentage).optional(),
  endpoints: z
    .record(z.string(), percentage, { error: mustBe('a map of endpoints and percentages') })
    .optional(),
  window: duration('1m', '3650d')
    .refine((milliseconds) => milliseconds % 1000 === 0, { error: 'must be whole seconds, such as 60s' })
    .transform((milliseconds) => milliseconds / 1000)
    .optional(),
  agent: orNull(line(128)).optional(),
});

export const entrySchemas = { user, zone, agent, token };

/** What a file has entries for. */
export type EntryKind = keyof typeof entrySchemas;

export const ENTRY_KINDS: readonly EntryKind[] = ['user', 'zone', 'agent', 'token'];

export type UserEntry = z.output<typeof user>;
export type ZoneEntry = z.output<typeof zone>;
export type AgentEntry = z.output<typeof agent>;
export type TokenEntry = z.output<typeof token>;
