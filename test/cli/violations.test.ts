/** Gateways as they are served, on one store: what the System Log tells of requests that they refuse. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { assembleGateway, type Gateway } from '../../src/cli/assemble.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { LogEvent } from '../../src/domain/log-event.ts';
import type { Store } from '../../src/domain/store.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aShare, aToken, aUser, aZone } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const CONFIG = `
zone: { trustedProxies: [127.0.0.0/8] }
endpoints: [{ name: users, match: "GET /users", max: 10, window: 60s }]
account: { flushEvery: 1s }
forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:1"], paths: [/] }] }
`;

let server: RedisServer;
let clock: ManualClock;
let opened = 0;
let stores: Store[];
let gateways: { readonly gateway: Gateway; readonly origin: string }[];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  clock = manualClock();
  stores = [];
  gateways = [];
  const prefix = `gateways-${opened++}:`;
  for (let count = 0; count < 2; count++) {
    const store = await openRedisStore({ url: server.url, prefix, commandTimeoutMs: 5_000, clock });
    stores.push(store);
    const gateway = await assembleGateway(
      parseConfig(CONFIG, {}, 'x.yaml'),
      store,
      clock,
      createLog('silent'),
    );
    const { port } = await gateway.transport.listen(0, '127.0.0.1');
    gateways.push({ gateway, origin: `http://127.0.0.1:${port}` });
  }
});

/** Ends the gateways, which lets them write what waits, and reads the log. */
async function log(): Promise<readonly LogEvent[]> {
  for (const { gateway } of gateways) await gateway.stop(0);
  const all = { since: null, until: null, after: null, limit: 1000 };
  const page = await stores[0]?.events({ by: 'persisted', order: 'ascending', ...all });
  for (const store of stores) await store.close();
  return page?.items.map(({ event }) => event) ?? [];
}

async function ask(secret: string, from: string): Promise<number[]> {
  const statuses: number[] = [];
  for (const { origin } of gateways) {
    const headers = { authorization: `SSWS ${secret}`, 'x-forwarded-for': from };
    const response = await fetch(`${origin}/users?secret=42`, { headers });
    await response.body?.cancel();
    statuses.push(response.status);
  }
  return statuses;
}

describe('two gateways on one store', () => {
  it('tell of a token used from outside its zones once, however often it is', async () => {
    const owner = aUser();
    const zone = aZone(['192.0.2.0/24']);
    const { token, secret } = aToken(owner.id, { network: { connection: 'ZONE', include: [zone.id] } });
    await stores[0]?.commit([
      { put: 'user', user: owner },
      { put: 'zone', zone },
      { put: 'token', token },
    ]);
    for (let round = 0; round < 5; round++) expect(await ask(secret, '198.51.100.1')).toEqual([403, 403]);
    expect(await log()).toMatchObject([
      {
        eventType: 'system.api_token.request_outside_allowed_range',
        client: { ipAddress: '198.51.100.1', ipChain: ['198.51.100.1', '127.0.0.1'] },
        target: [{ id: token.id }, { id: owner.id }],
        debugData: { requestUri: '/users' },
      },
    ]);
  });

  it('tell of a spent share once for its window', async () => {
    const owner = aUser();
    const { token, secret } = aToken(owner.id);
    await stores[0]?.commit([
      { put: 'user', user: owner },
      { put: 'token', token },
      { put: 'share', share: aShare(token.id, { percentage: 20 }) },
    ]);
    const statuses: number[] = [];
    for (let round = 0; round < 5; round++) statuses.push(...(await ask(secret, '198.51.100.1')));
    expect(statuses.filter((status) => status !== 429)).toHaveLength(2);
    const told = await log();
    expect(told.filter(({ eventType }) => eventType === 'system.operation.rate_limit.warning')).toHaveLength(
      1,
    );
    expect(told.filter(({ eventType }) => !eventType.endsWith('.warning'))).toMatchObject([
      {
        eventType: 'system.operation.rate_limit.violation',
        debugData: { operationRateLimitThreshold: '2', urlPattern: 'users' },
      },
    ]);
  });

  it('tell of nothing when a token that nobody knows is refused', async () => {
    const { secret } = aToken('00uNobody');
    expect(await ask(secret, '198.51.100.1')).toEqual([401, 401]);
    expect(await log()).toEqual([]);
  });
});
