/** Requests under way, through a whole gateway: however one ends, what it held is there for the next. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/domain/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Holder, newName, type SlotSite, startSlotSite } from './slot-site.ts';

/** Brings one request to where it is under way. @returns what ends it, resolved when its client has heard */
type Begin = (site: SlotSite, holder: Holder) => Promise<() => Promise<void>>;

/** A request that stands open at the upstream. */
async function begun(site: SlotSite, holder: Holder, how: string, method = 'GET', more = '', body = '') {
  const name = newName();
  const client = await site.send(holder, `/slow/${how}/${name}`, method, more);
  client.send(body);
  return { client, at: await site.upstream.standing(name) };
}

async function webSocket(site: SlotSite, holder: Holder) {
  const name = newName();
  const socket = await site.webSocket(holder, `/slow/socket/${name}`);
  return { socket, at: await site.upstream.standing(name), closed: once(socket, 'close') };
}

const endings: readonly (readonly [string, Begin])[] = [
  [
    'its answer is complete',
    async (site, holder) => {
      const { client, at } = await begun(site, holder, 'head');
      return async () => {
        at.response?.end('the end');
        expect((await client.response())?.complete).toBe(true);
      };
    },
  ],
  [
    'its client goes before there is an answer',
    async (site, holder) => {
      const { client } = await begun(site, holder, 'silent');
      return async () => client.destroy();
    },
  ],
  [
    'its client goes in the middle of the answer',
    async (site, holder) => {
      const { client } = await begun(site, holder, 'head');
      return async () => client.destroy();
    },
  ],
  [
    'its client goes in the middle of the upload',
    async (site, holder) => {
      const { client } = await begun(site, holder, 'silent', 'POST', 'Content-Length: 1000\r\n', 'a part');
      return async () => client.destroy();
    },
  ],
  [
    'its upstream resets the connection before the answer',
    async (site, holder) => {
      const { client, at } = await begun(site, holder, 'silent', 'POST', 'Content-Length: 0\r\n');
      return async () => {
        at.socket.resetAndDestroy();
        expect((await client.response())?.status).toBe(502);
      };
    },
  ],
  [
    'its upstream resets the connection in the middle of the answer',
    async (site, holder) => {
      const { client, at } = await begun(site, holder, 'head');
      return async () => {
        at.socket.resetAndDestroy();
        expect((await client.response())?.complete).toBe(false);
      };
    },
  ],
  [
    'it is answered by the second target, as the first has reset the connection',
    async (site, holder) => {
      const { client, at } = await begun(site, holder, 'retried');
      return async () => {
        at.response?.end('the end');
        expect((await client.response())?.complete).toBe(true);
      };
    },
  ],
  [
    'its WebSocket is closed by the client',
    async (site, holder) => {
      const { socket, closed } = await webSocket(site, holder);
      return async () => {
        socket.close();
        await closed;
      };
    },
  ],
  [
    'its WebSocket is closed by the upstream',
    async (site, holder) => {
      const { at, closed } = await webSocket(site, holder);
      return async () => {
        at.webSocket?.close(1000);
        await closed;
      };
    },
  ],
  [
    'its WebSocket is closed as the token is revoked',
    async (site, holder) => {
      const { closed } = await webSocket(site, holder);
      return async () => {
        await site.revoke(holder);
        expect((await closed)[0]).toBe(1008);
      };
    },
  ],
  [
    'its event stream is left by the client',
    async (site, holder) => {
      const { client } = await begun(site, holder, 'events');
      return async () => client.destroy();
    },
  ],
  [
    'its event stream is ended by the upstream',
    async (site, holder) => {
      const { client, at } = await begun(site, holder, 'events');
      return async () => {
        at.response?.end();
        expect((await client.response())?.complete).toBe(true);
      };
    },
  ],
  [
    'its event stream is cut as the token is revoked',
    async (site, holder) => {
      const { client } = await begun(site, holder, 'events');
      return async () => {
        await site.revoke(holder);
        expect((await client.response())?.complete).toBe(false);
      };
    },
  ],
  [
    'its account has a bug',
    async (site, holder) => {
      const { client, at } = await begun(site, holder, 'head');
      return async () => {
        site.accountFails = true;
        at.response?.end('the end');
        expect((await client.response())?.complete).toBe(true);
        await expect.poll(() => site.bugs.splice(0)).toEqual(['the account has a bug']);
        site.accountFails = false;
      };
    },
  ],
];

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const embedded = () => openEmbeddedStore({ path: ':memory:', clock: systemClock });
const shared = () =>
  openRedisStore({ url: redis.url, prefix: `${newName()}:`, commandTimeoutMs: 5_000, clock: systemClock });

describe.each([
  ['auto', 'the embedded store', embedded],
  ['general', 'the embedded store', embedded],
  ['auto', 'Redis', shared],
] as const)('over the transport %s and %s, of the two slots of an endpoint', (transport, _, open) => {
  let store: Store;
  let site: SlotSite;
  let other: Holder;
  beforeAll(async () => {
    store = await open();
    site = await startSlotSite({ transport, store });
    other = await site.issue();
  });
  afterAll(async () => {
    await site.close();
    await store.close();
  });

  it('none is left for the third request, which is told so as Okta tells it', async () => {
    const holder = await site.issue();
    const clients = [await begun(site, holder, 'silent'), await begun(site, holder, 'head')];
    for (const [who, scope] of [
      [holder, 'token'],
      [other, 'endpoint'],
    ] as const) {
      const third = await site.send(who, `/slow/head/${newName()}`);
      const response = await third.response();
      expect(response?.status).toBe(429);
      expect(JSON.parse(response?.body ?? '')).toMatchObject({ errorCode: 'E0000047' });
      expect(
        ['X-Rate-Limit-Limit', 'X-Rate-Limit-Remaining', 'Retry-After'].map((name) => response?.header(name)),
      ).toEqual(['0', '0', '1']);
      expect(response?.header('RateLimit-Policy')).toBe(`"concurrent-${scope}";q=2;qu="concurrent-requests"`);
      third.destroy();
    }
    for (const { client } of clients) client.destroy();
    await site.empty(holder);
    expect(site.upstream.most).toBe(2);
  });

  it.each(endings)('one is free again when %s', async (_what, begin) => {
    const holder = await site.issue();
    const next = await site.issue();
    const ends = [await begin(site, holder), await begin(site, holder)];
    const refused = await site.send(other, `/slow/head/${newName()}`);
    expect((await refused.response())?.status).toBe(429);
    refused.destroy();
    for (const end of ends) await end();
    await site.empty(holder);
    await site.expectRoom(next, other);
  });

  it('one is free again when nobody can be connected to', async () => {
    const holder = await site.issue();
    for (let asked = 0; asked < 3; asked += 1) {
      const client = await site.send(holder, `/nobody/${newName()}`);
      expect((await client.response())?.status).toBe(502);
      client.destroy();
    }
    await site.empty(holder);
    await site.expectRoom(holder, other);
  });
});

describe.each(['auto', 'general'] as const)('over the transport %s', (transport) => {
  it('a slot is free again when the upstream was too slow', async () => {
    const store = await embedded();
    const site = await startSlotSite({ transport, store, headTimeout: '100ms' });
    const holder = await site.issue();
    const other = await site.issue();
    for (let asked = 0; asked < 2; asked += 1) {
      const client = await site.send(holder, `/slow/silent/${newName()}`);
      expect((await client.response())?.status).toBe(504);
      client.destroy();
    }
    await site.empty(holder);
    await site.expectRoom(holder, other);
    await site.close();
    await store.close();
  });
});
