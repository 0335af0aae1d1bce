/** One gateway and one Redis with very many tokens. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { newId } from '../../src/domain/ids.ts';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { TollgateProcess } from '../../test/support/tollgate-process.ts';
import { builtProgram } from '../built.ts';
import { Child } from '../child.ts';
import { allGaps, type Gaps } from '../gaps.ts';
import { canPin } from '../peers/process-tree.ts';
import { GATEWAY_CORE, LOAD_CORE } from '../peers/surroundings.ts';
import type { CountingUpstream } from '../processes/counting-upstream.ts';
import type { TokenLoadProcess, TokenLoadResult } from '../processes/token-load.ts';
import { TURN_TIMES, type TurnTimes } from '../processes/turn-times.ts';
import { type Samples, scrape } from '../prometheus.ts';
import { addRecords } from '../tollgate/records.ts';
import { machineGaps } from './machine-gaps.ts';

export interface TokensExtent {
  readonly tokens: number;
  readonly cacheSize: number;
  readonly connections: number;
  /** How many are asked with one after the other, so that the latency is a look-up's and not a queue's. */
  readonly alone: number;
  /** For how long to look at what the machine itself misses, before and again behind. */
  readonly gapSeconds: number;
}

export interface TokensMeasured {
  /** What Redis's `used_memory` grew by. */
  readonly redisBytes: number;
  readonly cold: TokenLoadResult;
  readonly hot: TokenLoadResult;
  readonly all: TokenLoadResult;
  /** The bounds of the buckets of `tollgate_store_duration_seconds` in which the quantiles lie. */
  readonly lookup: { readonly p50Ms: number; readonly p99Ms: number };
  readonly resident: { readonly before: number; readonly after: number };
  readonly heap: { readonly before: number; readonly after: number };
  readonly cachedTokens: number;
  /** By what the gateway tells of itself. */
  readonly longestStallMs: number;
  /** By what watched it from within. */
  readonly turns: TurnTimes;
  /** What a program missed that only looks at the clock, in twice `gapSeconds`, while both cores were in use. */
  readonly missed: Gaps;
}

/** Before this process keeps to one of them. */
const CORES = availableParallelism();
const BATCH = 5_000;
/** The event loop's delay is sampled so often, and the interval itself is part of what prom-client tells. */
const LAG_RESOLUTION_MS = 10;
const LONGEST_LOAD_MS = 3_600_000;
/** Longer than turn times take to be written. */
const TURNS_WRITTEN_MS = 2_500;

/**
 * @param isApart whether the gateway's event loop is given a core that this process, and all else that it starts, keeps off;
 *   V8's other threads may use both
 * @throws Error when a request with a good token was not answered with 200
 */
export async function measureTokens(
  extent: TokensExtent,
  isApart: boolean,
  say: (line: string) => void,
): Promise<TokensMeasured> {
  if (isApart) keepTo(LOAD_CORE, process.pid, '-apc');
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-tokens-'));
  const file = path.join(folder, 'secrets');
  const redis = await startRedis();
  const upstream = Child.start<CountingUpstream>(module('counting-upstream'));
  const load = Child.start<TokenLoadProcess>(module('token-load'));
  let gateway: TollgateProcess | null = null;
  try {
    const redisBytes = await addTokens(redis.url, file, extent.tokens, say);
    const origin = await upstream.ask('listen', undefined as never);
    const turns = path.join(folder, 'turns');
    gateway = new TollgateProcess(
      configOf(redis.url, origin, extent),
      ['--role', 'gateway'],
      watchedBy(turns),
      await builtProgram(),
    );
    await gateway.ready();
    if (isApart && gateway.child.pid !== undefined) keepTo(GATEWAY_CORE, gateway.child.pid, '-pc');
    say('the machine is looked at');
    const missedBefore = await machineGaps(extent.gapSeconds);
    say('the gateway is asked');
    const asked = await ask(gateway, load, file, extent);
    const watched = await lastTurns(turns);
    const missed = allGaps(missedBefore, await machineGaps(extent.gapSeconds));
    return { redisBytes, ...asked, turns: watched, missed };
  } finally {
    await gateway?.kill();
    await Promise.all([upstream, load].map((child) => child.end()));
    await redis.stop();
    rmSync(folder, { recursive: true });
  }
}

/** @param which of its threads: `-apc` all of them, `-pc` the first */
function keepTo(core: number, pid: number, which: '-apc' | '-pc'): void {
  if (canPin) spawnSync('taskset', [which, String(core), String(pid)]);
}

