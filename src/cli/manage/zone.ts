import { type Command, Option } from 'commander';
import { z } from 'zod';
import { zoneSchema } from '../../control/zones/wire.ts';
import { addressIn } from './arguments.ts';
import { clientFor, gather, type ManageContext, type OutputOptions, print, withJson } from './context.ts';
import { zoneId } from './named.ts';
import { fields, table } from './table.ts';

type Zone = z.output<typeof zoneSchema>;

const ZONES = '/api/v1/zones';

interface ZoneOptions extends OutputOptions {
  readonly name?: string;
  readonly gateway?: readonly string[];
  readonly proxy?: readonly string[];
  readonly usage?: string;
  readonly force?: true;
}

/** `tollgate zone …`. */
export function addZone(program: Command, context: ManageContext): void {
  const zone = program.command('zone').description('Manage network zones.');
  withJson(zone.command('list').description('List all zones.')).action(async (options: OutputOptions) => {
    const body = await clientFor(context).all(ZONES);
    print(context, options, body, () => table(COLUMNS, z.array(zoneSchema).parse(body)));
  });
  withJson(zone.command('show <zone>').description('Show one zone, by id or name.')).action(
    async (name: string, options: OutputOptions) => {
      const client = clientFor(context);
      const { body } = await client.ask('GET', `${ZONES}/${await zoneId(client, name)}`);
      print(context, options, body, () => described(body));
    },
  );
  withAddresses(zone.command('create <name>').description('Make an IP zone.')).action(
    async (name: string, options: ZoneOptions) => {
      const content = { type: 'IP', name, ...listsIn(options) };
      const { body } = await clientFor(context).ask('POST', `${ZONES}${forced(options)}`, content);
      print(context, options, body, () => described(body));
    },
  );
  withAddresses(
    zone.command('update <zone>').description('Change what is given of a zone; lists are replaced.'),
  )
    .option('--name <name>', 'another name')
    .action(async (zoneName: string, options: ZoneOptions) => {
      const client = clientFor(context);
      const path = `${ZONES}/${await zoneId(client, zoneName)}`;
      const read = await client.ask('GET', path);
      const before = z.looseObject({}).parse(read.body);
      const name = options.name === undefined ? {} : { name: options.name };
      const changed = { ...before, ...name, ...listsIn(options) };
      const { body } = await client.ask('PUT', path + forced(options), changed, read.etag);
      print(context, options, body, () => described(body));
    });
  for (const step of ['activate', 'deactivate'] as const) {
    withJson(
      zone.command(`${step} <zone>`).description(`Set a zone ${step === 'activate' ? '' : 'in'}active.`),
    )
      .option('--force', 'even if that locks out the token you are using')
      .action(async (name: string, options: ZoneOptions) => {
        const client = clientFor(context);
        const path = `${ZONES}/${await zoneId(client, name)}/lifecycle/${step}`;
        const { body } = await client.ask('POST', path + forced(options));
        print(context, options, body, () => described(body));
      });
  }
  zone
    .command('delete <zone>')
    .description('Delete a zone that is inactive and that no token refers to.')
    .action(async (name: string) => {
      const client = clientFor(context);
      await client.ask('DELETE', `${ZONES}/${await zoneId(client, name)}`);
      context.out.write(`Deleted ${name}.\n`);
    });
}

function withAddresses(command: Command): Command {
  return withJson(command)
    .addOption(
      new Option(
        '--gateway <addresses>',
        'where callers stand: a network, range or address; can be repeated',
      ).argParser(gather),
    )
    .addOption(
      new Option(
        '--proxy <addresses>',
        'a hop that is trusted to name the one before; can be repeated',
      ).argParser(gather),
    )
    .addOption(new Option('--usage <usage>', 'what it is for').choices(['POLICY', 'BLOCKLIST']))
    .option('--force', 'even if that locks out the token you are using');
}

/** The fields of a body that the options give. */
function listsIn({ gateway, proxy, usage }: ZoneOptions) {
  return {
    ...(gateway === undefined ? {} : { gateways: gateway.map(addressIn) }),
    ...(proxy === undefined ? {} : { proxies: proxy.map(addressIn) }),
    ...(usage === undefined ? {} : { usage }),
  };
}

const forced = ({ force }: ZoneOptions) => (force ? '?force=true' : '');

const values = (list: Zone['gateways']) => list?.map(({ value }) => value).join(',') || '-';

const COLUMNS = [
  ['id', ({ id }: Zone) => id],
  ['name', ({ name }: Zone) => name],
  ['type', ({ type }: Zone) => type],
  ['usage', ({ usage }: Zone) => usage],
  ['status', ({ status }: Zone) => status],
  ['gateways', ({ gateways }: Zone) => values(gateways)],
  ['proxies', ({ proxies }: Zone) => values(proxies)],
] as const;

function described(body: unknown): string {
  const zone = zoneSchema.parse(body);
  return fields([
    ...COLUMNS.map(([heading, cell]) => [heading, cell(zone)] as const),
    ['last updated', zone.lastUpdated],
  ]);
}
