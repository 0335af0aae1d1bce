/** A whole gateway with its management API on Redis, under traffic of all kinds and what goes wrong around it. */
import { setTimeout } from 'node:timers/promises';
import { startRedis } from '../../test/support/redis-server.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../../test/support/tollgate-process.ts';
import { builtProgram } from '../built.ts';
import { Child } from '../child.ts';
import type { SoakClients } from '../processes/soak-clients.ts';
import type { SoakUpstream } from '../processes/soak-upstream.ts';
import { type Samples, scrape } from '../prometheus.ts';
import { TokenChurn } from './churn.ts';
import type { Latency } from './counts.ts';
import { agreement, type Bound, everyKind, growth, openAtEnd } from './verdict.ts';

export interface SoakExtent {
  readonly seconds: number;
  readonly clients: number;
  /** How often memory is read, tokens change hands, and latencies are told, in seconds. */
  readonly sampleEvery: number;
  readonly churnEvery: number;
  readonly latencyEvery: number;
  /** How often the upstream is restarted, in seconds. */
  readonly restartEvery: number;
}

export interface Soaked {
  readonly latencies: readonly Latency[];
  readonly resident: readonly number[];
  readonly heap: readonly number[];
  readonly requests: number;
  readonly revoked: number;
  readonly restarts: number;
  readonly bounds: readonly Bound[];
}

/** This part of the time is warm-up, in which memory may grow. */
const WARM_UP = 0.2;
const AWAY_MS = 300;
const TOKENS = 50;
const QUIET_MS = 15_000;
const TICK_MS = 100;
/**
 * What Node takes for old objects in 512 MiB, the chart's limit for a gateway. With all of this machine's memory to take, V8 lets them
 * come to more than that before it first looks for garbage, which is longer than the warm-up.
 */
const AS_IN_THE_CHART = ['env', 'NODE_OPTIONS=--max-old-space-size=256'];

/** @throws Error when a part does not start, or requests do not end */
export async function soak(extent: SoakExtent, say: (line: string) => void): Promise<Soaked> {
  const redis = await startRedis();
  const upstream = Child.start<SoakUpstream>(module('soak-upstream'));
  const clients = Child.start<SoakClients>(module('soak-clients'));
  let gateway: TollgateProcess | null = null;
  try {
    const origin = await upstream.ask('listen', undefined as never);
    gateway = new TollgateProcess(configOf(redis.url, origin), [], AS_IN_THE_CHART, await builtProgram());
    await gateway.ready();
    const churn = new TokenChurn(gateway.admin, BOOTSTRAP_SECRET);
    for (let made = 0; made < TOKENS; made++) await churn.make();
    await clients.ask('tokens', churn.secrets);
    // Every path once, so that what is only made once is there when open files are counted.
    await clients.ask('begin', { origin: gateway.proxy, clients: extent.clients });
    await setTimeout(2_000);
    await clients.ask('end', undefined as never);
    const start = await quiet(gateway, upstream);
    await clients.ask('begin', { origin: gateway.proxy, clients: extent.clients });
    const seen = await watch(extent, { gateway, upstream, clients, churn }, say);
    const counted = await clients.ask('end', undefined as never);
    const end = await quiet(gateway, upstream);
    const bounds = [
      growth('resident memory', afterWarmUp(seen.resident), 'middle'),
      growth('heap', afterWarmUp(seen.heap), 'least'),
      openAtEnd('open files', start.sum('process_open_fds'), end.sum('process_open_fds')),
      openAtEnd('handles', handles(start), handles(end)),
      everyKind(counted),
      ...agreement({
        clients: counted,
        decisions: end.by('tollgate_requests_total', 'decision'),
        retries: end.sum('tollgate_upstream_retries_total'),
        upstream: await upstream.ask('asked', undefined as never),
      }),
    ];
    return { ...seen, requests: counted.sent, revoked: churn.revoked, bounds };
  } finally {
    await gateway?.kill();
    await Promise.all([clients, upstream].map((child) => child.end()));
    await redis.stop();
  }
}

function module(name: string): URL {
  return new URL(`../processes/${name}.ts`, import.meta.url);
}

function afterWarmUp(samples: readonly number[]): readonly number[] {
  return samples.slice(Math.ceil(samples.length * WARM_UP));
}

function handles(samples: Samples): number {
  return samples.sum('nodejs_active_handles_total');
}

interface Parts {
  readonly gateway: TollgateProcess;
  readonly upstream: Child<SoakUpstream>;
  readonly clients: Child<SoakClients>;
  readonly churn: TokenChurn;
}

async function watch(extent: SoakExtent, parts: Parts, say: (line: string) => void) {
  const { gateway, upstream, clients, churn } = parts;
  const latencies: Latency[] = [];
  const resident: number[] = [];
  const heap: number[] = [];
  let restarts = 0;
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const every = (interval: number, act: () => Promise<void>) => {
    let next = interval;
    return async () => {
      if (seconds() < next) return;
      next += interval;
      await act();
    };
  };
  const turns = [
    every(extent.sampleEvery, async () => {
      const samples = await scrape(gateway.metrics);
      resident.push(samples.sum('process_resident_memory_bytes'));
      heap.push(samples.sum('nodejs_heap_size_used_bytes'));
    }),
    every(extent.churnEvery, async () => {
      await churn.make();
      await churn.revokeOldest();
      await clients.ask('tokens', churn.secrets);
    }),
    every(extent.restartEvery, async () => {
      restarts += 1;
      await upstream.ask('restart', AWAY_MS);
    }),
    every(extent.latencyEvery, async () => {
      const latency = await clients.ask('latency', undefined as never);
      latencies.push(latency);
      const [p50, p99] = [latency.p50Ms.toFixed(2), latency.p99Ms.toFixed(2)];
      const memory = ((resident.at(-1) ?? 0) / 2 ** 20).toFixed(0);
      say(
        `${seconds().toFixed(0)} s: ${latency.answered} GETs, p50 ${p50} ms, p99 ${p99} ms; ${memory} MiB resident`,
      );
    }),
  ];
  while (seconds() < extent.seconds) {
    for (const turn of turns) await turn();
    await setTimeout(TICK_MS);
  }
  return { latencies, resident, heap, restarts };
}

/** Cuts what the gateway keeps open to the upstream, and waits until it has nobody any more. */
async function quiet(gateway: TollgateProcess, upstream: Child<SoakUpstream>): Promise<Samples> {
  await upstream.ask('restart', 0);
  const deadline = performance.now() + QUIET_MS;
  for (;;) {
    const samples = await scrape(gateway.metrics);
    const busy = samples.sum('tollgate_open_connections') + samples.sum('tollgate_requests_in_flight');
    if (busy === 0) return samples;
    if (performance.now() > deadline) throw new Error(`${busy} connections and requests do not end`);
    await setTimeout(TICK_MS);
  }
}

function configOf(redis: string, upstream: string): string {
  return JSON.stringify({
    listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    store: { kind: 'redis', url: redis, commandTimeout: '10s' },
    // All clients have one address, which would be refused for its bad tokens, and then for its good ones.
    // The cache is full before the warm-up is over: what grows after it is no cache that fills.
    resolve: { failures: null, cacheSize: 500 },
    limit: { unmatched: { max: 1_000_000_000 } },
    endpoints: [{ name: 'limited', match: '* /limited', max: 10, window: '10s' }],
    control: { limit: { max: 100_000 } },
    forward: { upstreams: [{ name: 'api', targets: [upstream], paths: ['/'] }] },
  });
}
