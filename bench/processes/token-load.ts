/** Asks with each token of a file once, on connections that stay open. */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { answerQuestions } from '../child.ts';
import { quantile } from '../quantile.ts';

export interface TokenLoad {
  readonly origin: string;
  /** One secret a line. */
  readonly file: string;
  /** Which lines, from 0; the last is not asked with. */
  readonly from: number;
  readonly to: number;
  readonly connections: number;
}

export interface TokenLoadResult {
  readonly answered: number;
  /** Answers other than 200, and requests without one. */
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

export type TokenLoadProcess = { run(load: TokenLoad): Promise<TokenLoadResult> };

let read: { readonly file: string; readonly secrets: readonly string[] } | null = null;

async function run({ origin, file, from, to, connections }: TokenLoad): Promise<TokenLoadResult> {
  if (read?.file !== file) read = { file, secrets: readFileSync(file, 'latin1').split('\n') };
  const { secrets } = read;
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const took: number[] = [];
  const startedAt = performance.now();
  let next = from;
  let failed = 0;
  const askOn = async () => {
    while (next < to) {
      const sentAt = performance.now();
      const good = await ask(pool, secrets[next++] ?? '');
      if (good) took.push(performance.now() - sentAt);
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, askOn));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  const [p50Ms, p99Ms, longestMs] = [quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1)];
  return { answered: took.length, failed, seconds, p50Ms, p99Ms, longestMs };
}

async function ask(pool: Pool, secret: string): Promise<boolean> {
  try {
    const headers = { authorization: `SSWS ${secret}` };
    const { statusCode, body } = await pool.request({ path: '/', method: 'GET', headers });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

answerQuestions({ run } satisfies TokenLoadProcess);
