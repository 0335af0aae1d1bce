/**
 * What a million tokens cost: memory of Redis, look-ups of tokens that a gateway does not know yet, and the gateway that
 * has seen them all (docs/benchmarks.md). Wants `redis-server` on the PATH, or TEST_REDIS_SERVER.
 */
import { Command } from 'commander';
import type { Gaps } from './gaps.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { writeResults } from './results.ts';
import { table } from './table.ts';
import { measureTokens, type TokensExtent } from './tokens/measure.ts';

const MIB = 2 ** 20;
const SMOKE: TokensExtent = { tokens: 2_000, cacheSize: 500, connections: 8, alone: 200, gapSeconds: 1 };

const options = new Command('npm run bench:tokens --')
  .description('Measures a gateway and Redis with very many tokens.')
  .option('--tokens <number>', 'how many there are', wholeNumber(10_000_000), 1_000_000)
  .option('--cache-size <number>', 'resolve.cacheSize of the gateway', wholeNumber(10_000_000), 100_000)
  .option('--connections <number>', 'connections that ask with all tokens', wholeNumber(1024), 8)
  .option(
    '--alone <number>',
    'how many are first asked with one after the other',
    wholeNumber(100_000),
    5_000,
  )
  .option(
    '--gap-seconds <number>',
    'for how long to look at what the machine itself misses, before and again behind',
    wholeNumber(3600),
    60,
  )
  .option('--smoke', 'a few tokens, to see that it works', false)
  .parse()
  .opts<TokensExtent & { readonly smoke: boolean }>();

const extent = options.smoke ? SMOKE : options;
const machine = describeMachine();
const measured = await measureTokens(extent, true, (line) => process.stderr.write(`${line}\n`));
const { redisBytes, resident, heap, cachedTokens, longestStallMs, turns, missed, cold, hot, all, lookup } =
  measured;
const ms = (value: number) => `${value.toFixed(2)} ms`;
const aMinute = ({ long }: Gaps, seconds: number) => {
  const [clock, own] = [long.clock, long.own].map((count) => ((count * 60) / seconds).toFixed(1));
  return `${clock}, of its own ${own}`;
};
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
process.stdout.write(
  `${machine}\n${extent.tokens} tokens; resolve.cacheSize ${extent.cacheSize}\n\n${table(
    ['what', 'figure'],
    [
      ['Redis: memory a token', `${(redisBytes / extent.tokens).toFixed(0)} bytes`],
      ['cold look-up, one after the other: request p50', ms(cold.p50Ms)],
      ['cold look-up, one after the other: request p99', ms(cold.p99Ms)],
      ['the same tokens again: request p50', ms(hot.p50Ms)],
      ['the same tokens again: request p99', ms(hot.p99Ms)],
      ['of it the store, as the gateway sees it: p50', `≤ ${ms(lookup.p50Ms)}`],
      ['of it the store, as the gateway sees it: p99', `≤ ${ms(lookup.p99Ms)}`],
      [
        `all tokens once, ${extent.connections} connections: requests/s`,
        (all.answered / all.seconds).toFixed(0),
      ],
      [`all tokens once, ${extent.connections} connections: request p99`, ms(all.p99Ms)],
      ['gateway: resident memory before', mib(resident.before)],
      ['gateway: resident memory, all seen', mib(resident.after)],
      ['gateway: heap in use, all seen', mib(heap.after)],
      ['gateway: tokens in its cache', String(cachedTokens)],
      ['gateway: longest stall of the event loop (wanted: under 10 ms)', ms(longestStallMs)],
      ['gateway: longest stall, by the processor time of its own thread', ms(turns.late.longest.own)],
      ['gateway: stalls of over 10 ms a minute', aMinute(turns.late, turns.seconds)],
      ['a program that only looks at the clock: longest gap', ms(missed.longest.clock)],
      ['the same, by its processor time', ms(missed.longest.own)],
      ['the same: gaps of over 10 ms a minute', aMinute(missed, 2 * extent.gapSeconds)],
      [`gateway: longest of ${turns.young.count} collections of young objects`, ms(turns.young.longest)],
      ['gateway: the same, on average', ms(turns.young.sum / turns.young.count)],
      [`gateway: longest of ${turns.full.count} turns of collections of all objects`, ms(turns.full.longest)],
    ],
  )}\n`,
);
if (!options.smoke) {
  const takenAt = new Date().toISOString();
  writeResults('tokens', { takenAt, machine, extent, ...measured }, [
    {
      name: 'lookup',
      title: `A request with one of ${extent.tokens} tokens`,
      unit: 'ms',
      bars: [
        { name: 'cold, p50', value: cold.p50Ms },
        { name: 'cold, p99', value: cold.p99Ms },
        { name: 'known, p50', value: hot.p50Ms },
        { name: 'known, p99', value: hot.p99Ms },
      ],
    },
  ]);
}
