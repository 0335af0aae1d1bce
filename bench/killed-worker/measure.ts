/** Workers of one gateway that are killed under load. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { ask, keepAsking, oneConnection } from '../../test/support/load.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../../test/support/tollgate-process.ts';
import { listenOnLoopback } from '../listen.ts';
import { connectionsOf } from './connections.ts';

export interface Kill {
  /** From the kill until the worker in its place listened, in milliseconds. */
  readonly backMs: number;
  /** Requests that had no whole answer. */
  readonly lost: number;
  /** Connections that the killed worker held, each of which had one request under way at the most. */
  readonly held: number;
}

const WORKERS = 2;
/** Answers before each kill, so that every client has its connection and every worker its records. */
const WARM_UP = 500;
const authorization = { Authorization: `SSWS ${BOOTSTRAP_SECRET}` };
const LOOK_MS = 5;
const UP = 'a worker is up';

/** Starts a gateway of two workers from this program, and kills both that it began with, one after the other. */
export async function killWorkers(
  main: string,
  redisUrl: string,
  prefix: string,
  clients: number,
): Promise<Kill[]> {
  const upstream = createServer((_, response) => response.end('fine'));
  const origin = await listenOnLoopback(upstream);
  const config = `
    store: { kind: redis, url: "${redisUrl}", prefix: "${prefix}" }
    listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }
    forward: { upstreams: [{ name: api, targets: ["${origin}"], paths: [/] }] }
    limit: { unmatched: { max: unlimited, window: 60s } }
    workers: ${WORKERS}
  `;
  const tollgate = new TollgateProcess(config, [], [], main);
  try {
    await tollgate.ready();
    await tollgate.until(UP, WORKERS);
    const kills: Kill[] = [];
    for (const { pid = 0 } of tollgate.log(UP)) kills.push(await kill(tollgate, pid, clients));
    return kills;
  } finally {
    process.kill(tollgate.pid, 'SIGTERM');
    await tollgate.ended;
    upstream.closeAllConnections();
    upstream.close();
    await once(upstream, 'close');
  }
}

async function kill(tollgate: TollgateProcess, pid: number, clients: number): Promise<Kill> {
  const agents = Array.from({ length: clients }, oneConnection);
  let answered = 0;
  let lost = 0;
  const stop = keepAsking(clients, async (client) => {
    try {
      await ask(agents[client] ?? false, `${tollgate.proxy}/`, authorization);
      answered += 1;
    } catch {
      lost += 1;
    }
  });
  await more(() => answered, WARM_UP);
  const before = tollgate.log(UP).length;
  const held = connectionsOf(pid, Number(new URL(tollgate.proxy).port));
  const at = performance.now();
  process.kill(pid, 'SIGKILL');
  await tollgate.until(UP, before + 1);
  const backMs = performance.now() - at;
  await more(() => answered, WARM_UP);
  await stop();
  for (const agent of agents) agent.destroy();
  return { backMs, lost, held };
}

/** Waits until so many more have been counted. */
async function more(count: () => number, enough: number): Promise<void> {
  const from = count();
  while (count() < from + enough) await setTimeout(LOOK_MS);
}
