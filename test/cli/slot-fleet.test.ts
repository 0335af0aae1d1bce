/** Two gateway processes that share the maximum of requests under way, as their upstream sees it. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { SLOT_LEASE_MS } from '../../src/domain/slot-lease.ts';
import { slotsKey } from '../../src/store/redis/slot-source.ts';
import { ask, keepAsking, oneConnection } from '../support/load.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../support/tollgate-process.ts';
import { newName } from './slot-site.ts';
import { type SlotUpstream, startSlotUpstream } from './slot-upstream.ts';

const MAX = 4;
const KEY = slotsKey('tg:', 'slow');
const authorization = { Authorization: `SSWS ${BOOTSTRAP_SECRET}` };

let redis: RedisServer;
let raw: Redis;
let upstream: SlotUpstream;
let one: TollgateProcess;
let two: TollgateProcess;

beforeAll(async () => {
  redis = await startRedis();
  raw = new Redis(redis.url);
  upstream = await startSlotUpstream();
  const start = () =>
    new TollgateProcess(
      `
      store: { kind: redis, url: "${redis.url}", commandTimeout: 10s }
      listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }
      limit: { defaultPercentage: 100 }
      endpoints: [{ name: slow, match: "* /slow/**", max: unlimited, concurrent: ${MAX} }]
      forward: { upstreams: [{ name: api, targets: ${JSON.stringify(upstream.origins)}, paths: [/] }] }
      `,
    ).ready();
  one = await start();
  two = await start();
});
afterAll(async () => {
  await one.kill();
  await two.kill();
  raw.disconnect();
  await upstream.close();
  await redis.stop();
});

const connect = ({ proxy }: TollgateProcess) => RawClient.connect(Number(new URL(proxy).port));

/** Asks for an answer that the upstream leaves open. */
function sendOn(client: RawClient, name: string): void {
  client.send(
    `GET /slow/silent/${name} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization.Authorization}\r\n\r\n`,
  );
}

/** Asks again and again until a request stands open at the upstream. */
async function begin(gateway: TollgateProcess) {
  for (;;) {
    const client = await connect(gateway);
    const name = newName();
    sendOn(client, name);
    const stands = upstream.standing(name);
    const refused = client.response();
    const first = await Promise.race([stands, refused]);
    if (first !== null && 'socket' in first) return { client, at: first, answer: refused };
    expect(first?.status).toBe(429);
    client.destroy();
  }
}

async function redisNow(): Promise<number> {
  const [seconds = 0, micros = 0] = (await raw.time()).map(Number);
  return seconds * 1_000 + Math.floor(micros / 1_000);
}

/** When what each gateway holds lapses, on the clock of Redis. */
async function lapses(): Promise<number[]> {
  const held = Object.values(await raw.hgetall(KEY));
  return held.map((each) => (JSON.parse(each) as { lapses: number }).lapses);
}

const nothingHeld = () => expect.poll(() => lapses()).toEqual([]);

it('two gateways under load never have more under way at the upstream than may be', async () => {
  const clients = 8;
  const agents = Array.from({ length: clients }, oneConnection);
  const passed = [0, 0];
  let refused = 0;
  const stop = keepAsking(clients, async (client) => {
    const at = client % 2;
    const gateway = at === 0 ? one : two;
    const { status } = await ask(agents[client] ?? false, `${gateway.proxy}/slow/brief`, authorization);
    expect(status).toBeOneOf([200, 429]);
    if (status === 200) passed[at] = (passed[at] ?? 0) + 1;
    else refused += 1;
  });
  onTestFinished(stop);
  await expect.poll(() => Math.min(...passed, refused)).toBeGreaterThan(50);
  await stop();
  for (const agent of agents) agent.destroy();
  expect(upstream.most).toBe(MAX);
  await nothingHeld();
});

it('a gateway that stood still goes on with what it has under way, and admits nothing on what it held', async () => {
  const [first, second] = [await begin(one), await begin(one)];
  const waiting = await connect(one);
  process.kill(one.pid, 'SIGSTOP');
  // While it stands, a slot of its becomes free, and somebody asks for one.
  first.at.response?.end('the end');
  const late = newName();
  sendOn(waiting, late);
  const [lapsesAt = 0] = await lapses();
  const others = [await begin(two), await begin(two), await begin(two), await begin(two)];
  expect(await redisNow()).toBeGreaterThanOrEqual(lapsesAt);
  process.kill(one.pid, 'SIGCONT');

  expect((await first.answer)?.status).toBe(200);
  expect((await waiting.response())?.status).toBe(429);
  second.at.response?.end('the end');
  expect(await second.answer).toMatchObject({ status: 200, body: 'the end' });
  for (const { at, answer } of others) {
    at.response?.end('the end');
    expect((await answer)?.status).toBe(200);
  }
  await nothingHeld();
  for (const { client } of [first, second, ...others]) client.destroy();
  waiting.destroy();
});

it('what a killed gateway held is free when its lease has run out, and not before', async () => {
  for (let held = 0; held < MAX; held += 1) await begin(one);
  const refused = await ask(false, `${two.proxy}/slow/brief`, authorization);
  expect(refused.status).toBe(429);
  process.kill(one.pid, 'SIGKILL');
  await one.ended;
  const [lapsesAt = 0] = await lapses();
  expect(lapsesAt - (await redisNow())).toBeLessThanOrEqual(SLOT_LEASE_MS);
  const others = [await begin(two), await begin(two), await begin(two), await begin(two)];
  expect(await redisNow()).toBeGreaterThanOrEqual(lapsesAt);
  for (const { client } of others) client.destroy();
  await nothingHeld();
});
