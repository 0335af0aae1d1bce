import { once } from 'node:events';
import { type Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ask, keepAsking, oneConnection } from '../support/load.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../support/tollgate-process.ts';

const GATEWAYS = 4;
const CLIENTS = 8;
const PROBE_MS = 50;
/** Between the requests of one client: some hundred come each second, and the processor is left to what starts. */
const PAUSE_MS = 20;
const authorization = { Authorization: `SSWS ${BOOTSTRAP_SECRET}` };

/** A gateway as its balancer sees it, with a connection of each client. */
interface Backend {
  readonly tollgate: TollgateProcess;
  readonly agents: readonly Agent[];
  ready: boolean;
  served: number;
}

let redis: RedisServer;
let upstream: Server;
let received = 0;
const processes: TollgateProcess[] = [];

beforeAll(async () => {
  redis = await startRedis();
  upstream = createServer((request, response) => {
    received += 1;
    request.resume();
    request.once('end', () => response.end('fine'));
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});
afterAll(async () => {
  await Promise.all(processes.map((each) => each.kill()));
  upstream.closeAllConnections();
  upstream.close();
  await redis.stop();
});

async function start(): Promise<Backend> {
  const { port } = upstream.address() as AddressInfo;
  const tollgate = new TollgateProcess(
    `
    store: { kind: redis, url: "${redis.url}", commandTimeout: 5s }
    listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0, drainDelay: 1s }
    forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:${port}"], paths: [/] }] }
    limit: { unmatched: { max: unlimited, window: 60s } }
    `,
    ['--role', 'gateway'],
  );
  processes.push(tollgate);
  await tollgate.ready();
  return { tollgate, agents: Array.from({ length: CLIENTS }, oneConnection), ready: false, served: 0 };
}

/** Asks each backend now and then whether requests may come, as a balancer would. @returns what stops it */
function probing(backends: readonly Backend[]): () => void {
  const timer = setInterval(() => {
    for (const backend of backends) {
      ask(false, `${backend.tollgate.metrics}/readyz`).then(
        ({ status }) => {
          backend.ready = status === 200;
        },
        () => {
          backend.ready = false;
        },
      );
    }
  }, PROBE_MS);
  return () => clearInterval(timer);
}

it('four gateways that are restarted one after the other under load lose no request', async () => {
  const backends = await Promise.all(Array.from({ length: GATEWAYS }, start));
  const stopProbing = probing(backends);
  await expect.poll(() => backends.every(({ ready }) => ready)).toBe(true);

  const failures: unknown[] = [];
  let answered = 0;
  const stopAsking = keepAsking(CLIENTS, async (client) => {
    const ready = backends.filter((backend) => backend.ready);
    const backend = ready[(answered + client) % ready.length];
    if (backend === undefined) {
      failures.push('no gateway was ready');
      return;
    }
    try {
      const body = client % 2 === 0 ? null : 'of a request that must not be sent twice';
      const url = `${backend.tollgate.proxy}/x`;
      const { status } = await ask(backend.agents[client] ?? false, url, authorization, body);
      if (status !== 200) failures.push(status);
      answered += 1;
      backend.served += 1;
    } catch (error) {
      failures.push(error);
    }
    await after(PAUSE_MS);
  });
  onTestFinished(stopAsking);
  for (const old of backends.slice()) {
    process.kill(old.tollgate.pid, 'SIGTERM');
    const [code, next] = await Promise.all([old.tollgate.ended, start()]);
    expect(code).toBe(0);
    expect(old.served).toBeGreaterThan(0);
    backends.splice(backends.indexOf(old), 1, next);
    await expect.poll(() => next.ready && next.served > 0).toBe(true);
  }
  await stopAsking();
  stopProbing();
  for (const { agents } of backends) for (const agent of agents) agent.destroy();

  expect(failures).toEqual([]);
  expect(received).toBe(answered);
  expect(answered).toBeGreaterThan(GATEWAYS * CLIENTS);
});
