import type { Command } from 'commander';
import { z } from 'zod';
import { ManagementClient } from './client.ts';
import { CommandError } from './command-error.ts';
import { connectionTo, PRESET_URL } from './connection.ts';
import type { ManageContext } from './context.ts';
import {
  checkName,
  type Profile,
  type Profiles,
  profileIn,
  profilesFile,
  readProfiles,
  writeProfiles,
} from './profiles.ts';
import { table } from './table.ts';

const me = z.object({ profile: z.object({ login: z.string() }) });

/** `tollgate login` and `tollgate profile …`: tokens that are kept for later commands. */
export function addProfile(program: Command, context: ManageContext): void {
  program
    .command('login')
    .description('Keep a token for later commands. Its secret is asked for, or read from standard input.')
    .option('--url <address>', 'the address of the management API', PRESET_URL)
    .option('--profile <name>', 'the name to keep it under', 'default')
    .action((options: { readonly url: string; readonly profile: string }) => login(context, options));
  const profile = program.command('profile').description('Manage the tokens that are kept.');
  profile
    .command('list')
    .description('List the profiles; none of their tokens.')
    .action(() => {
      context.out.write(listed(readProfiles(profilesFile(context.env))));
    });
  profile
    .command('use <profile>')
    .description('Make a profile the one that commands use.')
    .action((name: string) => {
      const { file, known } = found(context, name);
      writeProfiles(file, { ...known, current: name });
      context.out.write(`${name} is used from now on.\n`);
    });
  profile
    .command('remove <profile>')
    .description('Forget a profile. Its token stays valid: revoke it too if nobody needs it.')
    .action((name: string) => {
      const { file, known } = found(context, name);
      const { [name]: _, ...others } = known.profiles;
      writeProfiles(file, { ...known, profiles: others });
      context.out.write(`Forgot ${name}.\n`);
    });
}

async function login(
  context: ManageContext,
  { url, profile: name }: { readonly url: string; readonly profile: string },
): Promise<void> {
  checkName(name);
  const insecure = context.isInsecure();
  const file = profilesFile(context.env);
  // Before the secret is asked for: whatever is wrong with these is wrong with any.
  const known = readProfiles(file);
  connectionTo(url, '', insecure);
  const token = (await context.readSecret('Secret of the token: ')).trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CommandError(
      'That is not the secret of a token.',
      'Give it whole, on one line, and nothing else.',
    );
  }
  const connection = connectionTo(url, token, insecure);
  const { body } = await new ManagementClient(connection).ask('GET', '/api/v1/users/me');
  const kept: Profile = { ...connection, ...(insecure ? { insecure } : {}) };
  writeProfiles(file, { current: name, profiles: { ...known.profiles, [name]: kept } });
  context.out.write(`Kept as ${name} in ${file}: ${me.parse(body).profile.login} on ${connection.url}.\n`);
}

function found({ env }: ManageContext, name: string): { readonly file: string; readonly known: Profiles } {
  const file = profilesFile(env);
  const known = readProfiles(file);
  if (profileIn(known, name) !== null) return { file, known };
  throw new CommandError(`There is no profile "${name}".`, 'See what there is: tollgate profile list');
}

function listed({ current, profiles }: Profiles): string {
  return table(
    [
      ['', ([name]) => (name === current ? '*' : ' ')],
      ['profile', ([name]) => name],
      ['address', ([, { url }]) => url],
    ],
    Object.entries(profiles),
  );
}
