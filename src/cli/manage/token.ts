import type { Command } from 'commander';
import { z } from 'zod';
import { shareSchema } from '../../control/shares/wire.ts';
import { percentageIn } from './arguments.ts';
import type { ManagementClient } from './client.ts';
import { CommandError } from './command-error.ts';
import {
  clientFor,
  type ManageContext,
  type OutputOptions,
  print,
  printWith,
  query,
  withJson,
} from './context.ts';
import { tokenId } from './named.ts';
import { type NetworkOptions, networkFrom, withNetwork } from './network.ts';
import { fields } from './table.ts';
import { addTokenTop } from './token-top.ts';
import { tokenFields, tokenTable, tokenWithSecret } from './token-words.ts';

const TOKENS = '/api/v1/api-tokens';
const SHARES = '/api/v1/principal-rate-limits';

/** `tollgate token …`. */
export function addToken(program: Command, context: ManageContext): void {
  const token = program.command('token').description('Manage API tokens.');
  withJson(token.command('list').description('List the active tokens that you may see.'))
    .option('--q <text>', 'only those with this in their name')
    .option('--type <type>', 'only API, AD, LDAP, … or SUSPICIOUS')
    .option('--status <colour>', 'only green, gray, red or yellow')
    .option('--sort <field>', 'by name, created, lastUsed, expiresAt, type or status')
    .action(async (options: OutputOptions & Record<'q' | 'type' | 'status' | 'sort', string | undefined>) => {
      const { q, type, status, sort } = options;
      const client = clientFor(context);
      const body = await client.all(`${TOKENS}${query({ q, type, status, sortBy: sort })}`);
      await printWith(context, options, body, () => tokenTable(client, body));
    });
  addTokenTop(token, context);
  withJson(token.command('show <token>').description('Show one token, by id or name.')).action(
    async (name: string, options: OutputOptions) => {
      const client = clientFor(context);
      const { body } = await client.ask('GET', `${TOKENS}/${await tokenId(client, name)}`);
      await printWith(context, options, body, () => tokenFields(client, body));
    },
  );
  withNetwork(withJson(token.command('create <name>').description('Make a token; shows its secret once.')))
    .option('--for <user>', 'the owner, by id or login; you unless given')
    .option('--share <percent>', "its share of each endpoint's maximum", percentageIn)
    .action(async (name: string, options: NetworkOptions & OutputOptions & CreateOptions) => {
      const client = clientFor(context);
      const userId = options.for === undefined ? undefined : await ownerId(client, options.for);
      const network = await networkFrom(client, options);
      const { body } = await client.ask('POST', TOKENS, { name, userId, network, percentage: options.share });
      await printWith(context, options, body, () => tokenWithSecret(client, body));
    });
  withNetwork(withJson(token.command('restrict <token>').description('Set from where a token may be used.')))
    .option('--force', 'even if that locks out the token you are using')
    .action(async (name: string, options: NetworkOptions & OutputOptions & { readonly force?: true }) => {
      const client = clientFor(context);
      const network = await networkFrom(client, options);
      if (network === undefined) {
        throw new CommandError('Nothing says from where.', 'See: tollgate token restrict --help');
      }
      const force = options.force ? 'true' : undefined;
      const path = `${TOKENS}/${await tokenId(client, name)}${query({ force })}`;
      const { body } = await client.ask('PUT', path, { network });
      await printWith(context, options, body, () => tokenFields(client, body));
    });
  withJson(token.command('share').description("Set a token's share of the maxima."))
    .argument('<token>')
    .argument('<percent>', 'from 0 to 100', percentageIn)
    .option('--endpoint <name>', 'at this endpoint only')
    .option('--concurrency', 'of what may be under way at once')
    .action(async (name: string, percent: number, options: OutputOptions & ShareOptions) => {
      const client = clientFor(context);
      const body = await setShare(client, await tokenId(client, name), percent, options);
      print(context, options, body, () => shareLine(body));
    });
  withJson(token.command('rotate <token>').description('Give a token a new secret; shows it once.'))
    .option('--overlap <duration>', 'how long the old one is still taken', 'PT24H')
    .action(async (name: string, options: OutputOptions & { readonly overlap: string }) => {
      const client = clientFor(context);
      const path = `${TOKENS}/${await tokenId(client, name)}/lifecycle/rotate`;
      const { body } = await client.ask('POST', path, { overlap: options.overlap });
      await printWith(context, options, body, () => tokenWithSecret(client, body));
    });
  token
    .command('revoke <token>')
    .description('Revoke a token for good; "current" is the one you are using.')
    .action(async (name: string) => {
      const client = clientFor(context);
      const id = name === 'current' ? name : await tokenId(client, name);
      await client.ask('DELETE', `${TOKENS}/${id}`);
      context.out.write(`Revoked ${name}.\n`);
    });
}

interface CreateOptions {
  readonly for?: string;
  readonly share?: number;
}

interface ShareOptions {
  readonly endpoint?: string;
  readonly concurrency?: true;
}

async function ownerId(client: ManagementClient, text: string): Promise<string> {
  const { body } = await client.ask('GET', `/api/v1/users/${encodeURIComponent(text)}`);
  return z.object({ id: z.string() }).parse(body).id;
}

/** Sets one percentage of a token's share, which is made if there is none. */
async function setShare(
  client: ManagementClient,
  id: string,
  percent: number,
  options: ShareOptions,
): Promise<unknown> {
  const principal = { principalId: id, principalType: 'SSWS_TOKEN' };
  const filter = `principalType eq "SSWS_TOKEN" and principalId eq "${id}"`;
  const [listed] = z.array(shareSchema).parse(await client.all(`${SHARES}${query({ filter })}`));
  if (listed === undefined) {
    const change = shareChange({}, percent, options);
    return (await client.ask('POST', SHARES, { ...principal, ...change })).body;
  }
  const path = `${SHARES}/${listed.id}`;
  const read = await client.ask('GET', path);
  const change = shareChange(shareSchema.parse(read.body).byEndpoint, percent, options);
  return (await client.ask('PUT', path, { ...principal, ...change }, read.etag)).body;
}

/** @param byEndpoint what the share has there, which a change replaces as a whole */
function shareChange(
  byEndpoint: Readonly<Record<string, number>>,
  percent: number,
  { endpoint, concurrency }: ShareOptions,
) {
  if (endpoint !== undefined) return { byEndpoint: { ...byEndpoint, [endpoint]: percent } };
  return concurrency ? { defaultConcurrencyPercentage: percent } : { defaultPercentage: percent };
}

function shareLine(body: unknown): string {
  const share = shareSchema.parse(body);
  return fields([
    ['token', share.principalId],
    ['share', `${share.defaultPercentage} %`],
    ['concurrency', `${share.defaultConcurrencyPercentage} %`],
    ...Object.entries(share.byEndpoint).map(([name, percent]) => [`at ${name}`, `${percent} %`] as const),
  ]);
}
