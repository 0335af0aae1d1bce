import type { Redis } from 'ioredis';
import type { Clock } from '../../kernel/clock.ts';
import type { ServerFacts } from './fitness.ts';
import { timeFrom } from './server-clock.ts';

/** What the server is to be. */
export type Wanted = Pick<ServerFacts, 'kind' | 'needsWaitaof'>;

/** Asks a server what decides whether it can be the system of record at all: little enough to be asked often. */
export async function askFacts(server: Redis, { kind, needsWaitaof }: Wanted): Promise<ServerFacts> {
  const [info, clusterInfo] = await Promise.all([
    server.info(),
    kind === 'cluster' ? server.cluster('INFO') : null,
  ]);
  return {
    kind,
    info,
    clusterInfo: clusterInfo === null ? null : String(clusterInfo),
    appendfsync: null,
    needsWaitaof,
    aheadMs: null,
  };
}

/** Asks a server for everything that its fitness is judged by. What its user may not ask stays unknown. */
export async function askAllFacts(server: Redis, wanted: Wanted, clock: Clock): Promise<ServerFacts> {
  const facts = await askFacts(server, wanted);
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
