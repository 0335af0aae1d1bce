/** From where a token may be used, as options of the command line. */
import { type Command, Option } from 'commander';
import { ALL_IP_ZONES } from '../../domain/network-condition.ts';
import type { ManagementClient } from './client.ts';
import { CommandError } from './command-error.ts';
import { gather } from './context.ts';
import { zoneId } from './named.ts';

export interface NetworkOptions {
  readonly anywhere?: true;
  readonly anyZone?: true;
  readonly outsideZones?: true;
  readonly inZone?: readonly string[];
  readonly notInZone?: readonly string[];
}

/** The five modes of Okta's console, of which at most one can be chosen. */
export function withNetwork(command: Command): Command {
  return command
    .option('--anywhere', 'from any address')
    .option('--any-zone', 'from within any network zone')
    .addOption(new Option('--in-zone <zone>', 'from within this zone; can be repeated').argParser(gather))
    .option('--outside-zones', 'from outside all network zones')
    .addOption(
      new Option('--not-in-zone <zone>', 'from outside this zone; can be repeated').argParser(gather),
    );
}

/** The network condition that the options ask for; undefined when they ask for none. */
export async function networkFrom(client: ManagementClient, options: NetworkOptions): Promise<unknown> {
  const { anywhere, anyZone, outsideZones, inZone, notInZone } = options;
  const chosen = [anywhere, anyZone, outsideZones, inZone, notInZone].filter((one) => one !== undefined);
  if (chosen.length > 1) {
    throw new CommandError(
      'A token is used either anywhere, or within zones, or outside of zones.',
      'Give one of --anywhere, --any-zone, --in-zone, --outside-zones and --not-in-zone.',
    );
  }
  const ids = (names: readonly string[]) => Promise.all(names.map((name) => zoneId(client, name)));
  if (anywhere) return { connection: 'ANYWHERE' };
  if (anyZone) return { connection: 'ZONE', include: [ALL_IP_ZONES] };
  if (outsideZones) return { connection: 'ZONE', exclude: [ALL_IP_ZONES] };
  if (inZone) return { connection: 'ZONE', include: await ids(inZone) };
  if (notInZone) return { connection: 'ZONE', exclude: await ids(notInZone) };
  return undefined;
}
