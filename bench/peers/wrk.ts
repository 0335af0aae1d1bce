/** wrk, which asks faster than a gateway answers and says what it got. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Asking {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** A file beside this one that makes other requests than a plain GET, and what it is told. */
  readonly script: { readonly file: string; readonly args: readonly string[] } | null;
  /** The core it runs on. */
  readonly core: number;
}

export interface Answered {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers of a status other than 2xx or 3xx. */
  readonly refused: number;
  /** Connections that failed, were cut, or waited too long. */
  readonly failed: number;
}

/** @throws Error with wrk's own words when it cannot say what it got */
export async function ask({ origin, path, headers, script, ...asking }: Asking): Promise<Answered> {
  const file = script === null ? [] : ['-s', fileURLToPath(new URL(script.file, import.meta.url))];
  const args = [
    [
      '-c',
      String(asking.core),
      'wrk',
      '-t1',
      `-c${asking.connections}`,
      `-d${asking.seconds}s`,
      '--timeout',
      '30s',
    ],
    ['--latency', ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])],
    [...file, origin + path, ...(script === null ? [] : ['--', ...script.args])],
  ].flat();
  const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const requests = /(\d+) requests in/.exec(said)?.[1];
  if (requests === undefined) throw new Error(`wrk said: ${said}${complained}`);
  const errors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1) ?? [];
  return {
    requests: Number(requests),
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]),
    p50Ms: milliseconds(/50%\s+([\d.]+\w+)/.exec(said)?.[1]),
    p99Ms: milliseconds(/99%\s+([\d.]+\w+)/.exec(said)?.[1]),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(said)?.[1] ?? 0),
    failed: errors.reduce((sum, each) => sum + Number(each), 0),
  };
}

function milliseconds(written = ''): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(written) ?? [];
  const factor = { us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit ?? ''];
  return Number(number) * (factor ?? Number.NaN);
}
