/** What one budget for a fleet of whole gateways comes to: `tollgate serve`, over HTTP, on one Redis. */
import { Redis } from 'ioredis';
import { newId } from '../../src/domain/ids.ts';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import type { Mutation } from '../../src/domain/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { TollgateProcess } from '../../test/support/tollgate-process.ts';
import { builtProgram } from '../built.ts';
import { Child } from '../child.ts';
import type { CountingUpstream } from '../processes/counting-upstream.ts';
import type { SaturatingLoadProcess } from '../processes/saturating-load.ts';
import { type Samples, scrape } from '../prometheus.ts';
import { addRecords } from '../tollgate/records.ts';
import type { Scenario } from './scenarios.ts';
import { idleCalls, scriptCalls } from './script-calls.ts';

export interface FleetExtent {
  readonly gateways: number;
  /** Length of the window, in seconds. */
  readonly window: number;
  /** Connections to each gateway. */
  readonly connections: number;
  readonly scenarios: readonly Scenario[];
  readonly maxima: readonly number[];
}

export interface FleetRow {
  readonly name: string;
  readonly max: number;
  /** Counted by the upstream, in one window. */
  readonly admitted: number;
  /** 429, seen by the clients in that window. */
  readonly refused: number;
  /** Whether nobody was admitted any more when the window was nearly over: else there was too little load. */
  readonly usedUp: boolean;
  /** How many windows were open meanwhile: more than one where the machine was too slow to end in time. */
  readonly windows: number;
  /** Scripts that Redis ran for an admitted request, whatever they were for. */
  readonly callsPerAdmitted: number;
  /** What it cost once all were refused; null where there was too little load, or the window did not last for it. */
  readonly refusing: Refusing | null;
  /** 99 of 100 requests spent no longer in the stage limit, at the slowest gateway: the bound of a bucket, µs. */
  readonly limitP99Us: number;
  /** What part of the requests spent no longer than `HIT_US` in the stage limit, at the slowest gateway: 0 to 1. */
  readonly hits: number;
  /** Questions for leases while the budget was spent. */
  readonly askedRedis: number;
}

/** A phase in which every request was refused. */
export interface Refusing {
  readonly refused: number;
  /** Scripts that Redis ran meanwhile. */
  readonly calls: number;
  /** Scripts that the same gateways run in as long when nobody asks anything. */
  readonly background: number;
  /** Questions for leases among them, as the gateways count them. */
  readonly leaseAsks: number;
}

/** A request that is answered from a lease should spend no longer than this in the stage limit, in µs: a bound of its histogram. */
export const HIT_US = 20;

/** For how long nobody asks anything while what the gateways do by themselves is counted, in seconds. */
const IDLE_SECONDS = 10;

/** Which parts of the window are measured: until the budget should be used up, and when all should be refused. */
const SPENDING = 0.65;
const ENDS = 0.9;
/** Until then it surely runs: it began with the first request, and gateways ask again a little before its end. */
const SURELY_RUNS = 0.98;
/** Below that a phase in which all are refused says nothing, in seconds. */
const SHORTEST = 0.2;

/**
 * Every scenario with every maximum, each on an endpoint of its own and in one window of it.
 * @throws Error when more was admitted than the maximum, or an answer was neither 2xx nor 429
 */
export async function measureGateways(extent: FleetExtent): Promise<FleetRow[]> {
  const redis = await startRedis();
  const raw = new Redis(redis.url);
  const upstream = Child.start<CountingUpstream>(module('counting-upstream'));
  const loads = Array.from({ length: extent.gateways }, () =>
    Child.start<SaturatingLoadProcess>(module('saturating-load')),
  );
  const gateways: TollgateProcess[] = [];
  try {
    const origin = await upstream.ask('listen', undefined as never);
    const secrets = await addTokens(redis.url, extent.scenarios);
    const config = JSON.stringify(configOf(redis.url, origin, extent));
    const program = await builtProgram();
    for (let at = 0; at < extent.gateways; at++)
      gateways.push(new TollgateProcess(config, ['--role', 'gateway'], [], program));
    await Promise.all(gateways.map((gateway) => gateway.ready()));
    const backgroundPerSecond = await idleCalls(raw, Math.min(IDLE_SECONDS, extent.window));
    const fleet: Fleet = { raw, upstream, loads, gateways, extent, secrets, backgroundPerSecond };
    const rows: FleetRow[] = [];
    for (const scenario of extent.scenarios)
      for (const max of extent.maxima) rows.push(await measure(fleet, scenario, max));
    return rows;
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await Promise.all([upstream, ...loads].map((child) => child.end()));
    raw.disconnect();
    await redis.stop();
  }
}

function module(name: string): URL {
  return new URL(`../processes/${name}.ts`, import.meta.url);
}

interface Fleet {
  readonly raw: Redis;
  readonly upstream: Child<CountingUpstream>;
  readonly loads: readonly Child<SaturatingLoadProcess>[];
  readonly gateways: readonly TollgateProcess[];
  readonly extent: FleetExtent;
  readonly secrets: ReadonlyMap<Scenario, readonly string[]>;
  readonly backgroundPerSecond: number;
}

