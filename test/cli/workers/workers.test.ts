import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ask, keepAsking, oneConnection } from '../../support/load.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../../support/tollgate-process.ts';

const CLIENTS = 16;
/** Of the limited endpoint's maximum, the token has half. */
const MAX = 400;
const authorization = { Authorization: `SSWS ${BOOTSTRAP_SECRET}` };

let redis: RedisServer;
let upstream: Server;
let origin: string;
/** Requests that the upstream got, by path. */
const got = new Map<string, number>();
/** Answers to `/held`, which waits until a test gives them. */
const held: ServerResponse[] = [];
const processes: TollgateProcess[] = [];
/** One for most tests, and one that is ended in its own way. */
let tollgate: TollgateProcess;
let toldTwice: TollgateProcess;

beforeAll(async () => {
  redis = await startRedis();
  upstream = createServer((request, response) => {
    const url = request.url ?? '';
    got.set(url, (got.get(url) ?? 0) + 1);
    if (url === '/held') held.push(response);
    else response.end('fine');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  [tollgate, toldTwice] = [start('a:'), start('b:')];
  for (const each of processes) {
    await each.ready();
    await each.until('a worker is up', 2);
  }
});
afterAll(async () => {
  await Promise.all(processes.map((each) => each.kill()));
  upstream.closeAllConnections();
  upstream.close();
  await redis.stop();
});

function start(prefix: string, proxy = '127.0.0.1:0'): TollgateProcess {
  const started = new TollgateProcess(`
    store: { kind: redis, url: "${redis.url}", prefix: "${prefix}", commandTimeout: 5s }
    listen: { proxy: "${proxy}", admin: 127.0.0.1:0, metrics: 127.0.0.1:0, drainDelay: 100ms }
    endpoints: [{ name: limited, match: "GET /limited", max: ${MAX}, window: 1h }]
    forward: { upstreams: [{ name: api, targets: ["${origin}"], paths: [/] }] }
    limit: { unmatched: { max: unlimited, window: 60s } }
    log: { access: true }
    workers: 2
  `);
  processes.push(started);
  return started;
}

async function metric(tollgate: TollgateProcess, series: string): Promise<number> {
  const { body } = await ask(false, `${tollgate.metrics}/metrics`);
  const line = body.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}

const FORWARDED = 'tollgate_requests_total{endpoint="unmatched",decision="forwarded"}';
const pids = (tollgate: TollgateProcess) => tollgate.log('a worker is up').map(({ pid = 0 }) => pid);

const most = (counts: ReadonlyMap<number, number>) => Math.max(0, ...counts.values());

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a gateway of two workers', () => {
  it('serves from both, and tells the requests of both as one sum', async () => {
    for (let asked = 0; asked < 20; asked += 1) await ask(false, `${tollgate.proxy}/free`, authorization);
    expect(await metric(tollgate, FORWARDED)).toBe(20);
    await expect
      .poll(() => new Set(tollgate.log('request').map(({ worker }) => worker)))
      .toEqual(new Set([1, 2]));
    expect(JSON.parse((await ask(false, `${tollgate.metrics}/readyz`)).body)).toEqual({
      status: 'ok',
      components: { store: 'ok', config: 'ok', workers: 'ok' },
    });
  });

  it('loses no more than its own requests when a worker is killed, has it back, and keeps to the limits', async () => {
    const agents = Array.from({ length: CLIENTS }, oneConnection);
    /** By client, the request before each that was lost. */
    const lost: string[] = [];
    const last = new Map<number, string>();
    const lostBy = new Map<number, number>();
    let answered = 0;
    let admitted = 0;
    const stop = keepAsking(CLIENTS, async (client) => {
      const path = answered % 8 === 0 ? '/limited' : '/free';
      try {
        const { status, requestId } = await ask(
          agents[client] ?? false,
          `${tollgate.proxy}${path}`,
          authorization,
        );
        last.set(client, requestId);
        answered += 1;
        if (path === '/limited' && status === 200) admitted += 1;
        expect(status).toBeOneOf(path === '/limited' ? [200, 429] : [200]);
      } catch {
        lost.push(last.get(client) ?? '');
        lostBy.set(client, (lostBy.get(client) ?? 0) + 1);
      }
    });
    onTestFinished(stop);
    await expect.poll(() => answered).toBeGreaterThan(200);
    const before = await metric(tollgate, FORWARDED);
    const [victim] = tollgate.log('a worker is up');
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await tollgate.until('a worker is up', 3);
    const back = answered;
    await expect.poll(() => answered).toBeGreaterThan(back + 200);
    await stop();
    for (const agent of agents) agent.destroy();

    await expect
      .poll(async () => JSON.parse((await ask(false, `${tollgate.metrics}/readyz`)).body))
      .toMatchObject({ status: 'ok' });
    // Each client had one request under way, and those that lost it had been talking to the worker that was killed.
    expect(lost.length).toBeLessThan(CLIENTS);
    expect(most(lostBy)).toBeLessThanOrEqual(1);
    const workerOf = new Map(tollgate.log('request').map(({ requestId, worker }) => [requestId, worker]));
    // What a killed process had not written of its log is lost with it, so not every request is told.
    const told = lost.map((requestId) => workerOf.get(requestId)).filter((worker) => worker !== undefined);
    expect(new Set(told)).toEqual(new Set(told.length === 0 ? [] : [victim?.worker]));
    // Connections stay with whom they have, so it takes new ones.
    await expect
      .poll(async () => {
        await ask(false, `${tollgate.proxy}/free`, authorization);
        return tollgate.log('request').some(({ worker }) => worker === 3);
      })
      .toBe(true);
    // At once: nothing was waited for between its end and the start of the next.
    expect(tollgate.log('a worker has died and is replaced')).toMatchObject([
      { worker: victim?.worker, signal: 'SIGKILL', replacedAfterMs: 0 },
    ]);
    expect(tollgate.output.indexOf('a worker has died')).toBeLessThan(
      tollgate.output.lastIndexOf('"a worker is up"'),
    );
    expect(await metric(tollgate, 'tollgate_worker_deaths_total')).toBe(1);
    expect(await metric(tollgate, FORWARDED)).toBeGreaterThan(before);
    expect(got.get('/limited') ?? 0).toBeLessThanOrEqual(MAX / 2);
    expect(admitted).toBeLessThanOrEqual(MAX / 2);
    expect(admitted).toBeGreaterThan(0);
  });

  it('lets the requests of all workers end on SIGTERM, and exits with 0', async () => {
    const agents = Array.from({ length: 4 }, oneConnection);
    const answers = agents.map((agent) => ask(agent, `${tollgate.proxy}/held`, authorization));
    await expect.poll(() => held.length).toBe(4);
    process.kill(tollgate.pid, 'SIGTERM');
    await expect.poll(async () => (await ask(false, `${tollgate.metrics}/readyz`)).status).toBe(503);
    for (const response of held.splice(0)) response.end('in time');
    for (const answer of answers) expect(await answer).toMatchObject({ status: 200, body: 'in time' });
    for (const agent of agents) agent.destroy();
    expect(await tollgate.ended).toBe(0);
    expect(pids(tollgate).filter(runs)).toEqual([]);
  });
});

