import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MANAGEMENT_SLOT } from '../../src/store/redis/script.ts';
import { type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { operationsContract, storeContract } from './contract.ts';
import { redisSite } from './redis-site.ts';

let cluster: RedisCluster;
let raw: Cluster;
beforeAll(async () => {
  // Two servers part the slots as well as three do, and each store connects to every one of them.
  cluster = await startCluster({ primaries: 2 });
  raw = new Cluster(cluster.primaries.map(({ server }) => ({ host: '127.0.0.1', port: server.port })));
});
afterAll(async () => {
  raw.disconnect();
  await cluster.stop();
});

// A script whose keys are in several slots is refused by a cluster, so this holds every call to one slot as well.
const contract = process.env['TOLLGATE_CLUSTER_CONTRACT'] === 'whole' ? storeContract : operationsContract;
contract('the Redis store in a cluster', async () =>
  redisSite({ url: cluster.url, raw, servers: cluster.primaries.map((node) => node.raw) }),
);

describe('a cluster', () => {
  it('has what management writes in the slot in which changes are listened to', async () => {
    const [first] = cluster.primaries;
    expect(await first?.raw.cluster('KEYSLOT', 'tg:{m}:token')).toBe(MANAGEMENT_SLOT);
  });
});