async function measure(fleet: Fleet, scenario: Scenario, max: number): Promise<FleetRow> {
  const { raw, upstream, extent } = fleet;
  const path = pathOf(extent.scenarios.indexOf(scenario), max);
  const secrets = fleet.secrets.get(scenario) ?? [];
  const [callsBefore, before] = [await scriptCalls(raw), await scrapeAll(fleet)];
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const spent = await askAll(fleet, path, secrets, extent.window * SPENDING);
  const [callsBetween, between] = [await scriptCalls(raw), await scrapeAll(fleet)];
  const refusingSince = seconds();
  const left = extent.window * ENDS - refusingSince;
  const refused = left < SHORTEST ? NOTHING : await askAll(fleet, path, secrets, left);
  const [callsAfter, after] = [await scriptCalls(raw), await scrapeAll(fleet)];
  // On a slow machine the next window may have begun, in which there is something to ask for.
  const isInWindow = seconds() < extent.window * SURELY_RUNS;
  const refusing = {
    refused: refused.refused,
    calls: callsAfter - callsBetween,
    background: (seconds() - refusingSince) * fleet.backgroundPerSecond,
    leaseAsks: sum(after, leaseAsks) - sum(between, leaseAsks),
  };
  const admitted = await upstream.ask('asked', path);
  const windows = new Set([...spent.resets, ...refused.resets]).size;
  if (admitted > max * windows)
    throw new Error(`${scenario.name}: ${admitted} were admitted of ${max}, in ${windows} windows`);
  const usedUp = refused.admitted === 0 && refused.refused > 0;
  return {
    name: scenario.name,
    max,
    admitted,
    refused: spent.refused + refused.refused,
    usedUp,
    windows,
    callsPerAdmitted: (callsBetween - callsBefore) / spent.admitted,
    refusing: usedUp && isInWindow ? refusing : null,
    limitP99Us: Math.max(...between.map((each, at) => limitP99(each, before[at] ?? null))) * 1e6,
    hits: Math.min(...between.map((each, at) => hits(each, before[at] ?? null))),
    askedRedis: sum(between, leaseAsks) - sum(before, leaseAsks),
  };
}

function leaseAsks(samples: Samples): number {
  return samples.sum('tollgate_lease_asks_total');
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}

function limitP99(samples: Samples, since: Samples | null): number {
  return samples.bound('tollgate_stage_duration_seconds', { stage: 'limit' }, 0.99, since);
}

function hits(samples: Samples, since: Samples | null): number {
  return samples.within('tollgate_stage_duration_seconds', { stage: 'limit' }, HIT_US / 1e6, since);
}

function scrapeAll({ gateways }: Fleet): Promise<Samples[]> {
  return Promise.all(gateways.map(({ metrics }) => scrape(metrics)));
}

interface Asked {
  readonly admitted: number;
  readonly refused: number;
  readonly resets: readonly number[];
}

const NOTHING: Asked = { admitted: 0, refused: 0, resets: [] };

async function askAll(
  fleet: Fleet,
  path: string,
  secrets: readonly string[],
  seconds: number,
): Promise<Asked> {
  const { loads, gateways, extent } = fleet;
  const asked = loads.map((load, at) => {
    const origin = gateways[at]?.proxy ?? '';
    return load.ask('run', { origin, path, secrets, connections: extent.connections, seconds });
  });
  const counts = await Promise.all(asked);
  const failed = sum(counts, (each) => each.failed);
  if (failed > 0) throw new Error(`${failed} requests were answered with neither 2xx nor 429`);
  return {
    admitted: sum(counts, (each) => each.admitted),
    refused: sum(counts, (each) => each.refused),
    resets: counts.flatMap(({ resets }) => resets),
  };
}

function pathOf(scenario: number, max: number): string {
  return `/scenario-${scenario}/${max}`;
}

function configOf(redis: string, upstream: string, { scenarios, maxima, window }: FleetExtent) {
  return {
    listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    // A store that is slow because the machine is busy must not become one that is away.
    store: { kind: 'redis', url: redis, commandTimeout: '10s' },
    endpoints: scenarios.flatMap((_, at) =>
      maxima.map((max) => ({
        name: `scenario-${at}-${max}`,
        match: `* ${pathOf(at, max)}`,
        max,
        window: `${window}s`,
      })),
    ),
    forward: { upstreams: [{ name: 'api', targets: [upstream], paths: ['/'] }] },
  };
}

/** Tokens of one owner, each with the share that its scenario gives it. @returns their secrets */
async function addTokens(url: string, scenarios: readonly Scenario[]): Promise<Map<Scenario, string[]>> {
  const store = await openRedisStore({ url, prefix: 'tg:', commandTimeoutMs: 10_000, clock: systemClock });
  const { token } = await addRecords(store, mintSecret('tg'), false);
  const secrets = new Map<Scenario, string[]>();
  const { createdAt, lastUpdatedAt } = token;
  for (const scenario of scenarios) {
    const own = scenario.tokens.map(() => mintSecret('tg'));
    secrets.set(scenario, own);
    const mutations = own.flatMap((secret): Mutation[] => {
      const id = newId('00T');
      const share = {
        id: newId('prl'),
        tokenId: id,
        percentage: scenario.percentage,
        concurrencyPercentage: null,
        byEndpoint: {},
        ...{ createdAt, createdBy: 'system', lastUpdatedAt, lastUpdatedBy: 'system' },
      };
      return [
        { put: 'token', token: { ...token, id, hash: secretIndex(secret, null) } },
        { put: 'share', share },
      ];
    });
    await store.commit(mutations);
  }
  await store.close();
  return secrets;
}
