/**
 * What one budget for a whole fleet costs: four gateways and a real Redis, asked for more than there is. First whole
 * gateways over HTTP, then their ledgers alone (docs/benchmarks.md, docs/limits.md). Wants `redis-server` on the PATH,
 * or TEST_REDIS_SERVER.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type FleetExtent, type FleetRow, HIT_US, measureGateways, type Refusing } from './fleet/gateways.ts';
import { LEDGER_HEAD, measureLedgers } from './fleet/ledger.ts';
import { MAXIMA, SCENARIOS } from './fleet/scenarios.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { writeResults } from './results.ts';
import { table } from './table.ts';

interface Options {
  readonly only: 'all' | 'gateways' | 'ledgers';
  readonly gateways: number;
  readonly window: number;
  readonly connections: number;
  readonly maxima: readonly number[];
  readonly smoke: boolean;
}

const HEAD = [
  'whole gateways',
  'maximum',
  'admitted',
  'of it',
  'refused',
  'commands/admitted',
  'leases asked for/admitted',
  'commands while all are refused',
  'commands/refused',
  'p99 of limit µs',
  `limit ≤ ${HIT_US} µs`,
];

const options = new Command('npm run bench:fleet --')
  .description('Measures what budgets that a fleet shares admit, and what they cost.')
  .addOption(new Option('--only <part>', 'one part').choices(['all', 'gateways', 'ledgers']).default('all'))
  .option('--gateways <number>', 'how many gateways share the budgets', wholeNumber(16), 4)
  .option('--window <seconds>', 'length of the window; 10 to 20 keep the run short', wholeNumber(3600), 20)
  .option('--connections <number>', 'connections to each gateway', wholeNumber(1024), 16)
  .option('--maxima <numbers>', 'maxima of a window, separated by commas', wholeNumbers, MAXIMA)
  .option('--smoke', 'two gateways and one short window, to see that it works', false)
  .parse()
  .opts<Options>();

const machine = describeMachine();
process.stdout.write(`${machine}\n`);
if (options.smoke) {
  process.stdout.write(`\n${format(await measureGateways(smokeExtent()))}\n`);
} else {
  if (options.only !== 'ledgers') await reportGateways({ ...options, scenarios: SCENARIOS });
  if (options.only !== 'gateways') process.stdout.write(`\n${table(LEDGER_HEAD, await measureLedgers())}\n`);
}

function smokeExtent(): FleetExtent {
  return { gateways: 2, window: 3, connections: 4, maxima: [50], scenarios: SCENARIOS.slice(0, 1) };
}

async function reportGateways(extent: FleetExtent): Promise<void> {
  const rows = await measureGateways(extent);
  const { gateways, window, connections } = extent;
  process.stdout.write(
    `Gateways: ${gateways}; window: ${window} s; connections to each: ${connections}\n\n${format(rows)}\n`,
  );
  const takenAt = new Date().toISOString();
  writeResults('fleet', { takenAt, machine, gateways, window, connections, rows }, [
    {
      name: 'admitted',
      title: 'What a fleet admits of a maximum',
      unit: '% of it',
      bars: rows.map(({ name, max, admitted }) => ({
        name: `${name}, ${max}`,
        value: (admitted / max) * 100,
      })),
    },
  ]);
}

function format(rows: readonly FleetRow[]): string {
  return table(
    HEAD,
    rows.map((row) => [
      row.name,
      String(row.max),
      String(row.admitted),
      shareUsed(row),
      String(row.refused),
      row.callsPerAdmitted.toFixed(4),
      (row.askedRedis / row.admitted).toFixed(4),
      ...whileRefusing(row.refusing),
      `≤ ${row.limitP99Us.toFixed(0)}`,
      `${(row.hits * 100).toFixed(2)} %`,
    ]),
  );
}

/** All that Redis ran meanwhile and what it would have run anyway; and what is left of that for a refused request. */
function whileRefusing(refusing: Refusing | null): string[] {
  if (refusing === null) return ['–', '–'];
  const { refused, calls, background, leaseAsks } = refusing;
  const beyond = (calls - background) / refused;
  return [`${calls}, background ${background.toFixed(0)}, for leases ${leaseAsks}`, `${beyond.toFixed(6)}`];
}

/** What was admitted of the maximum, and why that says nothing where it does not. */
function shareUsed({ admitted, max, usedUp, windows }: FleetRow): string {
  const part = `${((admitted / max) * 100).toFixed(2)} %`;
  if (windows > 1) return `${part} (${windows} windows)`;
  return usedUp ? part : `${part} (too little load)`;
}

function wholeNumbers(text: string): number[] {
  const read = wholeNumber(10_000_000);
  const all = text.split(',').map(read);
  if (all.length === 0) throw new InvalidArgumentError('At least one number is needed.');
  return all;
}
