/** The file of profiles: where management APIs are, and the token for each. Only its owner may read it. */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../config/environment.ts';
import { CommandError } from './command-error.ts';

const profile = z.strictObject({
  url: z.string(),
  token: z.string(),
  /** Whether the token may go over plain http to another machine. */
  insecure: z.boolean().optional(),
});
const profiles = z.strictObject({
  /** The one that is used where none is named. */
  current: z.string(),
  profiles: z.record(z.string(), profile),
});

export type Profile = z.output<typeof profile>;
export type Profiles = z.output<typeof profiles>;

export const NO_PROFILES: Profiles = Object.freeze({ current: 'default', profiles: {} });

/** Names that need no quotes in any shell. */
const NAME = /^[\w.-]{1,64}$/;

/** `TOLLGATE_PROFILES`, else `tollgate/profiles.json` where the user's settings are. */
export function profilesFile(env: Environment): string {
  const settings = env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? homedir(), '.config');
  return env['TOLLGATE_PROFILES'] || join(settings, 'tollgate', 'profiles.json');
}

/**
 * What the file holds; nothing when there is none.
 * @throws CommandError when others can read it, or it is not a file of profiles
 */
export function readProfiles(file: string): Profiles {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return NO_PROFILES;
  // Whoever else can read or write it could take the token, or send it elsewhere.
  if ((found.mode & 0o077) !== 0) {
    throw new CommandError(`Others than you may read or change ${file}.`, `Run: chmod 600 ${file}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new CommandError(`${file} is not JSON.`, 'Move it away and run: tollgate login');
  }
  const read = profiles.safeParse(content);
  if (read.success) return read.data;
  throw new CommandError(`${file} is not a file of profiles.`, 'Move it away and run: tollgate login');
}

/** Writes the file in one step, so that nobody reads half of it, and for its owner alone from the first moment. */
export function writeProfiles(file: string, content: Profiles): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(next, file);
}

/** @throws CommandError for a name that no profile can have */
export function checkName(name: string): void {
  if (NAME.test(name) && !Object.hasOwn(Object.prototype, name)) return;
  throw new CommandError(
    `"${name}" cannot be the name of a profile.`,
    'Use 1 to 64 letters, digits and any of . _ -',
  );
}

/** The profile with that name; null when there is none. */
export function profileIn({ profiles }: Profiles, name: string): Profile | null {
  return Object.hasOwn(profiles, name) ? (profiles[name] ?? null) : null;
}
