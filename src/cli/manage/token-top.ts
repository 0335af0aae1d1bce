import type { Command } from 'commander';
import type { z } from 'zod';
import { topSchema } from '../../control/usage/operations.ts';
import { clientFor, type ManageContext, type OutputOptions, print, query, withJson } from './context.ts';
import { table } from './table.ts';

type Busy = z.output<typeof topSchema>['tokens'][number];

const COLUMNS = [
  ['requests', ({ requests }: Busy) => String(requests)],
  ['id', ({ id }: Busy) => id],
  ['name', ({ name, revoked }: Busy) => (revoked ? `${name} (revoked)` : name)],
  ['owner', ({ ownerLogin, userId }: Busy) => ownerLogin ?? userId],
] as const;

/** `tollgate token top`. */
export function addTokenTop(token: Command, context: ManageContext): void {
  withJson(token.command('top').description('List the busiest tokens.'))
    .option('--hours <hours>', 'how far to look back, from 1 to 24', '1')
    .option('--limit <count>', 'how many to list, at most 100', '20')
    .action(async (options: OutputOptions & Record<'hours' | 'limit', string>) => {
      const { hours, limit } = options;
      const { body } = await clientFor(context).ask('GET', `/api/v1/usage/top${query({ hours, limit })}`);
      print(context, options, body, () => {
        const { since, tokens } = topSchema.parse(body);
        return tokens.length === 0 ? `No token was used since ${since}.\n` : table(COLUMNS, tokens);
      });
    });
}
