/**
 * What a gateway that is not saturated adds to the latency: `npm run bench:latency`. See docs/benchmarks.md.
 */
import { Command } from 'commander';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { missing, PEERS, type RunningPeer } from './peers/peers.ts';
import { isInstalled } from './peers/process-tree.ts';
import { LOAD_CORE, makeSurroundings } from './peers/surroundings.ts';
import { type Answered, type Asking, ask } from './peers/wrk.ts';
import { median } from './report.ts';
import { PATH, requestHeaders } from './request.ts';
import { writeResults } from './results.ts';
import { inOrder } from './run.ts';
import { table } from './table.ts';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly connections: number;
  readonly rate?: number;
  readonly smoke: boolean;
}

interface Row {
  readonly name: string;
  readonly does: string;
  readonly origin: string;
  readonly turns: Answered[];
}

/** Half of what the slower of these can take is the rate for all. */
const PACE_MAKERS = ['nginx-lua', 'tollgate'];
const MEASURED = ['nginx-lua', 'haproxy', 'tollgate'];
const DIRECT = 'direct';
/** Before it is asked what each can take at the most. */
const FIRST_WARM_UP_SECONDS = 2;
const TOKENS = 1_000;

const given = new Command('npm run bench:latency --')
  .description(
    'Measures the latency that gateways add at half of what the slowest can take. Needs wrk and nginx.',
  )
  .option('--rounds <number>', 'how often the rows take turns', wholeNumber(50), 7)
  .option('--seconds <number>', 'how long a turn is', wholeNumber(60), 5)
  .option('--warm-up <seconds>', 'how long each is asked before the first turn', wholeNumber(600), 90)
  .option('--connections <number>', 'connections of the load', wholeNumber(1024), 64)
  .option('--rate <number>', 'requests a second, instead of finding out', wholeNumber(1_000_000))
  .option('--smoke', 'one short round at 100 requests a second, to see that it works', false)
  .parse()
  .opts<Options>();
const options = given.smoke ? { ...given, rounds: 1, seconds: 1, warmUp: 1, rate: 100 } : given;

for (const [command, name] of [
  ['wrk', 'wrk'],
  ['nginx', 'nginx'],
  ['taskset', 'util-linux'],
] as const) {
  if (!isInstalled(command)) throw new Error(`${command} is missing: Debian's package ${name} brings it`);
}

const machine = describeMachine();
const around = await makeSurroundings(TOKENS);
const running: RunningPeer[] = [];
try {
  const upstream = `http://${around.upstream}`;
  const rows: Row[] = [{ name: DIRECT, does: 'the upstream itself', origin: upstream, turns: [] }];
  for (const peer of PEERS.filter(({ name }) => MEASURED.includes(name))) {
    const absent = missing(peer);
    if (absent !== null) {
      process.stdout.write(`not measured: ${peer.name}: ${absent}\n`);
      continue;
    }
    const started = await peer.start(around);
    running.push(started);
    rows.push({ name: peer.name, does: peer.does, origin: started.origin, turns: [] });
  }
  const rate = options.rate ?? (await halfOfTheSlowest(rows));
  await measure(rows, rate);
  report(rows, rate);
} finally {
  await Promise.all(running.map((peer) => peer.end()));
  await around.end();
}

async function halfOfTheSlowest(rows: readonly Row[]): Promise<number> {
  const most: number[] = [];
  for (const row of rows.filter(({ name }) => PACE_MAKERS.includes(name))) {
    await load(row, FIRST_WARM_UP_SECONDS, null);
    const { requestsPerSecond } = await load(row, options.seconds, null);
    process.stdout.write(`${row.name} takes ${requestsPerSecond.toFixed(0)} requests/s\n`);
    most.push(requestsPerSecond);
  }
  return Math.max(1, Math.floor(Math.min(...most) / 2));
}

async function measure(rows: readonly Row[], rate: number): Promise<void> {
  const pace = { file: 'pace.lua', args: [String(rate)] };
  for (const row of rows) await load(row, options.warmUp, pace);
  for (let round = 1; round <= options.rounds; round++) {
    for (const row of inOrder(rows, round)) row.turns.push(await load(row, options.seconds, pace));
  }
}

/** @param script what sets the pace; as fast as answers come without */
async function load({ name, origin }: Row, seconds: number, script: Asking['script']): Promise<Answered> {
  const headers = requestHeaders(around.secrets[0] ?? '');
  const { connections } = options;
  const answered = await ask({ origin, path: PATH, headers, connections, seconds, script, core: LOAD_CORE });
  const { refused, failed } = answered;
  if (refused + failed > 0) throw new Error(`${name}: ${refused} were refused and ${failed} failed`);
  return answered;
}

function report(rows: readonly Row[], rate: number): void {
  const direct = rows[0]?.turns ?? [];
  // Turns of the same round, so that what the machine did meanwhile touches both.
  const added = ({ turns }: Row, figure: 'p50Ms' | 'p99Ms') =>
    turns.map((each, at) => each[figure] - (direct[at]?.[figure] ?? Number.NaN));
  const { rounds, seconds, warmUp, connections } = options;
  process.stdout.write(
    `${machine}\n${rate} requests/s, ${connections} connections; rounds: ${rounds}, each turn ${seconds} s after ${warmUp} s of warm-up\n\n`,
  );
  const cells = rows.map((row) => {
    const p99 = added(row, 'p99Ms');
    const of = (figure: 'requestsPerSecond' | 'p50Ms' | 'p99Ms') =>
      median(row.turns.map((each) => each[figure]));
    const own = [
      row.name,
      row.does,
      of('requestsPerSecond').toFixed(0),
      of('p50Ms').toFixed(3),
      of('p99Ms').toFixed(3),
    ];
    if (row.name === DIRECT) return own;
    const spread = [median(p99), Math.min(...p99), Math.max(...p99)].map((ms) => ms.toFixed(3));
    return [...own, median(added(row, 'p50Ms')).toFixed(3), ...spread];
  });
  const head = [
    'row',
    'what it does',
    'requests/s',
    'p50 ms',
    'p99 ms',
    'adds to p50',
    'adds to p99',
    'least',
    'most',
  ];
  process.stdout.write(`${table(head, cells)}\n`);
  if (given.smoke) return;
  const bars = rows.slice(1).map((row) => ({ name: row.name, value: median(added(row, 'p99Ms')) }));
  writeResults('latency', { takenAt: new Date().toISOString(), machine, rate, options, rows }, [
    { name: 'added-p99', title: `Added to the p99 at ${rate} requests/s`, unit: 'ms', bars },
  ]);
}
