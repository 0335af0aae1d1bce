import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import { freePort } from '../support/free-port.ts';
import { aToken, aUser, aZone } from '../support/records.ts';
import { fact } from '../support/redis-cluster.ts';
import type { Sentinels } from '../support/redis-sentinel.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { atTheEnd, gateway, rawClient, sentinels } from '../support/redis-topologies.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { Ear } from './ear.ts';
import { Load } from './redis-load.ts';

/** How many requests the window has counted, as this server has it. */
async function counted(server: RedisServer, endpoint: string): Promise<number> {
  const raw = new Redis(server.url);
  const all = await raw.hget(windowKey('tg:', endpoint), 'all');
  raw.disconnect();
  return Number(all);
}

/** Resolves once the replica has all that was written before. */
async function replicatedAll({ primary }: Sentinels): Promise<void> {
  const raw = new Redis(primary.url);
  await raw.set('mark', '');
  await raw.wait(1, 5_000);
  raw.disconnect();
}

/** A push as Sentinel writes it in RESP3, which clients speak here. */
function announcement(text: string): string {
  return `>3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$${text.length}\r\n${text}\r\n`;
}

const user = aUser();
const { token } = aToken(user.id);
const asked = { tokenId: token.id, hash: token.hash };

describe('a failover by Sentinel', () => {
  it('under load is over without a restart: no token is unknown, a gap is told, and limits hold', async () => {
    const redis = await sentinels();
    const gateways = [await gateway(redis.url), await gateway(redis.url)];
    const stores = gateways.map(({ store }) => store);
    const [first, second] = stores;
    if (first === undefined || second === undefined) throw new Error('two were opened');
    await first.commit([
      { put: 'user', user },
      { put: 'token', token },
    ]);
    const ear = new Ear();
    await second.subscribe(ear);
    const endpoint = { name: 'users', max: 1_000, windowSeconds: 3600 };
    const load = new Load({ stores, endpoint, ...asked });
    await load.until(() => load.admitted > 200);
    await replicatedAll(redis);
    const replicated = await counted(redis.replica, 'users');
    await redis.primary.kill();
    await load.until(() => load.away > 0);
    const foundBefore = load.found;
    await load.until(() => load.found > foundBefore + 20 && load.refused > 0);
    await load.stop();
    await expect.poll(() => redis.primaryPort()).toBe(redis.replica.port);
    expect(load.unknown).toBe(0);
    expect(load.errors).toEqual([]);
    // One when the subscription was lost, one when it stood again; searching in between may tell more.
    await ear.until(() => ear.gaps >= 2);
    // Each finds the new primary when its pause is over, and its subscription may be sooner than its commands.
    for (const store of stores) await expect.poll(() => store.trouble()).toBeNull();
    await first.commit([{ put: 'zone', zone: aZone([]) }]);
    await ear.until(() => ear.changes.some(({ of }) => of === 'zones'));
    for (const { log } of gateways) {
      expect(log).toEqual([expect.stringMatching(/is away/), expect.stringMatching(/answers again/)]);
    }
    // What the dead primary had counted and the replica had not is what can be admitted twice.
    await redis.primary.restart();
    const lost = Math.max(0, (await counted(redis.primary, 'users')) - replicated);
    expect(load.admitted).toBeLessThanOrEqual(endpoint.max + lost);
    expect(load.admitted).toBeGreaterThanOrEqual(endpoint.max * 0.8);
  });

  it('to a replica that lagged admits twice what the replica had not heard of, and no more', async () => {
    const redis = await sentinels();
    const { store } = await gateway(redis.url);
    const endpoint = { name: 'users', max: 60, windowSeconds: 3600 };
    let admitted = 0;
    const spend = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const spent = await store.ledger.spend({ endpoint, tokenId: token.id, share: endpoint.max });
        if (spent.admitted) admitted += 1;
      }
    };
    await spend(20);
    await replicatedAll(redis);
    const raw = new Redis(redis.primary.url);
    const replicated = await counted(redis.replica, 'users');
    redis.replica.pause();
    // Else what is written now would wait for it in its socket.
    await raw.call('CLIENT', 'KILL', 'TYPE', 'replica');
    await spend(30);
    raw.disconnect();
    const lost = (await counted(redis.primary, 'users')) - replicated;
    await redis.primary.kill();
    redis.replica.resume();
    await expect.poll(() => redis.primaryPort()).toBe(redis.replica.port);
    await expect.poll(() => store.trouble()).toBeNull();
    await spend(endpoint.max);
    expect(lost).toBeGreaterThan(20);
    expect(admitted).toBeGreaterThan(endpoint.max);
    expect(admitted).toBeLessThanOrEqual(endpoint.max + lost);
  });
});

describe('a primary that was frozen', () => {
  it('while another took its place is written to by nobody when it wakes', async () => {
    const redis = await sentinels();
    const { store } = await gateway(redis.url);
    await replicatedAll(redis);
    redis.primary.pause();
    await expect.poll(() => redis.primaryPort()).toBe(redis.replica.port);
    redis.primary.resume();
    await expect.poll(() => store.trouble()).toBeNull();
    await store.commit([{ put: 'user', user }]);
    const raw = new Redis(redis.replica.url);
    expect(await raw.hexists('tg:{m}:user', user.id)).toBe(1);
    raw.disconnect();
  });
});

describe('a Sentinel', () => {
  it('that is away keeps no store from opening, and is found by another', async () => {
    const redis = await sentinels();
    const { store } = await gateway(redis.url.replace('//', '//127.0.0.1:1,'));
    expect(await store.trouble()).toBeNull();
  });

  it('that was away at the start is listened to once it is there, and followed', async () => {
    const redis = await sentinels();
    const [first = 0, second = 0] = redis.sentinelPorts;
    const port = await freePort();
    const { store } = await gateway(`redis+sentinel://127.0.0.1:${first},127.0.0.1:${port}/main`);
    const late = await startTcpProxy(second, port);
    atTheEnd(() => late.close());
    const sentinel = rawClient(`redis://127.0.0.1:${second}`);
    const listening = async () => / sub=1 /.test(String(await sentinel.client('LIST')));
    await expect.poll(listening).toBe(true);
    // What it announces is acted on, though the primary goes on as if nothing were.
    const primary = rawClient(redis.primary.url);
    const connections = async () => Number(fact(await primary.info('stats'), 'total_connections_received'));
    const before = await connections();
    late.say(announcement(`main 127.0.0.1 ${redis.primary.port} 127.0.0.1 ${redis.replica.port}`));
    await expect.poll(connections).toBeGreaterThan(before);
    await expect.poll(() => store.trouble()).toBeNull();
  });

  it('that is away with all others is told as such', async () => {
    const { store } = await gateway('redis+sentinel://127.0.0.1:1/main');
    expect(await store.trouble()).toMatch(/main of Sentinel 127\.0\.0\.1:1 does not answer: All sentinels/);
    await expect(store.zones()).rejects.toThrow('All sentinels are unreachable');
  });
});
