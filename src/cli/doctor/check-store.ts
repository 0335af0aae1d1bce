import { constants, existsSync } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Management } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import { openEmbeddedStore } from '../../store/embedded/store.ts';
import { openRedisStore, type RedisStore } from '../../store/redis/store.ts';
import { holdsAdministrator } from '../bootstrap.ts';
import { HOLDS_NO_TOKEN, holdsNoToken } from '../open-store.ts';
import { doubtful, type Finding, ok, unfit } from './finding.ts';

/** Less room than this beside the database is soon none, in bytes. */
const LITTLE_ROOM = 1024 ** 3;

/** Looks at the store that the configuration names, and changes nothing in it. */
export function checkStore(store: Config['store'], clock: Clock): Promise<readonly Finding[]> {
  return store.kind === 'redis' ? checkRedis(store, clock) : checkFile(store.path, clock);
}

async function checkRedis(
  { url, prefix, identity, commandTimeout }: Extract<Config['store'], { kind: 'redis' }>,
  clock: Clock,
): Promise<readonly Finding[]> {
  const store = await openRedisStore({
    url,
    prefix,
    identity,
    commandTimeoutMs: commandTimeout,
    clock,
    // What it would log is among the findings.
    onLog() {},
  });
  try {
    const trouble = await store.trouble();
    const findings = await store.fitness().catch(() => []);
    if (trouble !== null && findings.length === 0) return [unfit('store', trouble)];
    const fitness = findings.map(({ severity, line }) => ({ severity, about: 'store', line }));
    return [
      ...(fitness.length === 0 ? [ok('store', 'Redis is fit to be the store')] : fitness),
      ...(await checkData(store, identity)),
      ...(await checkOwner(store)),
    ];
  } finally {
    await store.close();
  }
}

/** Which data it holds, and whether it holds any. */
async function checkData(store: RedisStore, wanted: string | null): Promise<readonly Finding[]> {
  const which =
    wanted === null
      ? `Its data has the identity ${store.identity}: set store.identity to that, and no process starts on other data`
      : 'It holds the data that store.identity names';
  return [ok('store', which), ...((await holdsNoToken(store)) ? [doubtful('store', HOLDS_NO_TOKEN)] : [])];
}

async function checkFile(path: string, clock: Clock): Promise<readonly Finding[]> {
  const folder = existing(dirname(resolve(path)));
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    return [unfit('store', `${folder} is no folder that this user may write: change that, or store.path`)];
  }
  const { bavail, bsize } = await statfs(folder);
  const room = bavail * bsize;
  const findings =
    room < LITTLE_ROOM
      ? [doubtful('store', `${folder} has ${Math.floor(room / 1024 ** 2)} MiB of room left: make some`)]
      : [];
  const file = await stat(path).catch(() => null);
  if (file === null) return [...findings, ok('store', `${path} will be made at the first start`)];
  if ((file.mode & 0o077) !== 0) {
    findings.push(doubtful('store', `${path} can be read by others: chmod 600 ${path}`));
  }
  try {
    const store = await openEmbeddedStore({ path, clock });
    const owner = await checkOwner(store);
    await store.close();
    return [...findings, ok('store', `${path} can be used`), ...owner];
  } catch (error) {
    return [...findings, unfit('store', (error as Error).message)];
  }
}

/** The folder itself or, since the store makes what is missing, the nearest one above that exists. */
function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(dirname(folder));
}

async function checkOwner(store: Management): Promise<readonly Finding[]> {
  if (await holdsAdministrator(store)) return [];
  return [
    doubtful(
      'store',
      'It holds no super administrator yet: the first start makes one and shows its token once',
    ),
  ];
}
