/** Asks as fast as answers come, or so often a second, and says what came back. The load is autocannon's. */
import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';

/** One request. */
export interface Ask {
  /** Under which its answers are counted. */
  readonly name: string;
  readonly method: NonNullable<autocannon.Request['method']>;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Load {
  /** An origin, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Asked in this order, again and again; each connection begins at another. */
  readonly asks: readonly Ask[];
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second of all connections together; null for as many as are answered. */
  readonly rate: number | null;
}

/** What the rate headers of the answers said. */
export interface RateHeaders {
  /** Answers that carried `X-Rate-Limit-Limit`. */
  readonly answers: number;
  /** Every `X-Rate-Limit-Limit` that was seen, in no order. */
  readonly limits: readonly number[];
  /** The smallest `X-Rate-Limit-Remaining`; null where none was seen. */
  readonly leastRemaining: number | null;
  /** Every `X-Rate-Limit-Reset`, in seconds since the epoch: one for each window. */
  readonly resets: readonly number[];
  /** The longest `Retry-After`, in seconds; null where none was seen. */
  readonly longestRetryAfter: number | null;
}

export interface Answers {
  /** How many answers, by name of the request and status. */
  readonly byAsk: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** Requests without an answer: connections that were refused or cut, or that waited too long. */
  readonly failed: number;
  readonly seconds: number;
  readonly rateHeaders: RateHeaders;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** How often autocannon looks whether it is done, in milliseconds. */
const SAMPLE_MS = 50;
const TIMEOUT_SECONDS = 30;

/** @throws Error when the URL cannot be used */
export function putLoad({ url, asks, connections, seconds, rate }: Load): Promise<Answers> {
  const tally = new Tally();
  const requests = asks.map((ask) => requestOf(ask, tally));
  const startedAt = performance.now();
  let begun = 0;
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections,
        duration: seconds,
        timeout: TIMEOUT_SECONDS,
        sampleInt: SAMPLE_MS,
        requests,
        // Each connection begins elsewhere, so that they do not all ask the same at the same time.
        setupClient: (client) => client.setRequests(turned(requests, begun++)),
        ...(rate === null ? {} : { overallRate: rate, connections: Math.min(connections, rate) }),
      },
      (error, result) => {
        if (error) return reject(error);
        resolve(tally.answers(result.errors, (performance.now() - startedAt) / 1000));
      },
    );
    instance.on('response', (_client, _status, _bytes, responseMs) => tally.took(responseMs));
  });
}

function turned<T>(all: readonly T[], by: number): T[] {
  const at = by % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}

function requestOf({ name, method, path, headers, body }: Ask, tally: Tally): autocannon.Request {
  return {
    method,
    path,
    headers: { ...headers },
    ...(body === null ? {} : { body }),
    onResponse: (status, _body, _context, answered) => tally.count(name, status, answered ?? {}),
  };
}

type Headers = NonNullable<autocannon.Request['headers']>;

/** Counts as answers come. */
class Tally {
  readonly #byAsk = new Map<string, Map<number, number>>();
  readonly #microseconds = createHistogram();
  readonly #limits = new Set<number>();
  readonly #resets = new Set<number>();
  #withHeaders = 0;
  #leastRemaining = Number.POSITIVE_INFINITY;
  #longestRetryAfter = Number.NEGATIVE_INFINITY;

  count(name: string, status: number, headers: Headers): void {
    const statuses = this.#byAsk.get(name) ?? new Map<number, number>();
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    this.#byAsk.set(name, statuses);
    for (const [key, value] of Object.entries(headers)) this.#header(key.toLowerCase(), Number(value));
  }

  took(ms: number): void {
    this.#microseconds.record(Math.max(1, Math.round(ms * 1000)));
  }

  answers(failed: number, seconds: number): Answers {
    const ms = (percent: number) =>
      this.#microseconds.count === 0 ? Number.NaN : this.#microseconds.percentile(percent) / 1000;
    return {
      byAsk: this.#byAsk,
      failed,
      seconds,
      rateHeaders: {
        answers: this.#withHeaders,
        limits: [...this.#limits],
        leastRemaining: finite(this.#leastRemaining),
        resets: [...this.#resets],
        longestRetryAfter: finite(this.#longestRetryAfter),
      },
      p50Ms: ms(50),
      p90Ms: ms(90),
      p99Ms: ms(99),
      longestMs: ms(100),
    };
  }

  #header(name: string, value: number): void {
    if (name === 'x-rate-limit-limit') {
      this.#withHeaders += 1;
      this.#limits.add(value);
    } else if (name === 'x-rate-limit-remaining')
      this.#leastRemaining = Math.min(this.#leastRemaining, value);
    else if (name === 'x-rate-limit-reset') this.#resets.add(value);
    else if (name === 'retry-after') this.#longestRetryAfter = Math.max(this.#longestRetryAfter, value);
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** All answers with a status from `from` to `to`. */
export function answered({ byAsk }: Pick<Answers, 'byAsk'>, from = 0, to = 999): number {
  let sum = 0;
  for (const statuses of byAsk.values())
    for (const [status, count] of statuses) if (status >= from && status <= to) sum += count;
  return sum;
}
