/**
 * Asks so often a second, spread evenly over it, whatever the answers take. autocannon sends each second's requests at its
 * beginning, which is a burst, and would measure the queue that it makes.
 */
import { spawnSync } from 'node:child_process';
import { Pool } from 'undici';
import { answerQuestions } from '../child.ts';
import { quantile } from '../quantile.ts';

export interface PacedLoad {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly requestsPerSecond: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface PacedResult {
  readonly answered: number;
  /** Answers other than 200, and requests without one. */
  readonly failed: number;
  readonly requestsPerSecond: number;
  /** From the moment of sending, with what it waited for a free connection. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type PacedLoadProcess = {
  /** Keeps this process on one core. */
  pin(core: number): void;
  run(load: PacedLoad): Promise<PacedResult>;
};

const TICK_MS = 1;

async function run({ origin, path, headers, requestsPerSecond, connections, seconds }: PacedLoad) {
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const took: number[] = [];
  let failed = 0;
  const ask = async () => {
    const sentAt = performance.now();
    try {
      const { statusCode, body } = await pool.request({ path, method: 'GET', headers });
      await body.dump();
      if (statusCode === 200) took.push(performance.now() - sentAt);
      else failed += 1;
    } catch {
      failed += 1;
    }
  };
  const startedAt = performance.now();
  const all = Math.floor(requestsPerSecond * seconds);
  const waiting: Promise<void>[] = [];
  while (waiting.length < all) {
    const due = ((performance.now() - startedAt) / 1000) * requestsPerSecond;
    while (waiting.length < Math.min(all, due)) waiting.push(ask());
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(waiting);
  const spent = (performance.now() - startedAt) / 1000;
  await pool.close();
  const [p50Ms, p99Ms] = [quantile(took, 0.5), quantile(took, 0.99)];
  return { answered: took.length, failed, requestsPerSecond: took.length / spent, p50Ms, p99Ms };
}

answerQuestions({
  pin: (core: number) => void spawnSync('taskset', ['-acp', String(core), String(process.pid)]),
  run,
} satisfies PacedLoadProcess);
