import { type Command, Option } from 'commander';
import { z } from 'zod';
import { rolesIn } from './arguments.ts';
import type { ManagementClient } from './client.ts';
import { CommandError } from './command-error.ts';
import { clientFor, type ManageContext, type OutputOptions, print, query, withJson } from './context.ts';
import { fields, table } from './table.ts';

const USERS = '/api/v1/users';

const userSchema = z.object({
  id: z.string(),
  status: z.string(),
  created: z.string(),
  profile: z.object({ login: z.string(), firstName: z.string(), lastName: z.string() }),
});
const rolesSchema = z.array(z.object({ id: z.string(), type: z.string() }));
type User = z.output<typeof userSchema>;

const pathOf = (user: string) => `${USERS}/${encodeURIComponent(user)}`;

/** `tollgate user …`. Users are named by id or login; `me` is whose token is used. */
export function addUser(program: Command, context: ManageContext): void {
  const user = program.command('user').description('Manage the owners of tokens.');
  withJson(user.command('list').description('List users; deactivated ones only with --filter.'))
    .option('--q <text>', 'only those whose name or login begins with this')
    .option('--filter <filter>', 'such as: status eq "DEPROVISIONED"')
    .action(async (options: OutputOptions & { readonly q?: string; readonly filter?: string }) => {
      const { q, filter } = options;
      const body = await clientFor(context).all(`${USERS}${query({ q, filter, limit: '200' })}`);
      print(context, options, body, () => table(COLUMNS, z.array(userSchema).parse(body)));
    });
  withJson(
    user.command('show <user>').description('Show one user and its roles, by id, login or "me".'),
  ).action(async (name: string, options: OutputOptions) => show(context, options, name));
  withJson(user.command('create <login>').description('Make an active user.'))
    .requiredOption('--first-name <name>', 'the first name')
    .requiredOption('--last-name <name>', 'the last name')
    .addOption(
      new Option('--role <role>', 'a role, such as READ_ONLY_ADMIN; can be repeated').argParser(rolesIn),
    )
    .action(async (login: string, options: OutputOptions & CreateOptions) => {
      const client = clientFor(context);
      const profile = { login, email: login, firstName: options.firstName, lastName: options.lastName };
      const { id } = userSchema.parse((await client.ask('POST', USERS, { profile })).body);
      for (const type of options.role ?? []) await giveNew(client, id, login, type);
      await show(context, options, id);
    });
  withJson(user.command('update <user>').description('Change what is given of a user.'))
    .option('--login <login>', 'another login, which nobody else has')
    .option('--first-name <name>', 'another first name')
    .option('--last-name <name>', 'another last name')
    .option('--email <address>', 'another e-mail address')
    .action(async (name: string, { json, ...profile }: OutputOptions & ProfileOptions) => {
      if (Object.keys(profile).length === 0) {
        throw new CommandError('Nothing says what to change.', 'See: tollgate user update --help');
      }
      const client = clientFor(context);
      const { id } = userSchema.parse((await client.ask('POST', pathOf(name), { profile })).body);
      await show(context, json === undefined ? {} : { json }, id);
    });
  for (const step of ['activate', 'deactivate', 'suspend', 'unsuspend'] as const) {
    user
      .command(`${step} <user>`)
      .description(STEPS[step])
      .action(async (name: string) => {
        const client = clientFor(context);
        await client.ask('POST', `${pathOf(await idOf(client, name))}/lifecycle/${step}`);
        await show(context, {}, name);
      });
  }
  user
    .command('grant <user> <role>')
    .description('Give a user a role, which its tokens have at once.')
    .action(async (name: string, type: string) => {
      const client = clientFor(context);
      await client.ask('POST', `${pathOf(await idOf(client, name))}/roles`, { type: type.toUpperCase() });
      await show(context, {}, name);
    });
  user
    .command('withdraw <user> <role>')
    .description('Take a role away from a user, and from its tokens at once.')
    .action(async (name: string, type: string) => {
      const client = clientFor(context);
      const path = `${pathOf(await idOf(client, name))}/roles`;
      const roles = rolesSchema.parse((await client.ask('GET', path)).body);
      const role = roles.find((each) => each.type === type.toUpperCase());
      if (role === undefined) {
        throw new CommandError(`${name} does not have the role ${type}.`, `See: tollgate user show ${name}`);
      }
      await client.ask('DELETE', `${path}/${role.id}`);
      await show(context, {}, name);
    });
}

interface ProfileOptions {
  readonly login?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly email?: string;
}

interface CreateOptions {
  readonly firstName: string;
  readonly lastName: string;
  readonly role?: readonly string[];
}

const STEPS = {
  activate: 'Make a user active again.',
  deactivate: 'Deactivate a user: its tokens are refused.',
  suspend: 'Suspend a user: its tokens are refused for the time being.',
  unsuspend: 'Make a suspended user active again.',
};

/** Gives a user who was made just now a role; where that is refused, the user is there all the same. */
async function giveNew(client: ManagementClient, id: string, login: string, type: string): Promise<void> {
  try {
    await client.ask('POST', `${pathOf(id)}/roles`, { type });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      error.message,
      `The user ${login} is made, without that role. Who may can give it: tollgate user grant ${login} ${type}`,
    );
  }
}

/** Paths other than the user's own take ids alone. */
async function idOf(client: ManagementClient, name: string): Promise<string> {
  return userSchema.parse((await client.ask('GET', pathOf(name))).body).id;
}

async function show(context: ManageContext, options: OutputOptions, name: string): Promise<void> {
  const client = clientFor(context);
  const { body } = await client.ask('GET', pathOf(name));
  const read = userSchema.parse(body);
  const roles = rolesSchema.parse((await client.ask('GET', `${pathOf(read.id)}/roles`)).body);
  print(context, options, body, () =>
    fields([
      ...COLUMNS.map(([heading, cell]) => [heading, cell(read)] as const),
      ['roles', roles.map(({ type }) => type).join(', ') || '-'],
    ]),
  );
}

const COLUMNS = [
  ['id', ({ id }: User) => id],
  ['login', ({ profile }: User) => profile.login],
  ['name', ({ profile }: User) => `${profile.firstName} ${profile.lastName}`],
  ['status', ({ status }: User) => status],
  ['created', ({ created }: User) => created],
] as const;
