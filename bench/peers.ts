/**
 * Where Tollgate stands beside what its users would take instead: `npm run bench:peers`. See docs/benchmarks.md.
 */
import { Command, Option } from 'commander';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { missing, PEERS, type Peer, type RunningPeer } from './peers/peers.ts';
import { isInstalled } from './peers/process-tree.ts';
import { check, QUESTIONS, type Question } from './peers/questions.ts';
import { LOAD_CORE, makeSurroundings, type Surroundings } from './peers/surroundings.ts';
import { ask } from './peers/wrk.ts';
import { median } from './report.ts';
import { writeResults } from './results.ts';
import { inOrder } from './run.ts';
import { table } from './table.ts';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly tokens: number;
  readonly only?: string;
  readonly questions?: string;
}

/** One turn of one peer. */
interface Turn {
  readonly cpuMicroseconds: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const options = new Command('npm run bench:peers --')
  .description(
    'Measures Tollgate beside HAProxy, nginx, nginx + Lua and @fastify/http-proxy. Needs wrk, taskset and nginx.',
  )
  .option('--rounds <number>', 'how often the peers take turns', wholeNumber(50), 5)
  .option('--seconds <number>', 'how long a turn is', wholeNumber(60), 3)
  .option('--warm-up <seconds>', 'how long each is asked before the first turn', wholeNumber(60), 8)
  .option('--tokens <number>', 'how many tokens there are', wholeNumber(1_000_000), 100_000)
  .addOption(new Option('--only <peers>', `of ${PEERS.map(({ name }) => name).join(', ')}`))
  .addOption(new Option('--questions <questions>', `of ${QUESTIONS.map(({ name }) => name).join(', ')}`))
  .parse()
  .opts<Options>();

for (const [command, name] of [
  ['wrk', 'wrk'],
  ['nginx', 'nginx'],
  ['taskset', 'util-linux'],
] as const) {
  if (!isInstalled(command)) throw new Error(`${command} is missing: Debian's package ${name} brings it`);
}

const chosen = <T extends { readonly name: string }>(
  all: readonly T[],
  names: string | undefined,
): readonly T[] => (names === undefined ? all : all.filter(({ name }) => names.split(',').includes(name)));

const machine = describeMachine();
const around = await makeSurroundings(options.tokens);
const running = new Map<Peer, RunningPeer>();
const results: { question: string; asks: string; peers: { name: string; does: string; turns: Turn[] }[] }[] =
  [];
process.stdout.write(
  `${machine}\nRounds: ${options.rounds}, each turn ${options.seconds} s after ${options.warmUp} s of warm-up; ${options.tokens} tokens\n`,
);
try {
  for (const peer of chosen(PEERS, options.only)) {
    const absent = missing(peer);
    if (absent === null) running.set(peer, await started(peer, around));
    else process.stdout.write(`not measured: ${peer.name}: ${absent}\n`);
  }
  for (const question of chosen(QUESTIONS, options.questions)) {
    const turns = await measure(question);
    results.push({
      question: question.name,
      asks: question.asks,
      peers: [...turns].map(([{ name, does }, all]) => ({ name, does, turns: all })),
    });
    process.stdout.write(`\n${question.name}: ${question.asks}\n\n${format(turns)}\n`);
  }
} finally {
  await Promise.all([...running.values()].map((peer) => peer.end()));
  await around.end();
}
await writeResults(
  'peers',
  {
    takenAt: new Date().toISOString(),
    machine,
    rounds: options.rounds,
    seconds: options.seconds,
    warmUpSeconds: options.warmUp,
    results,
  },
  results.map(({ question, asks, peers }) => ({
    name: question,
    title: asks,
    unit: 'CPU µs a request',
    bars: peers.map(({ name, turns }) => ({
      name,
      value: median(turns.map((turn) => turn.cpuMicroseconds)),
    })),
  })),
);

async function started(peer: Peer, surroundings: Surroundings): Promise<RunningPeer> {
  try {
    return await peer.start(surroundings);
  } catch (error) {
    throw new Error(`${peer.name} does not start`, { cause: error });
  }
}

/** The peers take turns, in an order that is reversed each time. */
async function measure(question: Question): Promise<Map<Peer, Turn[]>> {
  const peers = [...running.keys()].filter(question.fits);
  for (const peer of peers) await turn(peer, question, options.warmUp);
  const turns = new Map<Peer, Turn[]>(peers.map((peer) => [peer, []]));
  for (let round = 1; round <= options.rounds; round++) {
    for (const peer of inOrder(peers, round))
      turns.get(peer)?.push(await turn(peer, question, options.seconds));
  }
  return turns;
}

async function turn(peer: Peer, question: Question, seconds: number): Promise<Turn> {
  const { origin, tree } = running.get(peer) as RunningPeer;
  const { connections } = question;
  const before = tree.cpuMicroseconds();
  const answered = await ask({ origin, connections, seconds, core: LOAD_CORE, ...question.request(around) });
  const cpu = tree.cpuMicroseconds() - before;
  try {
    check(answered, question);
  } catch (error) {
    throw new Error(`${peer.name}, ${question.name}: ${(error as Error).message}`, { cause: error });
  }
  const { requests, requestsPerSecond, p50Ms, p99Ms } = answered;
  return { cpuMicroseconds: cpu / requests, requestsPerSecond, p50Ms, p99Ms };
}

function format(turns: Map<Peer, Turn[]>): string {
  const of = (all: readonly Turn[], figure: keyof Turn) => median(all.map((each) => each[figure]));
  const ours = [...turns].find(([{ name }]) => name === 'tollgate')?.[1];
  const head = [
    'row',
    'what it does',
    'CPU µs/request',
    'least',
    'most',
    'Tollgate / it',
    'requests/s',
    'p50 ms',
    'p99 ms',
  ];
  const rows = [...turns].map(([{ name, does }, all]) => {
    const cpu = all.map((each) => each.cpuMicroseconds);
    // Of turns of the same round, so that what the machine did meanwhile touches both.
    const ratio =
      ours === undefined
        ? null
        : median(ours.map((each, at) => each.cpuMicroseconds / (cpu[at] ?? Number.NaN)));
    return [
      name,
      does,
      median(cpu).toFixed(1),
      Math.min(...cpu).toFixed(1),
      Math.max(...cpu).toFixed(1),
      ratio === null || name === 'tollgate' ? '' : ratio.toFixed(2),
      of(all, 'requestsPerSecond').toFixed(0),
      of(all, 'p50Ms').toFixed(2),
      of(all, 'p99Ms').toFixed(2),
    ];
  });
  return table(head, rows);
}
