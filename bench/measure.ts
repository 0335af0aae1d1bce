import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startRedis } from '../test/support/redis-server.ts';
import { Child } from './child.ts';
import { checkFairness } from './fairness.ts';
import type { GatewayProcess } from './processes/gateway.ts';
import type { Extent, LoadProcess, LoadResult } from './processes/load.ts';
import type { UpstreamProcess } from './processes/upstream.ts';
import { ANSWER, PATH, requestHeaders } from './request.ts';
import type { Variant } from './variant.ts';

/** One variant, measured once in a process of its own. */
export interface Sample {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the gateway process for one request: microseconds. */
  readonly cpuMicroseconds: number;
}

export interface Effort {
  readonly connections: number;
  /** Asked before the measurement, so that code is compiled and caches are filled. */
  readonly warmUp: Extent;
  readonly measured: Extent;
}

/** What all measurements of a run share. */
export interface Surroundings {
  readonly upstream: Child<UpstreamProcess>;
  /** The upstream's origin. */
  readonly upstreamOrigin: string;
  readonly load: Child<LoadProcess>;
  readonly secret: string;
}

/**
 * Starts the variant afresh, checks that it answers as it should, warms it up and measures it.
 * @throws Error when an answer was wrong or is missing: what fails is not fast
 */
export async function measure(variant: Variant, around: Surroundings, effort: Effort): Promise<Sample> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-bench-'));
  const redis = variant.needsRedis ? await startRedis() : null;
  const gateway = Child.start<GatewayProcess>(new URL('./processes/gateway.ts', import.meta.url));
  try {
    const { upstreamOrigin: upstream, secret } = around;
    const setting = { upstream, secret, folder, redis: redis?.url ?? null };
    const origin = await gateway.ask('start', { name: variant.name, setting });
    await checkFairness(origin, variant.forwards ? upstream : null, secret);
    await load(origin, around, effort.connections, effort.warmUp);
    return await measureWarm(variant, origin, gateway, around, effort);
  } catch (error) {
    throw new Error(`${variant.name}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await gateway.end();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureWarm(
  { forwards }: Variant,
  origin: string,
  gateway: Child<GatewayProcess>,
  around: Surroundings,
  { connections, measured }: Effort,
): Promise<Sample> {
  const servedBefore = await around.upstream.ask('served', undefined);
  const cpuBefore = await gateway.ask('cpuMicroseconds', undefined);
  const result = await load(origin, around, connections, measured);
  const cpu = (await gateway.ask('cpuMicroseconds', undefined)) - cpuBefore;
  const served = (await around.upstream.ask('served', undefined)) - servedBefore;
  checkCounts(result, forwards ? served : null, connections, measured);
  const { succeeded: requests, requestsPerSecond, p50Ms, p99Ms } = result;
  return { requests, requestsPerSecond, p50Ms, p99Ms, cpuMicroseconds: cpu / requests };
}

/**
 * Client and upstream must have seen the same requests, but for those that were under way, one a connection, when
 * the time of the warm-up and that of the measurement were over.
 * @param served how many answers the upstream gave; null where it was not asked
 * @throws Error when they have not
 */
export function checkCounts(
  { succeeded, failed }: Pick<LoadResult, 'succeeded' | 'failed'>,
  served: number | null,
  connections: number,
  asked: Extent,
): void {
  const complete = 'requests' in asked;
  if (failed > 0) throw new Error(`${failed} requests failed, ${succeeded} succeeded`);
  if (complete ? succeeded !== asked.requests : succeeded === 0) {
    throw new Error(`${succeeded} requests succeeded of ${complete ? asked.requests : 'those sent'}`);
  }
  if (served === null) return;
  const underWay = served - succeeded;
  if (underWay < 0 || underWay > (complete ? 0 : 2 * connections)) {
    throw new Error(`the client saw ${succeeded} answers, and the upstream gave ${served}`);
  }
}

function load(origin: string, { load: process, secret }: Surroundings, connections: number, extent: Extent) {
  const headers = requestHeaders(secret);
  const plan = { url: origin + PATH, headers, connections, extent, expectBody: ANSWER };
  const longestMs = ('seconds' in extent ? extent.seconds * 1000 : 0) + 30_000;
  return process.ask('run', plan, longestMs);
}
