import { cpSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import { aToken, aUser, aZone } from '../support/records.ts';
import type { ClusterNode } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { aCluster, atTheEnd, gateway } from '../support/redis-topologies.ts';
import { Ear } from './ear.ts';
import { Load } from './redis-load.ts';

const AOF = 'appendonlydir';

/** Two primaries, of which the second has the slot of what management writes; no node is given up by the others. */
async function twoPrimaries(replicas: number) {
  const cluster = await aCluster({
    primaries: 2,
    replicas,
    args: ['--cluster-require-full-coverage', 'no'],
  });
  const [first, owner] = cluster.primaries;
  if (first === undefined || owner === undefined) throw new Error('two were started');
  return { ...cluster, first, owner };
}

const durability = { file: 'auto', replicas: 0, timeoutMs: 10_000 } as const;

/** The name of an endpoint whose window is kept by that server. */
async function nameServedBy(raw: Redis): Promise<string> {
  for (let i = 0; ; i++) {
    const name = `endpoint-${i}`;
    const isHere = await raw.exists(windowKey('tg:', name)).then(
      () => true,
      () => false,
    );
    if (isHere) return name;
  }
}

/** What a dead server had counted, from a copy of its file: alone, so that no other tells it what came after. */
async function countedBy({ server }: ClusterNode, key: string): Promise<number> {
  const alone = await startRedis();
  atTheEnd(() => alone.stop());
  await alone.kill();
  cpSync(path.join(server.directory, AOF), path.join(alone.directory, AOF), { recursive: true, force: true });
  await alone.restart();
  const raw = new Redis(alone.url);
  atTheEnd(() => raw.disconnect());
  return Number(await raw.hget(key, 'all'));
}

describe('a cluster', () => {
  it('of which a primary is killed under load goes on with its replica: no token is unknown, and limits hold', async () => {
    const cluster = await twoPrimaries(2);
    const { owner } = cluster;
    const replica = cluster.replicas[1];
    if (replica === undefined) throw new Error('two were started');
    const gateways = [await gateway(cluster.url, { durability }), await gateway(cluster.url, { durability })];
    const stores = gateways.map(({ store }) => store);
    const [first, second] = stores;
    if (first === undefined || second === undefined) throw new Error('two were opened');
    const user = aUser();
    const { token } = aToken(user.id);
    await first.commit([
      { put: 'user', user },
      { put: 'token', token },
    ]);
    const ear = new Ear();
    await second.subscribe(ear);
    // In the slots of the same server as the tokens, so that what is lost with it can be counted.
    const name = await nameServedBy(owner.raw);
    const key = windowKey('tg:', name);
    const endpoint = { name, max: 1_000, windowSeconds: 3600 };
    const load = new Load({ stores, endpoint, tokenId: token.id, hash: token.hash });
    await load.until(() => load.admitted > 200);
    await owner.raw.wait(1, 5_000);
    await replica.raw.readonly();
    const replicated = Number(await replica.raw.hget(key, 'all'));
    await owner.server.kill();
    await load.until(() => load.away > 0);
    // Whether and when the others give it up is for Redis; this is what Tollgate does once they have.
    await replica.raw.cluster('FAILOVER', 'TAKEOVER');
    const foundBefore = load.found;
    await load.until(() => load.found > foundBefore + 20 && load.refused > 0);
    await load.stop();
    expect(load).toMatchObject({ unknown: 0, errors: [] });
    expect(ear.gaps).toBeGreaterThanOrEqual(2);
    await first.commit([{ put: 'zone', zone: aZone([]) }]);
    await ear.until(() => ear.changes.some(({ of }) => of === 'zones'));
    for (const { log, store } of gateways) {
      await expect.poll(() => store.trouble()).toBeNull();
      const away = `:${owner.server.port} is away: `;
      expect(log.filter((line) => line.includes(away))).toHaveLength(1);
      // What a busy machine makes of the other servers may be told behind it.
      const since = log.slice(log.findIndex((line) => line.includes(away)));
      const served = `others serve the slots of 127.0.0.1:${owner.server.port}`;
      expect(since.filter((line) => line.endsWith(served))).toHaveLength(1);
    }
    // What the dead one had counted and its replica had not heard of is what can be admitted twice.
    const lost = Math.max(0, (await countedBy(owner, key)) - replicated);
    expect(replicated).toBeGreaterThan(0);
    expect(load.admitted).toBeLessThanOrEqual(endpoint.max + lost);
    expect(load.admitted).toBeGreaterThanOrEqual(endpoint.max * 0.8);
  });

  it('of which one primary is away says so once, and once that it is back; what others serve goes on', async () => {
    const cluster = await twoPrimaries(0);
    const { store, log } = await gateway(cluster.url, { durability });
    const name = `127.0.0.1:${cluster.first.server.port}`;
    await cluster.first.server.kill();
    await expect.poll(() => store.trouble()).toMatch(new RegExp(`^${name} of Redis at .* does not answer: `));
    const user = aUser();
    await store.commit([{ put: 'user', user }]);
    expect(await store.user(user.id)).toEqual(user);
    await cluster.first.server.restart();
    await expect.poll(() => store.trouble()).toBeNull();
    // On a slow machine the client was seen to give up the whole cluster for a moment before: that is told in lines of its own.
    expect(log.filter((line) => line.startsWith('Of '))).toEqual([
      expect.stringMatching(new RegExp(`^Of Redis at cluster .* ${name} is away: `)),
      expect.stringMatching(new RegExp(`${name} answers again$`)),
    ]);
  });
});