describe('a primary', () => {
  it('closes the connection that it was handing to a worker which is killed, so that nobody waits for it', async () => {
    const victim = pids(toldTwice)[0] ?? 0;
    // It takes nothing more, and one connection is handed to it.
    process.kill(victim, 'SIGSTOP');
    let answered = 0;
    const asked = Array.from({ length: 4 }, async () => {
      await ask(false, `${toldTwice.proxy}/free`, authorization);
      answered += 1;
    });
    const settled = Promise.allSettled(asked);
    await expect.poll(() => answered).toBe(3);
    process.kill(victim, 'SIGKILL');
    const lost = (await settled).filter(({ status }) => status === 'rejected');
    expect(lost).toHaveLength(1);
    await toldTwice.until('a worker is up', 3);
  });

  it('has a worker that is starting reload too, since it may have read the configuration before it changed', async () => {
    process.kill(pids(toldTwice).at(-1) ?? 0, 'SIGKILL');
    await toldTwice.until('a worker has died and is replaced', 2);
    process.kill(toldTwice.pid, 'SIGHUP');
    // By the primary, by the worker that was up, and by the one that was not.
    await toldTwice.until('the configuration was reloaded', 3);
    const [, , , fourth] = toldTwice.log('a worker is up');
    expect(toldTwice.log('the configuration was reloaded').map(({ worker }) => worker)).toContain(
      fourth?.worker,
    );
  });

  it('ends at once, with its workers, on a second SIGTERM', async () => {
    const answer = ask(false, `${toldTwice.proxy}/held`, authorization).catch(() => 'cut off');
    await expect.poll(() => held.length).toBe(1);
    process.kill(toldTwice.pid, 'SIGTERM');
    await expect.poll(() => toldTwice.output).toContain('once more ends at once');
    process.kill(toldTwice.pid, 'SIGTERM');
    expect(await toldTwice.ended).toBe(1);
    expect(await answer).toBe('cut off');
    await expect.poll(() => pids(toldTwice).filter(runs)).toEqual([]);
    held.length = 0;
  });

  it('does not start where its workers cannot, and says why', async () => {
    const refused = start('d:', new URL(origin).host);
    expect(await refused.ended).toBe(1);
    expect(refused.output).toContain('listen.proxy: ');
    expect(refused.output).toContain('A worker ended before it was ready');
  });
});
