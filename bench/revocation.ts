/**
 * How long a revocation travels: four gateway processes on a real Redis, under load, each of which has the token in
 * its cache. From the moment at which the write is acknowledged until the last of them refuses. Prints a table
 * (docs/benchmarks.md). Wants `redis-server` on the PATH, or TEST_REDIS_SERVER.
 */
import { Redis } from 'ioredis';
import { Client } from 'undici';
import { newId } from '../src/domain/ids.ts';
import { mintSecret, secretIndex } from '../src/domain/secret.ts';
import type { Token } from '../src/domain/token.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { openRedisStore } from '../src/store/redis/store.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { Child } from './child.ts';
import { describeMachine } from './machine.ts';
import type { RevocationGateway } from './processes/revocation-gateway.ts';
import type { SteadyLoadProcess } from './processes/steady-load.ts';
import type { UpstreamProcess } from './processes/upstream.ts';
import { PATH } from './request.ts';
import { table } from './table.ts';
import { addRecords } from './tollgate/records.ts';

const GATEWAYS = 4;
const REVOCATIONS = 200;
const REQUESTS_PER_SECOND = 2_000;

const server = await startRedis();
const raw = new Redis(server.url);
const module = (name: string) => new URL(`./processes/${name}.ts`, import.meta.url);
const upstream = Child.start<UpstreamProcess>(module('upstream'));
const load = Child.start<SteadyLoadProcess>(module('steady-load'));
const gateways = Array.from({ length: GATEWAYS }, () =>
  Child.start<RevocationGateway>(module('revocation-gateway')),
);
const clients: Client[] = [];
try {
  const version = /redis_version:(\S+)/.exec(await raw.info('server'))?.[1];
  const surroundings = { redis: server.url, upstream: await upstream.ask('listen', undefined as never) };
  const store = await openRedisStore({
    url: server.url,
    prefix: 'tg:',
    commandTimeoutMs: 10_000,
    clock: systemClock,
  });
  const secret = mintSecret('tg');
  const { token } = await addRecords(store, secret, false);
  const issued = Array.from({ length: REVOCATIONS }, () => issue(token));
  await store.commit(issued.map((each) => ({ put: 'token', token: each.token })));
  const origins = await Promise.all(gateways.map((gateway) => gateway.ask('start', surroundings)));
  for (const origin of origins) clients.push(new Client(origin, { pipelining: 1 }));
  await load.ask('begin', {
    urls: origins.map((origin) => `${origin}${PATH}`),
    headers: { authorization: `SSWS ${secret}` },
    requestsPerSecond: REQUESTS_PER_SECOND,
  });

  const took: number[] = [];
  const ordinary: number[] = [];
  let servedAfterwards = 0;
  for (const each of issued) {
    // Each gateway has it in its cache, where it is believed for an hour.
    for (const client of clients) await expectServed(client, each.secret);
    await Promise.all(
      clients.map(async (client) => {
        const sent = performance.now();
        await expectServed(client, each.secret);
        ordinary.push(performance.now() - sent);
      }),
    );
    await store.commit([{ put: 'token', token: { ...each.token, revokedAt: systemClock.now() } }]);
    const acknowledged = performance.now();
    await Promise.all(clients.map((client) => untilRefused(client, each.secret)));
    took.push(performance.now() - acknowledged);
  }
  const { succeeded, failed, requestsPerSecond } = await load.ask('end', undefined);
  await store.close();

  const headings = [`at ${GATEWAYS} gateways`, 'times', 'p50 ms', 'p99 ms', 'longest ms'];
  const rows = [
    cells('a revocation, until the last refuses', took),
    cells('a request that is served', ordinary),
  ];
  process.stdout.write(`${describeMachine()}; Redis ${version}\n\n${table(headings, rows)}\n`);
  process.stdout.write(
    `Load: ${requestsPerSecond.toFixed(0)} requests/s, ${succeeded} served, ${failed} failed. ` +
      `Served after the write was acknowledged: ${servedAfterwards} requests at ${took.length * GATEWAYS} turns.\n`,
  );

  async function untilRefused(client: Client, bearer: string): Promise<void> {
    while ((await statusOf(client, bearer)) !== 401) servedAfterwards += 1;
  }
} finally {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all([load, ...gateways, upstream].map((child) => child.end()));
  raw.disconnect();
  await server.stop();
}

function issue(like: Token): { readonly secret: string; readonly token: Token } {
  const secret = mintSecret('tg');
  return { secret, token: { ...like, id: newId('00T'), hash: secretIndex(secret, null) } };
}

async function statusOf(client: Client, secret: string): Promise<number> {
  const { statusCode, body } = await client.request({
    path: PATH,
    method: 'GET',
    headers: { authorization: `SSWS ${secret}` },
  });
  await body.dump();
  return statusCode;
}

async function expectServed(client: Client, secret: string): Promise<void> {
  const status = await statusOf(client, secret);
  if (status !== 200) throw new Error(`a gateway answered ${status} to a token that is good`);
}

function cells(what: string, times: readonly number[]): string[] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.ceil(sorted.length * part) - 1] ?? 0).toFixed(1);
  return [what, `${sorted.length}`, at(0.5), at(0.99), at(1)];
}
