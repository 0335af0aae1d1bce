/**
 * How soon a worker that is killed under load is back, and what it takes with it: `node bench/killed-worker.ts`. See
 * docs/benchmarks.md. Wants `redis-server` on the PATH, or TEST_REDIS_SERVER.
 */
import { Command } from 'commander';
import { startRedis } from '../test/support/redis-server.ts';
import { builtProgram } from './built.ts';
import { type Kill, killWorkers } from './killed-worker/measure.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { quantile } from './quantile.ts';
import { table } from './table.ts';

const { rounds, clients } = new Command('node bench/killed-worker.ts')
  .description(
    'Kills both workers of a gateway under load, one after the other, and waits for each to be back.',
  )
  .option('--rounds <number>', 'how many gateways are started, each for two kills', wholeNumber(100), 10)
  .option('--clients <number>', 'how many clients ask at the same time', wholeNumber(1_000), 16)
  .parse()
  .opts<{ readonly rounds: number; readonly clients: number }>();

const program = await builtProgram();
const redis = await startRedis();
const kills: Kill[] = [];
try {
  for (let round = 0; round < rounds; round += 1) {
    kills.push(...(await killWorkers(program, redis.url, `round-${round}:`, clients)));
  }
} finally {
  await redis.stop();
}

const row = (what: string, values: readonly number[]) => [
  what,
  ...[0.5, 0, 1].map((part) => quantile(values, part).toFixed(0)),
];
process.stdout.write(
  `${describeMachine()}\n\n${table(
    [`of ${kills.length} kills, ${clients} clients`, 'median', 'least', 'most'],
    [
      row(
        'from the kill until the next worker listens, ms',
        kills.map(({ backMs }) => backMs),
      ),
      row(
        'requests that were lost',
        kills.map(({ lost }) => lost),
      ),
      row(
        'of them more than it held connections',
        kills.map(({ lost, held }) => Math.max(0, lost - held)),
      ),
      row(
        'connections that the killed worker held',
        kills.map(({ held }) => held),
      ),
    ],
  )}\n`,
);
