/** Where the management API is, and with which token it is asked: from the environment, else from a profile file. */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../config/environment.ts';
import { CommandError } from './command-error.ts';

export interface Connection {
  /** Origin and path prefix of the management API, without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

/** Where the management API listens unless it is told otherwise. */
const PRESET_URL = 'http://127.0.0.1:8081';

const profile = z.strictObject({ url: z.string().optional(), token: z.string().optional() });

/**
 * `TOLLGATE_ADMIN_URL` and `TOLLGATE_TOKEN`, each filled up from the profile file: the one that `TOLLGATE_PROFILE`
 * names, else `tollgate/profile.json` where the user's settings are. The address of one is never mixed with the
 * token of the other: a token goes where its owner said.
 * @throws CommandError that says what to do
 */
export function connectionFrom(env: Environment): Connection {
  const token = env['TOLLGATE_TOKEN'];
  const url = env['TOLLGATE_ADMIN_URL'];
  if (token !== undefined && token !== '') return { url: readUrl(url ?? PRESET_URL), token };
  const file = profileFile(env);
  const read = readProfile(file);
  if (read?.token === undefined) {
    throw new CommandError(
      'There is no token to manage with.',
      `Set TOLLGATE_TOKEN, or write {"url": "${PRESET_URL}", "token": "…"} into ${file} and run: chmod 600 ${file}`,
    );
  }
  const known = read.url ?? PRESET_URL;
  if (url !== undefined && readUrl(url) !== readUrl(known)) {
    throw new CommandError(
      `TOLLGATE_ADMIN_URL is ${url}, but the token of ${file} is for ${known}.`,
      'Set TOLLGATE_TOKEN too, or unset TOLLGATE_ADMIN_URL.',
    );
  }
  return { url: readUrl(known), token: read.token };
}

function profileFile(env: Environment): string {
  const settings = env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? homedir(), '.config');
  return env['TOLLGATE_PROFILE'] || join(settings, 'tollgate', 'profile.json');
}

/** The profile in the file; null when there is no file. */
function readProfile(file: string): z.output<typeof profile> | null {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return null;
  // Whoever else can read or write it could take the token, or send it elsewhere.
  if ((found.mode & 0o077) !== 0) {
    throw new CommandError(`Others than you may read or change ${file}.`, `Run: chmod 600 ${file}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new CommandError(`${file} is not JSON.`, 'Write {"url": "…", "token": "…"} into it.');
  }
  const read = profile.safeParse(content);
  if (read.success) return read.data;
  throw new CommandError(
    `${file} is not a profile.`,
    'It has "url" and "token", both texts, and nothing else.',
  );
}

function readUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') {
    return url.href.replace(/\/+$/, '');
  }
  throw new CommandError(
    `"${text}" is not the address of a management API.`,
    `Set TOLLGATE_ADMIN_URL to one such as ${PRESET_URL}.`,
  );
}
