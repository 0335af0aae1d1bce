/** How a token is shown to people: as a row of a table, or as fields. */
import { z } from 'zod';
import { tokenSchema, tokenWithSecretSchema } from '../../control/tokens/wire.ts';
import { ALL_IP_ZONES } from '../../domain/network-condition.ts';
import type { ManagementClient } from './client.ts';
import { CommandError } from './command-error.ts';
import { fields, table } from './table.ts';

type Token = z.output<typeof tokenSchema>;

/** Names of zones by their ids. */
type ZoneNames = ReadonlyMap<string, string>;

const zonesSchema = z.array(z.object({ id: z.string(), name: z.string() }));

/** @param body the API's list of tokens */
export async function tokenTable(client: ManagementClient, body: unknown): Promise<string> {
  const tokens = z.array(tokenSchema).parse(body);
  return table(columns(await namesFor(client, tokens)), tokens);
}

/** @param body the API's token */
export async function tokenFields(client: ManagementClient, body: unknown): Promise<string> {
  const token = tokenSchema.parse(body);
  const { details } = token;
  const byEndpoint = Object.entries(details.byEndpoint).map(([name, percent]) => `; ${name}: ${percent} %`);
  const share = details.percentage === null ? 'the default' : `${details.percentage} %`;
  return fields([
    ...columns(await namesFor(client, [token])).map(([heading, cell]) => [heading, cell(token)] as const),
    ['created', token.created],
    ['share', `${share}${byEndpoint.join('')}`],
    ['old secret until', details.previousSecretValidUntil ?? '-'],
  ]);
}

/** @param body the API's token with its secret */
export async function tokenWithSecret(client: ManagementClient, body: unknown): Promise<string> {
  const { secret } = tokenWithSecretSchema.parse(body);
  return `${await tokenFields(client, body)}\nThe secret, shown now and never again:\n\n  ${secret}\n\n`;
}

const columns = (zones: ZoneNames) =>
  [
    ['id', ({ id }: Token) => id],
    ['name', ({ name }: Token) => name],
    ['owner', ({ details, userId }: Token) => details.ownerLogin ?? userId],
    ['role', ({ details }: Token) => details.roles.join(',') || '-'],
    ['status', ({ details }: Token) => details.status],
    ['type', ({ details }: Token) => details.type],
    ['network', ({ network }: Token) => networkWords(network, zones)],
    ['last used', ({ details }: Token) => details.lastUsed ?? 'never'],
    ['expires', ({ expiresAt }: Token) => expiresAt],
  ] as const;

function networkWords({ include, exclude }: Token['network'], zones: ZoneNames): string {
  const words = (ids: readonly string[]) =>
    ids.map((id) => (id === ALL_IP_ZONES ? 'any zone' : (zones.get(id) ?? id))).join(', ');
  if (include !== undefined) return `in ${words(include)}`;
  if (exclude !== undefined) return `not in ${words(exclude)}`;
  return 'anywhere';
}

/** The names of the zones, where one of the tokens refers to any; none where the caller may not see zones. */
async function namesFor(client: ManagementClient, tokens: readonly Token[]): Promise<ZoneNames> {
  if (tokens.every(({ network }) => network.connection === 'ANYWHERE')) return new Map();
  try {
    const zones = zonesSchema.parse(await client.all('/api/v1/zones'));
    return new Map(zones.map(({ id, name }) => [id, name]));
  } catch (error) {
    // A secret may have to be shown all the same, and ids say it too.
    if (error instanceof CommandError) return new Map();
    throw error;
  }
}
