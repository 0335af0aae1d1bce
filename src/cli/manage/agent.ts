import type { Command } from 'commander';
import { z } from 'zod';
import { agentSchema, agentWithTokenSchema } from '../../control/agents/wire.ts';
import { clientFor, type ManageContext, type OutputOptions, print, withJson } from './context.ts';
import { agentId } from './named.ts';
import { fields, table } from './table.ts';

type Agent = z.output<typeof agentSchema>;

const AGENTS = '/api/v1/agents';

/** `tollgate agent …`. */
export function addAgent(program: Command, context: ManageContext): void {
  const agent = program.command('agent').description('Manage installed agents and their tokens.');
  withJson(agent.command('list').description('List all agents.')).action(async (options: OutputOptions) => {
    const body = await clientFor(context).all(AGENTS);
    print(context, options, body, () => table(COLUMNS, z.array(agentSchema).parse(body)));
  });
  withJson(agent.command('show <agent>').description('Show one agent, by id or name.')).action(
    async (name: string, options: OutputOptions) => {
      const client = clientFor(context);
      const { body } = await client.ask('GET', `${AGENTS}/${await agentId(client, name)}`);
      print(context, options, body, () => described(body));
    },
  );
  withJson(agent.command('register <name>').description("Make an agent; shows its token's secret once."))
    .requiredOption('--kind <kind>', 'AD, LDAP, RADIUS, …')
    .action(async (name: string, options: OutputOptions & { readonly kind: string }) => {
      const { body } = await clientFor(context).ask('POST', AGENTS, { name, kind: options.kind });
      print(context, options, body, () => withSecret(body));
    });
  withJson(agent.command('activate <agent>').description('Let an agent act again.')).action(
    async (name: string, options: OutputOptions) => {
      const client = clientFor(context);
      const path = `${AGENTS}/${await agentId(client, name)}/lifecycle/activate`;
      const { body } = await client.ask('POST', path);
      print(context, options, body, () => withSecret(body));
    },
  );
  withJson(agent.command('deactivate <agent>').description('Stop an agent: its tokens are refused.')).action(
    async (name: string, options: OutputOptions) => {
      const client = clientFor(context);
      const path = `${AGENTS}/${await agentId(client, name)}/lifecycle/deactivate`;
      const { body } = await client.ask('POST', path);
      print(context, options, body, () => described(body));
    },
  );
  agent
    .command('delete <agent>')
    .description('Delete an agent that is not active.')
    .action(async (name: string) => {
      const client = clientFor(context);
      await client.ask('DELETE', `${AGENTS}/${await agentId(client, name)}`);
      context.out.write(`Deleted ${name}.\n`);
    });
}

const COLUMNS = [
  ['id', ({ id }: Agent) => id],
  ['name', ({ name }: Agent) => name],
  ['kind', ({ kind }: Agent) => kind],
  ['status', ({ status }: Agent) => status],
  ['tokens', ({ tokenIds }: Agent) => tokenIds.join(',') || '-'],
] as const;

function described(body: unknown): string {
  const agent = agentSchema.parse(body);
  return fields(COLUMNS.map(([heading, cell]) => [heading, cell(agent)] as const));
}

function withSecret(body: unknown): string {
  const { token } = agentWithTokenSchema.parse(body);
  if (token === null) return described(body);
  return `${described(body)}\nThe secret of its token, shown now and never again:\n\n  ${token.secret}\n\n`;
}
