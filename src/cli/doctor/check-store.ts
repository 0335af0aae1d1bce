import { constants, existsSync } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { readText } from '../../config/text-file.ts';
import type { Management } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import { schemaVersions } from '../../store/embedded/schema.ts';
import { openEmbeddedStore } from '../../store/embedded/store.ts';
import type { RedisTls } from '../../store/redis/client.ts';
import { openRedisStore, type RedisStore } from '../../store/redis/store.ts';
import { holdsAdministrator } from '../bootstrap.ts';
import { HOLDS_NO_TOKEN, holdsNoToken } from '../open-store.ts';
import { loadStoreTls } from '../tls-files.ts';
import { doubtful, type Finding, ok, unfit } from './finding.ts';

/** Less room than this beside the database is soon none, in bytes. */
const LITTLE_ROOM = 1024 ** 3;

/**
 * Looks at the store that the configuration names, and changes nothing in it.
 * @param file the configuration's, to which the names of files are relative
 */
export function checkStore(
  store: Config['store'],
  file: string,
  clock: Clock,
): Promise<readonly Finding[]> | readonly Finding[] {
  if (store.kind === 'embedded') return checkFile(store.path, clock);
  try {
    return checkRedis(store, loadStoreTls(store, file, readText), clock);
  } catch (error) {
    return (error as Error).message.split('\n').map((line) => unfit('store', line));
  }
}

async function checkRedis(
  { url, prefix, identity, commandTimeout, durability }: Extract<Config['store'], { kind: 'redis' }>,
  tls: RedisTls,
  clock: Clock,
): Promise<readonly Finding[]> {
  const store = await openRedisStore({
    url,
    prefix,
    identity,
    onlyLooks: true,
    commandTimeoutMs: commandTimeout,
    durability: { file: durability.file, replicas: durability.replicas, timeoutMs: durability.timeout },
    tls,
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
      ...(store.identity === null ? BEGINS : await checkData(store, store.identity, identity !== null)),
    ];
  } finally {
    await store.close();
  }
}

const NO_ADMINISTRATOR = doubtful(
  'store',
  'It holds no super administrator yet: the first start makes one and shows its token once',
);

/** What there is to say of a Redis that holds nothing under the prefix. */
const BEGINS: readonly Finding[] = [doubtful('store', HOLDS_NO_TOKEN), NO_ADMINISTRATOR];

/** Which data it holds, and whether it holds any. @param isNamed whether `store.identity` names the data */
async function checkData(store: RedisStore, identity: string, isNamed: boolean): Promise<readonly Finding[]> {
  const which = isNamed
    ? 'It holds the data that store.identity names'
    : `Its data has the identity ${identity}: set store.identity to that, and no process starts on other data`;
  return [
    ok('store', which),
    ...((await holdsNoToken(store)) ? [doubtful('store', HOLDS_NO_TOKEN)] : []),
    ...(await checkOwner(store)),
  ];
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
  if (file === null || file.size === 0) {
    return [...findings, ok('store', `${path} will be made at the first start`)];
  }
  if ((file.mode & 0o077) !== 0) {
    findings.push(doubtful('store', `${path} can be read by others: chmod 600 ${path}`));
  }
  try {
    const { found, wanted } = schemaVersions(path);
    // Opening would change it, and a process of the version before may run on it.
    if (found < wanted) {
      const line = `${path} is of schema ${found}; the first start takes it to ${wanted}, after which older versions refuse it: make a copy`;
      return [...findings, doubtful('store', line)];
    }
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
  return (await holdsAdministrator(store)) ? [] : [NO_ADMINISTRATOR];
}
