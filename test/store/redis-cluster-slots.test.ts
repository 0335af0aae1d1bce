import { describe, expect, it } from 'vitest';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import { MANAGEMENT_SLOT } from '../../src/store/redis/script.ts';
import { aToken, aUser, aZone } from '../support/records.ts';
import type { ClusterNode } from '../support/redis-cluster.ts';
import { aCluster, gateway } from '../support/redis-topologies.ts';
import { Ear } from './ear.ts';
import { Load } from './redis-load.ts';

const user = aUser();
const { token } = aToken(user.id);
const asked = { tokenId: token.id, hash: token.hash };

/** The primary that has the slot. */
async function ownerOf(nodes: readonly ClusterNode[], slot: number): Promise<ClusterNode> {
  const [first] = nodes;
  const ranges = await first?.raw.cluster('SLOTS');
  const id = ranges?.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[2];
  const owner = nodes.find((node) => node.id === id);
  if (owner === undefined) throw new Error('Every slot has an owner');
  return owner;
}

/** Moves a slot as `redis-cli --cluster reshard` does, with clients asking meanwhile. */
async function migrate(nodes: readonly ClusterNode[], slot: number): Promise<void> {
  const from = await ownerOf(nodes, slot);
  const to = nodes.find((node) => node !== from);
  if (to === undefined) throw new Error('There are several nodes');
  await to.raw.cluster('SETSLOT', slot, 'IMPORTING', from.id);
  await from.raw.cluster('SETSLOT', slot, 'MIGRATING', to.id);
  for (;;) {
    const keys = await from.raw.cluster('GETKEYSINSLOT', slot, 1);
    const [key] = keys as string[];
    if (key === undefined) break;
    await from.raw.migrate('127.0.0.1', to.server.port, key, 0, 5_000);
  }
  await to.raw.cluster('SETSLOT', slot, 'NODE', to.id);
  await from.raw.cluster('SETSLOT', slot, 'NODE', to.id);
}

describe('a slot that moves to another node under load', () => {
  it('of a limit leaves the limit exact; of tokens, no token unknown and every change announced', async () => {
    const cluster = await aCluster({ primaries: 3 });
    const patient = { commandTimeoutMs: 5_000 };
    const { store: first } = await gateway(cluster.url, patient);
    const { store: second } = await gateway(cluster.url, patient);
    const stores = [first, second];
    await first.commit([
      { put: 'user', user },
      { put: 'token', token },
    ]);
    const ear = new Ear();
    await second.subscribe(ear);
    const endpoint = { name: 'users', max: 2_000, windowSeconds: 3600 };
    const load = new Load({ stores, endpoint, ...asked });
    await load.until(() => load.admitted > 50);
    const slot = Number(await cluster.primaries[0]?.raw.cluster('KEYSLOT', windowKey('tg:', endpoint.name)));
    for (let round = 0; round < 3; round++) await migrate(cluster.primaries, slot);
    expect(load.away).toBe(0);
    const midway = load.admitted;
    await migrate(cluster.primaries, MANAGEMENT_SLOT);
    const foundBefore = load.found;
    await load.until(() => load.found > foundBefore + 50);
    expect(midway).toBeLessThan(endpoint.max);
    await first.commit([{ put: 'zone', zone: aZone([]) }]);
    await ear.until(() => ear.changes.some(({ of }) => of === 'zones'));
    await load.until(() => load.refused > 0);
    await load.stop();
    expect(load).toMatchObject({ unknown: 0, errors: [], admitted: endpoint.max });
  });
});
