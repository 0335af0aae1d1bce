/** A real Redis Cluster of a test's own, on loopback. */
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { freePort } from './free-port.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { clientTls } from './redis-tls.ts';

export interface ClusterNode {
  readonly server: RedisServer;
  readonly id: string;
  /** Reconnects when the server does. */
  readonly raw: Redis;
}

export interface RedisCluster {
  /** In the order of their slots, as the cluster was made. */
  readonly primaries: readonly ClusterNode[];
  /** The n-th follows the n-th primary. */
  readonly replicas: readonly ClusterNode[];
  /** `redis+cluster://…` with all nodes. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly primaries?: number;
  readonly replicas?: number;
  /** After how long a silent node counts as failing, in milliseconds. */
  readonly nodeTimeoutMs?: number;
  /** TLS in place of plain connections, between the nodes too. */
  readonly tls?: boolean;
  /** More of redis.conf, as on the command line. */
  readonly args?: readonly string[];
}

const SLOTS = 16_384;

/** Starts a cluster and resolves once it serves every slot, and every replica follows. */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const {
    primaries: count = 3,
    replicas: followers = 0,
    nodeTimeoutMs = 15_000,
    tls = false,
    args = [],
  } = options;
  const nodes = await Promise.all(
    Array.from({ length: count + followers }, () => startNode(nodeTimeoutMs, tls, args)),
  );
  const primaries = nodes.slice(0, count);
  const replicas = nodes.slice(count);
  await Promise.all(primaries.map((node, i) => giveSlots(node, i, count)));
  // All pairs: gossip would take seconds to tell the others.
  for (const [i, node] of nodes.entries()) {
    await Promise.all(nodes.slice(0, i).map((other) => meet(node, other)));
  }
  await until('all nodes know each other', async () => (await known(nodes)) === nodes.length);
  await Promise.all(replicas.map(({ raw }, i) => raw.cluster('REPLICATE', primaries[i]?.id ?? '')));
  await until('every node sees every slot served', async () => {
    return (await Promise.all(nodes.map(isFormed))).every(Boolean);
  });
  await until('every replica follows', async () =>
    (await Promise.all(replicas.map(isLinked))).every(Boolean),
  );
  return {
    primaries,
    replicas,
    url: `${tls ? 'rediss' : 'redis'}+cluster://${nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(',')}`,
    async stop() {
      for (const { raw } of nodes) raw.disconnect();
      await Promise.all(nodes.map(({ server }) => server.stop()));
    },
  };
}

/** Resolves once servers have come so far by themselves. */
export async function until(what: string, met: () => Promise<boolean>): Promise<void> {
  const look = async () => {
    if (!(await met())) throw new Error(`In vain for 60 seconds: ${what}`);
  };
  await vi.waitFor(look, { timeout: 60_000, interval: 50 });
}

async function startNode(nodeTimeoutMs: number, tls: boolean, more: readonly string[]): Promise<ClusterNode> {
  const args = [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', `${nodeTimeoutMs}`],
    ...['--repl-diskless-sync-delay', '0'],
    ...['--cluster-port', `${await freePort()}`, ...(tls ? ['--tls-cluster', 'yes'] : []), ...more],
  ];
  const server = await startRedis({ args, tls });
  const raw = new Redis(server.url, {
    ...clientTls(tls),
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
  });
  raw.on('error', () => {});
  return { server, raw, id: String(await raw.cluster('MYID')) };
}

async function giveSlots({ raw }: ClusterNode, position: number, count: number): Promise<void> {
  const first = Math.floor((position * SLOTS) / count);
  const last = Math.floor(((position + 1) * SLOTS) / count) - 1;
  await raw.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
  await raw.call('CLUSTER', 'SET-CONFIG-EPOCH', position + 1);
}

async function meet({ raw }: ClusterNode, other: ClusterNode): Promise<void> {
  const [, bus] = (await other.raw.config('GET', 'cluster-port')) as string[];
  await raw.call('CLUSTER', 'MEET', '127.0.0.1', other.server.port, bus ?? '');
}

/** The fewest nodes that any node knows. */
async function known(nodes: readonly ClusterNode[]): Promise<number> {
  const counts = nodes.map(async ({ raw }) => Number(fact(await raw.cluster('INFO'), 'cluster_known_nodes')));
  return Math.min(...(await Promise.all(counts)));
}

/** Whether the node serves, and thinks that all slots are served. */
export async function isFormed({ raw }: ClusterNode): Promise<boolean> {
  const info = String(await raw.cluster('INFO'));
  return fact(info, 'cluster_state') === 'ok' && fact(info, 'cluster_slots_ok') === String(SLOTS);
}

async function isLinked({ raw }: ClusterNode): Promise<boolean> {
  return fact(await raw.info('replication'), 'master_link_status') === 'up';
}

/** A line of INFO or CLUSTER INFO. */
export function fact(info: unknown, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(info))?.[1];
}
