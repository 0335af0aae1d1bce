import type { Redis } from 'ioredis';
import type { RedisPlace } from '../../domain/redis-url.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ServerFacts } from './fitness.ts';
import { timeFrom } from './server-clock.ts';

type Kind = RedisPlace['kind'];

/** Asks a server what decides whether it can be the system of record at all: little enough to be asked often. */
export async function askFacts(server: Redis, kind: Kind): Promise<ServerFacts> {
  const [info, clusterInfo] = await Promise.all([
    server.info(),
    kind === 'cluster' ? server.cluster('INFO') : null,
  ]);
  return {
    kind,
    info,
    clusterInfo: clusterInfo === null ? null : String(clusterInfo),
    appendfsync: null,
    aheadMs: null,
  };
}

/** Asks a server for everything that its fitness is judged by. What its user may not ask stays unknown. */
export async function askAllFacts(server: Redis, kind: Kind, clock: Clock): Promise<ServerFacts> {
  const facts = await askFacts(server, kind);
  const [appendfsync, aheadMs] = await Promise.all([
    appendfsyncOf(server).catch(() => null),
    aheadOf(server, clock).catch(() => null),
  ]);
  return { ...facts, appendfsync, aheadMs };
}

async function appendfsyncOf(server: Redis): Promise<string | null> {
  const answer = await server.config('GET', 'appendfsync');
  return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : null;
}

/** By how much its clock is ahead, as seen from halfway between question and answer. */
async function aheadOf(server: Redis, clock: Clock): Promise<number> {
  const sentAt = clock.now();
  const time = timeFrom(await server.time());
  return time - (sentAt + clock.now()) / 2;
}
