/**
 * Traffic of all kinds for minutes or hours, and whether the gateway is afterwards what it was before: docs/benchmarks.md.
 * Exits with 1 when a bound is broken. Wants `redis-server` on the PATH, or TEST_REDIS_SERVER.
 */
import { Command } from 'commander';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { writeResults } from './results.ts';
import { type SoakExtent, soak } from './soak/measure.ts';
import { table } from './table.ts';

const { minutes, clients, smoke } = new Command('npm run bench:soak --')
  .description('Puts mixed traffic, churn and faults on a gateway, and holds it to bounds.')
  .option('--minutes <number>', 'how long', wholeNumber(10_000), 10)
  .option('--clients <number>', 'how many clients ask at the same time', wholeNumber(2_000), 32)
  .option('--smoke', 'six seconds, to see that it works', false)
  .parse()
  .opts<{ readonly minutes: number; readonly clients: number; readonly smoke: boolean }>();

const extent: SoakExtent = smoke
  ? { seconds: 6, clients: 8, sampleEvery: 1, churnEvery: 0.5, latencyEvery: 2, restartEvery: 2 }
  : { seconds: minutes * 60, clients, sampleEvery: 2, churnEvery: 1, latencyEvery: 60, restartEvery: 45 };
const machine = describeMachine();
process.stdout.write(`${machine}\n${extent.seconds} s, ${extent.clients} clients\n\n`);
const soaked = await soak(extent, (line) => process.stdout.write(`${line}\n`));
const { bounds, requests, revoked, restarts, latencies } = soaked;
const rows = bounds.map(({ what, held, says }) => [what, held ? 'held' : 'BROKEN', says]);
process.stdout.write(`\n${table(['bound', 'verdict', 'what was seen'], rows)}\n\n`);
process.stdout.write(
  `${requests} requests, ${revoked} tokens revoked, ${restarts} restarts of the upstream.\n`,
);
const broken = bounds.filter(({ held }) => !held);
process.stdout.write(
  `Verdict: ${broken.length === 0 ? 'all bounds held' : `${broken.length} bounds broken`}.\n`,
);
process.exitCode = broken.length === 0 ? 0 : 1;
if (!smoke) {
  const bars = latencies.map(({ p99Ms }, at) => ({ name: `minute ${at + 1}`, value: p99Ms }));
  writeResults('soak', { takenAt: new Date().toISOString(), machine, extent, ...soaked }, [
    { name: 'p99', title: 'GET with all other traffic, p99', unit: 'ms', bars },
  ]);
}
