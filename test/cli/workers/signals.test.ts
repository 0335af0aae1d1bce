/** What reaches the workers of a primary: a reload, its death, and a reader of the log that stands still. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, keepAsking, oneConnection } from '../../support/load.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../../support/tollgate-process.ts';

const CLIENTS = 8;
const authorization = { Authorization: `SSWS ${BOOTSTRAP_SECRET}` };
/** Makes the line of a request in the log long. */
const LONG_PATH = `/${'a'.repeat(4_000)}`;

let redis: RedisServer;
let tollgate: TollgateProcess;

beforeAll(async () => {
  redis = await startRedis();
  tollgate = await new TollgateProcess(yaml(10)).ready();
}, 60_000);
afterAll(async () => {
  await tollgate.kill();
  await redis.stop();
});

function yaml(max: number): string {
  return `
    store: { kind: redis, url: "${redis.url}", commandTimeout: 5s }
    listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }
    endpoints: [{ name: users, match: "GET /users", max: ${max}, window: 1h }]
    forward: { upstreams: [{ name: api, targets: ["builtin:echo"], paths: [/] }] }
    log: { access: true }
    workers: 2
  `;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('SIGHUP to the primary puts a changed configuration in force in every worker', async () => {
  writeFileSync(tollgate.file, yaml(40));
  process.kill(tollgate.pid, 'SIGHUP');
  const reloaded = () => tollgate.log('the configuration was reloaded').map(({ worker }) => worker ?? 0);
  await expect.poll(() => reloaded().sort()).toEqual([0, 1, 2]);
  // Half of the maximum is the token's, whichever worker counts.
  const answered = new Set<number | undefined>();
  while (answered.size < 2) {
    const response = await fetch(`${tollgate.proxy}/users`, {
      headers: { ...authorization, Connection: 'close' },
    });
    await response.arrayBuffer();
    expect(response.headers.get('x-rate-limit-limit')).toBe('20');
    const requestId = response.headers.get('x-request-id') ?? '';
    const line = () => tollgate.log('request').find((each) => each.requestId === requestId);
    await expect.poll(line).toBeDefined();
    answered.add(line()?.worker);
  }
});

it('lines of the log that workers drop are counted, while every request is answered', async () => {
  tollgate.child.stdout?.pause();
  const agents = Array.from({ length: CLIENTS }, oneConnection);
  const stop = keepAsking(CLIENTS, async (client) => {
    const { status } = await ask(agents[client] ?? false, `${tollgate.proxy}${LONG_PATH}`);
    expect(status).toBe(403);
  });
  await expect
    .poll(
      async () => {
        const { body } = await ask(false, `${tollgate.metrics}/metrics`);
        return Number(/^tollgate_log_dropped_total (\d+)$/m.exec(body)?.[1]);
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThan(0);
  await stop();
  for (const agent of agents) agent.destroy();
  tollgate.child.stdout?.resume();
}, 40_000);

it('workers end when their primary is killed', async () => {
  const workers = tollgate.log('a worker is up').map(({ pid = 0 }) => pid);
  expect(workers.filter(runs)).toHaveLength(2);
  process.kill(tollgate.pid, 'SIGKILL');
  await tollgate.ended;
  await expect.poll(() => workers.filter(runs)).toEqual([]);
});
