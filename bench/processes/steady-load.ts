/** A load of so many requests a second, whatever the answers take. */
import { Agent, request } from 'undici';
import { answerQuestions } from '../child.ts';

export interface SteadyLoad {
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** Of all the URLs together. */
  readonly requestsPerSecond: number;
}

export interface SteadyResult {
  readonly succeeded: number;
  readonly failed: number;
  readonly requestsPerSecond: number;
}

export type SteadyLoadProcess = {
  begin(load: SteadyLoad): void;
  /** How it went. */
  end(argument: undefined): SteadyResult;
};

const TICK_MS = 10;
/** Requests that wait at the same time: a machine that cannot keep up is not asked for more and more. */
const WAITING_MAX = 200;

let running: { readonly timer: NodeJS.Timeout; readonly result: () => SteadyResult } | null = null;

function begin({ urls, headers, requestsPerSecond }: SteadyLoad): void {
  const dispatcher = new Agent({ connections: 32, pipelining: 1 });
  const startedAt = performance.now();
  let [succeeded, failed, sent, waiting] = [0, 0, 0, 0];
  const ask = async (url: string) => {
    waiting += 1;
    try {
      const { statusCode, body } = await request(url, { headers, dispatcher });
      await body.dump();
      if (statusCode === 200) succeeded += 1;
      else failed += 1;
    } catch {
      failed += 1;
    } finally {
      waiting -= 1;
    }
  };
  let due = 0;
  const tick = () => {
    due += (requestsPerSecond * TICK_MS) / 1000;
    for (; due >= 1; due--) {
      const url = urls[sent++ % urls.length];
      if (url !== undefined && waiting < WAITING_MAX) void ask(url);
    }
  };
  const result = () => {
    const seconds = (performance.now() - startedAt) / 1000;
    return { succeeded, failed, requestsPerSecond: succeeded / seconds };
  };
  running = { timer: setInterval(tick, TICK_MS), result };
}

function end(): SteadyResult {
  if (running === null) throw new Error('no load is running');
  clearInterval(running.timer);
  return running.result();
}

answerQuestions({ begin, end } satisfies SteadyLoadProcess);
