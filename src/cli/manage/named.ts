/** People name records as they know them: by id, or by a name that only one of them has. */
import { z } from 'zod';
import type { ManagementClient } from './client.ts';
import { CommandError } from './command-error.ts';
import { query } from './context.ts';

const named = z.array(z.object({ id: z.string(), name: z.string() }));

/** The id of a token; `current` stays. */
export async function tokenId(client: ManagementClient, text: string): Promise<string> {
  if (/^00T\w{17}$/.test(text)) return text;
  return only('token', text, await client.all(`/api/v1/api-tokens${query({ q: text })}`));
}

export async function zoneId(client: ManagementClient, text: string): Promise<string> {
  if (/^nzo\w{17}$/.test(text)) return text;
  return only('zone', text, await client.all('/api/v1/zones'));
}

export async function agentId(client: ManagementClient, text: string): Promise<string> {
  if (/^a53\w{17}$/.test(text)) return text;
  return only('agent', text, await client.all('/api/v1/agents'));
}

function only(kind: string, name: string, items: readonly unknown[]): string {
  const found = named.parse(items).filter((item) => item.name === name);
  const [first, ...others] = found;
  if (first === undefined) {
    throw new CommandError(
      `There is no ${kind} with the name or id "${name}".`,
      `See what there is: tollgate ${kind} list`,
    );
  }
  if (others.length === 0) return first.id;
  const ids = found.map(({ id }) => id).join(', ');
  throw new CommandError(`Several are called "${name}": ${ids}.`, 'Name the one you mean by its id.');
}
