/**
 * What a gateway takes beside processor time: memory of idle connections, the time of a start, and what a second worker
 * brings: `npm run bench:footprint`. See docs/benchmarks.md.
 */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { measureColdStarts } from './footprint/cold-start.ts';
import { canShareCores } from './footprint/core-share.ts';
import { measureIdle, mostConnections } from './footprint/idle.ts';
import { measureWorkers, type WorkersRow, type WorkersTurn } from './footprint/workers.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { isInstalled } from './peers/process-tree.ts';
import { makeSurroundings } from './peers/surroundings.ts';
import { quantile } from './quantile.ts';
import { median } from './report.ts';
import { writeResults } from './results.ts';
import { table } from './table.ts';

const TOKENS = 1_000;
const MIB = 2 ** 20;
const KIB = 2 ** 10;
const WANTED_START_MS = 500;
/** Of a core for each worker, so that two of them, load, upstream and Redis have room on two cores. */
const WORKER_PART = 0.25;

const given = new Command('npm run bench:footprint --')
  .description('Measures memory of idle connections, starts, and workers. Needs nginx and wrk.')
  .option(
    '--connections <number>',
    'idle connections, as far as ulimit -n lets',
    wholeNumber(100_000),
    10_000,
  )
  .option('--starts <number>', 'how often each program is started', wholeNumber(100), 10)
  .option('--rounds <number>', 'how often one and two workers take turns', wholeNumber(50), 5)
  .option('--seconds <number>', 'how long a turn is', wholeNumber(60), 3)
  .option('--smoke', 'a few of everything, to see that it works', false)
  .parse()
  .opts<{
    readonly connections: number;
    readonly starts: number;
    readonly rounds: number;
    readonly seconds: number;
    readonly smoke: boolean;
  }>();
const options = given.smoke ? { ...given, connections: 100, starts: 1, rounds: 1, seconds: 1 } : given;

for (const [command, name] of [
  ['wrk', 'wrk'],
  ['nginx', 'nginx'],
] as const) {
  if (!isInstalled(command)) throw new Error(`${command} is missing: Debian's package ${name} brings it`);
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const machine = describeMachine();
say(machine);
const starts = await measureColdStarts(options.starts);
reportStarts();
const connections = Math.min(options.connections, mostConnections());
if (connections < options.connections)
  say(`\nulimit -n lets a gateway have ${connections} of ${options.connections} connections.`);
const around = await makeSurroundings(TOKENS);
try {
  const idle = await measureIdle(around, connections, say);
  const bytesEach = idle.map((row) => ({
    name: row.name,
    value: (row.with - row.without) / row.connections / KIB,
  }));
  say(
    `\n${table(
      ['row', 'what it does', 'MiB without', `MiB with ${connections}`, 'KiB a connection'],
      idle.map((row, at) => [
        ...[row.name, row.does, (row.without / MIB).toFixed(1), (row.with / MIB).toFixed(1)],
        (bytesEach[at]?.value ?? Number.NaN).toFixed(1),
      ]),
    )}`,
  );
  const workers = await measureWorkers(around, options.rounds, options.seconds, null);
  reportWorkers('workers', workers);
  say(
    `Load, upstream and Redis run on the same ${availableParallelism()} cores: with fewer than four of them, requests/s say ` +
      'what is left of a core, not what a second worker could carry.',
  );
  const limited = canShareCores()
    ? await measureWorkers(around, options.rounds, options.seconds, WORKER_PART)
    : [];
  if (limited.length > 0) reportWorkers(`workers, each with ${WORKER_PART} of a core`, limited);
  else say('Workers with a part of a core each are not measured: it takes root, and cgroup v1.');
  if (!given.smoke) {
    writeResults(
      'footprint',
      { takenAt: new Date().toISOString(), machine, starts, idle, workers, limited },
      [{ name: 'idle', title: 'Memory of an idle connection', unit: 'KiB', bars: bytesEach }],
    );
  }
} finally {
  await around.end();
}

function reportWorkers(head: string, rows: readonly WorkersRow[]): void {
  const of = ({ turns }: WorkersRow, what: (turn: WorkersTurn) => number) => median(turns.map(what));
  const requests = rows.map((row) => of(row, (turn) => turn.requestsPerSecond));
  say(
    `\n${table(
      [head, 'CPU µs/request', 'requests/s', 'times those of one', 'p99 ms'],
      rows.map((row, at) => [
        String(row.workers),
        of(row, (turn) => turn.cpuMicroseconds).toFixed(1),
        (requests[at] ?? 0).toFixed(0),
        ((requests[at] ?? 0) / (requests[0] ?? 0)).toFixed(2),
        of(row, (turn) => turn.p99Ms).toFixed(2),
      ]),
    )}`,
  );
}

function reportStarts(): void {
  const rows = starts.map(({ name, took }) => [
    name,
    ...[0.5, 0, 1].map((part) => quantile(took, part).toFixed(0)),
    String(took.length),
  ]);
  const head = ['cold start to the first answer', 'median ms', 'least', 'most', 'starts'];
  say(`\n${table(head, rows)}\nWanted: under ${WANTED_START_MS} ms.`);
}
