import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import { Child } from './child.ts';
import { checkFairness } from './fairness.ts';
import type { GatewayProcess } from './processes/gateway.ts';
import type { Extent, LoadProcess, LoadResult } from './processes/load.ts';
import type { UpstreamProcess } from './processes/upstream.ts';
import { ANSWER, PATH, requestHeaders } from './request.ts';
import type { Variant } from './variant.ts';

/** What one turn of a variant gave. */
export interface Turn {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the gateway process for one request: microseconds. */
  readonly cpuMicroseconds: number;
}

/** What all variants have in common. */
export interface Surroundings {
  readonly upstream: Child<UpstreamProcess>;
  /** The upstream's origin. */
  readonly upstreamOrigin: string;
  readonly load: Child<LoadProcess>;
  readonly secret: string;
  readonly connections: number;
}

/** A variant that runs in a process of its own, and can be measured. */
export class RunningVariant {
  readonly variant: Variant;
  readonly #around: Surroundings;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'tollgate-bench-'));
  readonly #gateway = Child.start<GatewayProcess>(new URL('./processes/gateway.ts', import.meta.url));
  #redis: RedisServer | null = null;
  #origin = '';

  private constructor(variant: Variant, around: Surroundings) {
    this.variant = variant;
    this.#around = around;
  }

  /**
   * Starts the variant and sees to it that it answers as it should.
   * @throws Error when it does not
   */
  static async start(variant: Variant, around: Surroundings): Promise<RunningVariant> {
    const running = new RunningVariant(variant, around);
    try {
      await running.#start();
      return running;
    } catch (error) {
      await running.end();
      throw named(variant, error);
    }
  }

  async #start(): Promise<void> {
    const { name, forwards, needsRedis } = this.variant;
    const { upstreamOrigin: upstream, secret } = this.#around;
    if (needsRedis) this.#redis = await startRedis();
    const setting = { upstream, secret, folder: this.#folder, redis: this.#redis?.url ?? null };
    this.#origin = await this.#gateway.ask('start', { name, setting });
    await checkFairness(this.#origin, forwards ? upstream : null, secret);
  }

  /**
   * Puts load on the variant and measures it.
   * @throws Error when an answer was wrong or is missing: what fails is not fast
   */
  async turn(extent: Extent): Promise<Turn> {
    const { upstream, connections } = this.#around;
    try {
      const servedBefore = await upstream.ask('served', undefined);
      const cpuBefore = await this.#gateway.ask('cpuMicroseconds', undefined);
      const result = await this.#load(extent);
      const cpu = (await this.#gateway.ask('cpuMicroseconds', undefined)) - cpuBefore;
      const served = (await upstream.ask('served', undefined)) - servedBefore;
      checkCounts(result, this.variant.forwards ? served : null, connections, extent);
      const { succeeded: requests, requestsPerSecond, p50Ms, p99Ms } = result;
      return { requests, requestsPerSecond, p50Ms, p99Ms, cpuMicroseconds: cpu / requests };
    } catch (error) {
      throw named(this.variant, error);
    }
  }

  #load(extent: Extent): Promise<LoadResult> {
    const { load, secret, connections } = this.#around;
    const headers = requestHeaders(secret);
    const plan = { url: this.#origin + PATH, headers, connections, extent, expectBody: ANSWER };
    const longestMs = ('seconds' in extent ? extent.seconds * 1000 : 0) + 60_000;
    return load.ask('run', plan, longestMs);
  }

  async end(): Promise<void> {
    await this.#gateway.end();
    await this.#redis?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function named({ name }: Variant, error: unknown): Error {
  return new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
}

/**
 * Client and upstream must have seen the same requests, but for those that were under way, one a connection, when
 * the time of this turn and that of the turn before were over.
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
