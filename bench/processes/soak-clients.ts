/** The clients of the soak: each asks one request after the other, of a kind that is drawn. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Pool } from 'undici';
import { WebSocket } from 'ws';
import { mintSecret } from '../../src/domain/secret.ts';
import { answerQuestions } from '../child.ts';
import { quantile } from '../quantile.ts';
import type { ClientCounts, Latency } from '../soak/counts.ts';

export interface SoakPlan {
  readonly origin: string;
  readonly clients: number;
}

export type SoakClients = {
  /** What is asked with from now on, in no order. */
  tokens(secrets: readonly string[]): void;
  begin(plan: SoakPlan): void;
  /** Latencies of plain GETs since the last time. */
  latency(): Latency;
  /** Lets every request end, closes all connections, and says what was seen since the process began. */
  end(): Promise<ClientCounts>;
};

const BODY = Buffer.alloc(20_000, 'x');
/** How often each kind comes among 100. */
const KINDS: readonly (readonly [often: number, kind: (pool: Pool, origin: string) => Promise<void>])[] = [
  [56, get],
  [15, post],
  [5, events],
  [5, socket],
  [7, limited],
  [4, (pool) => ask(pool, 'GET', '/get', mintSecret('tg'))],
  [4, (pool) => ask(pool, 'GET', '/get', 'no-token')],
  [4, (_, origin) => hangUp(origin)],
];
/** Between two requests of one client: a load that leaves room, for its latency is to be compared. */
const PAUSE_MS = 10;

const counts = { sent: 0, hungUp: 0, cut: 0 };
const statuses: Record<string, number> = {};
let secrets: readonly string[] = [];
let took: number[] = [];
let going = false;
let running: Promise<unknown> = Promise.resolve();

const anySecret = () => secrets[Math.floor(Math.random() * secrets.length)] ?? '';
const count = (status: number) => {
  statuses[status] = (statuses[status] ?? 0) + 1;
};

async function ask(
  pool: Pool,
  method: 'GET' | 'POST',
  path: string,
  secret: string,
  sent: Buffer | null = null,
): Promise<void> {
  counts.sent += 1;
  try {
    const headers = { authorization: `SSWS ${secret}` };
    const { statusCode, body } = await pool.request({ path, method, headers, body: sent });
    for await (const _ of body);
    count(statusCode);
  } catch {
    counts.cut += 1;
  }
}

async function get(pool: Pool): Promise<void> {
  const sentAt = performance.now();
  await ask(pool, 'GET', '/get', anySecret());
  took.push(performance.now() - sentAt);
}

function post(pool: Pool): Promise<void> {
  return ask(pool, 'POST', '/post', anySecret(), BODY);
}

function events(pool: Pool): Promise<void> {
  return ask(pool, 'GET', '/events', anySecret());
}

/** An endpoint with a small maximum, so that most are refused. */
function limited(pool: Pool): Promise<void> {
  return ask(pool, 'GET', '/limited', anySecret());
}

/** Opens, sends one message, waits for the echo, and closes in order. */
function socket(_: Pool, origin: string): Promise<void> {
  counts.sent += 1;
  return new Promise((resolve) => {
    const opened = new WebSocket(`${origin.replace('http', 'ws')}/socket`, {
      headers: { authorization: `SSWS ${anySecret()}` },
    });
    let status = 0;
    opened.once('open', () => {
      status = 101;
      opened.send('echo');
    });
    opened.once('message', () => opened.close());
    opened.once('unexpected-response', (request, response) => {
      status = response.statusCode ?? 0;
      request.destroy();
      opened.terminate();
    });
    opened.once('error', () => {});
    opened.once('close', () => {
      if (status === 0) counts.cut += 1;
      else count(status);
      resolve();
    });
  });
}

/** Sends a whole head and a part of the body, and is gone. */
async function hangUp(origin: string): Promise<void> {
  const { hostname, port } = new URL(origin);
  const client = connect(Number(port), hostname);
  client.on('error', () => {});
  const closed = once(client, 'close');
  const head = `POST /post HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: SSWS ${anySecret()}\r\nContent-Length: 30000\r\n\r\n`;
  client.write(head + 'x'.repeat(1000), () => {
    counts.sent += 1;
    counts.hungUp += 1;
    // Time for the head to be read: whoever leaves sooner was never there.
    setTimeout(() => client.destroy(), 2 * PAUSE_MS);
  });
  await closed;
}

function begin({ origin, clients }: SoakPlan): void {
  going = true;
  const pool = new Pool(origin, { connections: clients, pipelining: 1 });
  const client = async () => {
    while (going) {
      await draw()(pool, origin);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  running = Promise.all(Array.from({ length: clients }, client)).then(() => pool.close());
}

function draw() {
  let left = Math.random() * 100;
  for (const [often, kind] of KINDS) {
    left -= often;
    if (left < 0) return kind;
  }
  return get;
}

answerQuestions({
  tokens(given: readonly string[]) {
    secrets = given;
  },
  begin,
  latency() {
    const taken = took;
    took = [];
    return { answered: taken.length, p50Ms: quantile(taken, 0.5), p99Ms: quantile(taken, 0.99) };
  },
  async end() {
    going = false;
    await running;
    return { ...counts, statuses };
  },
} satisfies SoakClients);
