/** A primary, its replica and three Sentinels of a test's own, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { fact, until } from './redis-cluster.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { clientTls, TLS_LINES } from './redis-tls.ts';

export interface Sentinels {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** `redis+sentinel://…` with all three. */
  readonly url: string;
  readonly sentinelPorts: readonly number[];
  /** The port of the server that all Sentinels take for the primary; 0 while they differ. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  /** After how long a silent server counts as down, in milliseconds. */
  readonly downAfterMs?: number;
  /** TLS in place of plain connections, between the servers too. */
  readonly tls?: boolean;
}

const NAME = 'main';
const SENTINELS = 3;
const QUORUM = 2;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts all of it, and resolves once the replica follows and the Sentinels would agree on a failover. */
export async function startSentinels({
  downAfterMs = 1_000,
  tls = false,
}: SentinelOptions = {}): Promise<Sentinels> {
  const primary = await startRedis({ tls, args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ tls, args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
  const ports = await Promise.all(Array.from({ length: SENTINELS }, freePort));
  const directory = mkdtempSync(path.join(tmpdir(), 'sentinels-'));
  const children = ports.map((port) => {
    const file = path.join(directory, `${port}.conf`);
    writeFileSync(file, configOf(port, ports, primary.port, replica.port, downAfterMs, tls));
    return startSentinel(file);
  });
  const raws = ports.map((port) => rawClient(port, tls));
  const replicaRaw = rawClient(replica.port, tls);
  await until('the replica follows', async () => {
    return fact(await replicaRaw.info('replication'), 'master_link_status') === 'up';
  });
  await until('the Sentinels agree', async () => (await Promise.all(raws.map(isReady))).every(Boolean));
  replicaRaw.disconnect();
  return {
    primary,
    replica,
    url: `${tls ? 'rediss' : 'redis'}+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${NAME}`,
    sentinelPorts: ports,
    async primaryPort() {
      const answers = await Promise.all(
        raws.map((raw) => raw.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)),
      );
      const told = new Set(answers.map((address) => (Array.isArray(address) ? Number(address[1]) : 0)));
      const [port = 0] = told;
      return told.size === 1 ? port : 0;
    },
    async stop() {
      for (const raw of raws) raw.disconnect();
      await Promise.all(children.map(end));
      await Promise.all([primary.stop(), replica.stop()]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The Sentinels are told of each other, which else takes them seconds to find out. */
function configOf(
  port: number,
  ports: readonly number[],
  primary: number,
  replica: number,
  downAfterMs: number,
  tls: boolean,
): string {
  return [
    ...(tls ? ['port 0', `tls-port ${port}`, ...TLS_LINES.map((line) => line.join(' '))] : [`port ${port}`]),
    ...['bind 127.0.0.1', `sentinel myid ${idOf(port)}`],
    `sentinel monitor ${NAME} 127.0.0.1 ${primary} ${QUORUM}`,
    `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${NAME} 5000`,
    `sentinel known-replica ${NAME} 127.0.0.1 ${replica}`,
    ...ports
      .filter((other) => other !== port)
      .map((other) => `sentinel known-sentinel ${NAME} 127.0.0.1 ${other} ${idOf(other)}`),
    '',
  ].join('\n');
}

function idOf(port: number): string {
  return createHash('sha1').update(`${port}`).digest('hex');
}

function startSentinel(file: string): ChildProcess {
  const server = process.env['TEST_REDIS_SERVER'] ?? 'redis-server';
  const child = spawn(server, [file, '--sentinel'], { stdio: 'ignore', cwd: path.dirname(file) });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function rawClient(port: number, tls: boolean): Redis {
  const raw = new Redis(port, '127.0.0.1', {
    ...clientTls(tls),
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  });
  raw.on('error', () => {});
  return raw;
}

/** Whether a Sentinel sees all that it must see before it can lead a failover. */
async function isReady(sentinel: Redis): Promise<boolean> {
  const info = await sentinel.info('sentinel');
  if (!new RegExp(`status=ok,.*slaves=1,sentinels=${SENTINELS}`).test(info)) return false;
  const [replica] = (await sentinel.call('SENTINEL', 'REPLICAS', NAME)) as string[][];
  const of = (name: string) => replica?.[replica.indexOf(name) + 1];
  return of('flags') === 'slave' && of('master-link-status') === 'ok';
}
