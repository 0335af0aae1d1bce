/** The load: autocannon in a process of its own. */
import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { answerQuestions } from '../child.ts';

/** For how long, or how often, to ask. */
export type Extent = { readonly seconds: number } | { readonly requests: number };

export interface LoadPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly extent: Extent;
  /** What every response's body must be. */
  readonly expectBody: string;
}

export interface LoadResult {
  /** Responses of status 2xx. */
  readonly succeeded: number;
  /** Responses of another status, with another body, and requests without a response. */
  readonly failed: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type LoadProcess = { run(plan: LoadPlan): Promise<LoadResult> };

/** How often autocannon looks whether it is done, in milliseconds; its own default of a second ends runs late. */
const SAMPLE_MS = 50;

/** A machine may be busy with other things for a while, which is no fault of the gateway's. */
const TIMEOUT_SECONDS = 30;

function run({ url, headers, connections, extent, expectBody }: LoadPlan): Promise<LoadResult> {
  // autocannon's own histogram counts whole milliseconds, which is coarse for a loopback.
  const microseconds = createHistogram();
  const startedAt = performance.now();
  let lastAt = startedAt;
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        headers,
        connections,
        expectBody,
        timeout: TIMEOUT_SECONDS,
        sampleInt: SAMPLE_MS,
        ...('seconds' in extent ? { duration: extent.seconds } : { amount: extent.requests }),
      },
      (error, result) => {
        if (error) return reject(error);
        resolve({
          succeeded: result['2xx'],
          failed: result.non2xx + result.errors + result.mismatches,
          requestsPerSecond: (result['2xx'] * 1000) / (lastAt - startedAt),
          p50Ms: microseconds.percentile(50) / 1000,
          p99Ms: microseconds.percentile(99) / 1000,
        });
      },
    );
    instance.on('response', (_client, _status, _bytes, responseMs) => {
      microseconds.record(Math.max(1, Math.round(responseMs * 1000)));
      lastAt = performance.now();
    });
  });
}

answerQuestions({ run } satisfies LoadProcess);
