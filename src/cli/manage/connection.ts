/** Where the management API is, and with which token it is asked: from the environment, else from a profile. */

import type { Environment } from '../../config/environment.ts';
import { parseAddress } from '../../domain/address.ts';
import { compileAddressSet } from '../../domain/address-set.ts';
import { CommandError } from './command-error.ts';
import { type Profile, profileIn, profilesFile, readProfiles } from './profiles.ts';

export interface Connection {
  /** Origin and path prefix of the management API, without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

/** Where the management API listens unless it is told otherwise. */
export const PRESET_URL = 'http://127.0.0.1:8081';

const LOOPBACK = compileAddressSet(['127.0.0.0/8', '::1']);

/**
 * `TOLLGATE_ADMIN_URL` and `TOLLGATE_TOKEN`, or else the profile that `TOLLGATE_PROFILE` names, or else the current
 * one. The address of one is never mixed with the token of the other: a token goes where its owner said.
 * @param insecure whether the token may go over plain http to another machine
 * @throws CommandError that says what to do
 */
export function connectionFrom(env: Environment, insecure = false): Connection {
  const token = env['TOLLGATE_TOKEN'];
  const url = env['TOLLGATE_ADMIN_URL'];
  if (token !== undefined && token !== '') return connectionTo(url ?? PRESET_URL, token, insecure);
  const { name, profile } = chosenProfile(env);
  if (url !== undefined && readUrl(url) !== readUrl(profile.url)) {
    throw new CommandError(
      `TOLLGATE_ADMIN_URL is ${url}, but the token of the profile ${name} is for ${profile.url}.`,
      'Set TOLLGATE_TOKEN too, or unset TOLLGATE_ADMIN_URL.',
    );
  }
  return connectionTo(profile.url, profile.token, insecure || profile.insecure === true);
}

function chosenProfile(env: Environment): { readonly name: string; readonly profile: Profile } {
  const known = readProfiles(profilesFile(env));
  const named = env['TOLLGATE_PROFILE'];
  const name = named || known.current;
  const profile = profileIn(known, name);
  if (profile !== null) return { name, profile };
  throw new CommandError(
    named ? `There is no profile "${name}".` : 'There is no token to manage with.',
    named
      ? 'See what there is: tollgate profile list'
      : 'Set TOLLGATE_TOKEN to the secret of a token, or keep one for all commands: tollgate login',
  );
}

/**
 * A connection that may be used.
 * @throws CommandError for an address that is none, and for one to which the token would go in the clear
 */
export function connectionTo(address: string, token: string, insecure: boolean): Connection {
  const url = readUrl(address);
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || insecure || isLoopback(hostname)) return { url, token };
  throw new CommandError(
    `Over plain http, everybody between here and ${hostname} could read the token.`,
    'Use an https address, or a tunnel to this machine (ssh -L 8081:127.0.0.1:8081 …); --insecure sends it all the same.',
  );
}

function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const address = parseAddress(hostname.replace(/^\[(.*)\]$/, '$1'));
  return address !== null && LOOPBACK.has(address);
}

/** The address in one form. @throws CommandError when it cannot be that of a management API */
export function readUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') {
    return url.href.replace(/\/+$/, '');
  }
  throw new CommandError(
    `"${text}" is not the address of a management API.`,
    `Set TOLLGATE_ADMIN_URL to one such as ${PRESET_URL}.`,
  );
}