/** @returns what to start a Node process with that is to be watched from within, and may use all cores */
function watchedBy(turns: string): string[] {
  const options = ['env', `NODE_OPTIONS=--import=${module('turn-times')}`, `${TURN_TIMES}=${turns}`];
  return canPin ? ['taskset', '-c', `0-${CORES - 1}`, ...options] : options;
}

function module(name: string): URL {
  return new URL(`../processes/${name}.ts`, import.meta.url);
}

async function ask(
  gateway: TollgateProcess,
  load: Child<TokenLoadProcess>,
  file: string,
  { tokens, connections, alone }: TokensExtent,
): Promise<Omit<TokensMeasured, 'redisBytes' | 'turns' | 'missed'>> {
  const run = async (from: number, to: number, each: number) => {
    const plan = { origin: gateway.proxy, file, from, to, connections: each };
    const result = await load.ask('run', plan, LONGEST_LOAD_MS);
    if (result.failed > 0) throw new Error(`${result.failed} requests with good tokens were not answered`);
    return result;
  };
  // The first ones are for the compiler.
  await run(0, alone, 1);
  gateway.child.kill('SIGUSR2');
  const before = await scrape(gateway.metrics);
  const cold = await run(alone, 2 * alone, 1);
  const afterCold = await scrape(gateway.metrics);
  const hot = await run(alone, 2 * alone, 1);
  const stalls = [afterCold, await scrape(gateway.metrics)];
  const all = await run(2 * alone, tokens, connections);
  const after = await scrape(gateway.metrics);
  return {
    cold,
    hot,
    all,
    lookup: { p50Ms: lookupMs(afterCold, before, 0.5), p99Ms: lookupMs(afterCold, before, 0.99) },
    resident: both(before, after, 'process_resident_memory_bytes'),
    heap: both(before, after, 'nodejs_heap_size_used_bytes'),
    cachedTokens: after.sum('tollgate_cached_tokens'),
    longestStallMs: Math.max(...[...stalls, after].map(stallMs)),
  };
}

function lookupMs(samples: Samples, since: Samples, part: number): number {
  const operation = { operation: 'findByHash' };
  return samples.bound('tollgate_store_duration_seconds', operation, part, since) * 1000;
}

function both(before: Samples, after: Samples, name: string) {
  return { before: before.sum(name), after: after.sum(name) };
}

/** What was written last, when all is. */
async function lastTurns(file: string): Promise<TurnTimes> {
  await setTimeout(TURNS_WRITTEN_MS);
  if (!existsSync(file)) throw new Error('the gateway did not say how long its turns took');
  return JSON.parse(readFileSync(file, 'utf8')) as TurnTimes;
}

/** The longest since the scrape before. */
function stallMs(samples: Samples): number {
  return Math.max(0, samples.sum('nodejs_eventloop_lag_max_seconds') * 1000 - LAG_RESOLUTION_MS);
}

function configOf(redis: string, upstream: string, { cacheSize }: TokensExtent): string {
  return JSON.stringify({
    listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    store: { kind: 'redis', url: redis, commandTimeout: '10s' },
    // What was read is believed throughout, so that a second request finds it; all tokens come from one address.
    resolve: { cacheSize, freshFor: '1h', staleFor: '1h', failures: null },
    limit: { unmatched: { max: 1_000_000_000 } },
    forward: { upstreams: [{ name: 'api', targets: [upstream], paths: ['/'] }] },
  });
}

/** Writes the tokens of one owner to the store, and their secrets to the file. @returns by how much Redis grew, in bytes */
async function addTokens(
  url: string,
  file: string,
  count: number,
  say: (line: string) => void,
): Promise<number> {
  const redis = new Redis(url);
  const store = await openRedisStore({ url, prefix: 'tg:', commandTimeoutMs: 60_000, clock: systemClock });
  const { token } = await addRecords(store, mintSecret('tg'), false);
  const before = await usedMemory(redis);
  writeFileSync(file, '');
  for (let done = 0; done < count; done += BATCH) {
    const secrets = Array.from({ length: Math.min(BATCH, count - done) }, () => mintSecret('tg'));
    await store.commit(
      secrets.map((secret, at) => ({
        put: 'token',
        token: { ...token, id: newId('00T'), name: `bench ${done + at}`, hash: secretIndex(secret, null) },
      })),
    );
    writeFileSync(file, `${secrets.join('\n')}\n`, { flag: 'a' });
    if ((done / BATCH) % 20 === 19) say(`${done + BATCH} tokens are in Redis`);
  }
  const grown = (await usedMemory(redis)) - before;
  await store.close();
  redis.disconnect();
  return grown;
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}
