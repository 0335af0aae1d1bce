import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { clientFor, type ManageContext, query, withJson } from './context.ts';
import { printable } from './table.ts';

const LOGS = '/api/v1/logs';

const eventSchema = z.looseObject({
  uuid: z.string(),
  published: z.string(),
  eventType: z.string(),
  displayMessage: z.string(),
  actor: z.looseObject({ alternateId: z.string() }),
  outcome: z.looseObject({ result: z.string(), reason: z.string().nullish() }),
  target: z.array(z.looseObject({ type: z.string(), displayName: z.string().nullish() })).nullish(),
  client: z.looseObject({ ipAddress: z.string().nullish() }),
});
type Event = z.output<typeof eventSchema>;

interface LogOptions {
  readonly json?: true;
  readonly filter?: string;
  readonly q?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
}

/** `tollgate log …`. With `--json`, one event a line. */
export function addLog(program: Command, context: ManageContext): void {
  const log = program.command('log').description('Read the System Log.');
  searching(log.command('list').description('Print the events of a time, the oldest first.'))
    .option('--since <time>', 'from this moment on; 7 days ago unless given')
    .option('--until <time>', 'up to this moment; now unless given')
    .option('--limit <count>', 'at most so many, the newest', '100')
    .action(async ({ since, until, filter, q, limit, json }: LogOptions) => {
      const parameters = { since, until, filter, q, limit, sortOrder: 'DESCENDING' };
      const { body } = await clientFor(context).ask('GET', LOGS + query(parameters));
      for (const event of z.array(eventSchema).parse(body).toReversed()) write(context, event, json);
    });
  searching(log.command('tail').description('Print the newest events, and all that follow, until stopped.'))
    .option('-n, --limit <count>', 'how many to begin with', '10')
    .action((options: LogOptions) => tail(context, options));
}

function searching(command: Command): Command {
  return withJson(command)
    .option('--filter <filter>', 'such as: eventType eq "system.api_token.revoke"')
    .option('--q <words>', 'only events that have all of these words');
}

/** Begins with the newest events, and then follows the log by the links that miss nothing. */
async function tail(context: ManageContext, { filter, q, limit, json }: LogOptions): Promise<void> {
  const { signal, pollMs } = context;
  const client = clientFor(context);
  // At least one, which says from where to go on.
  const atLeastOne = limit === '0' ? '1' : limit;
  const newest = await client.ask(
    'GET',
    LOGS + query({ filter, q, limit: atLeastOne, sortOrder: 'DESCENDING' }),
  );
  const before = z.array(eventSchema).parse(newest.body).toReversed();
  if (limit !== '0') for (const event of before) write(context, event, json);
  // What came in the same moment as the newest comes again in the first page, and is passed over.
  const seen = new Set(before.map(({ uuid }) => uuid));
  let next: string | null = LOGS + query({ filter, q, since: before.at(-1)?.published });
  while (!signal.aborted && next !== null) {
    const page = await client.ask('GET', next);
    const events = z.array(eventSchema).parse(page.body);
    for (const event of events.filter(({ uuid }) => !seen.has(uuid))) write(context, event, json);
    next = page.next;
    // Rejects when the signal ends the wait, and the loop looks at the signal itself.
    if (events.length === 0) await wait(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

function write({ out }: ManageContext, event: Event, json: true | undefined): void {
  out.write(json === true ? `${JSON.stringify(event)}\n` : `${line(event)}\n`);
}

function line({ published, eventType, actor, outcome, target, client }: Event): string {
  const targets = (target ?? []).map((each) => `${each.type} ${each.displayName ?? ''}`.trim());
  const reason = outcome.reason == null ? '' : ` (${outcome.reason})`;
  const parts = [
    published,
    outcome.result + reason,
    eventType,
    `by ${actor.alternateId}${client.ipAddress == null ? '' : ` from ${client.ipAddress}`}`,
    targets.length === 0 ? '' : `on ${targets.join(', ')}`,
  ];
  return printable(parts.join('  ').trimEnd());
}
