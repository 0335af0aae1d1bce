import { existsSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Management, Store } from '../domain/store.ts';
import type { Clock } from '../kernel/clock.ts';
import type { EmbeddedStoreOptions } from '../store/embedded/store.ts';
import type { RedisTls } from '../store/redis/client.ts';
import type { Logger } from '../telemetry/log.ts';

export interface OpenStoreOptions extends Pick<EmbeddedStoreOptions, 'busyTimeoutMs'> {
  /** What `store.tls` names. */
  readonly tls?: RedisTls;
  /** For how long who listens believes what was read, in milliseconds: Redis is asked often enough to vouch for it meanwhile. */
  readonly freshFor?: number;
  /** Whether nothing is to be made: a store that is not there is read as an empty one. */
  readonly onlyLooks?: boolean;
}

/** SQLite's name for a database that is no file. */
const IN_MEMORY = ':memory:';

const VOUCH_EVERY_MS_MAX = 1_000;
const VOUCH_EVERY_MS_MIN = 100;

/**
 * How often to ask whether all changes were heard, so that what is in use is not read again (which begins at half of
 * `freshFor`) though one question is not answered. Milliseconds, both.
 */
export function vouchEveryMs(freshFor: number): number {
  return Math.min(VOUCH_EVERY_MS_MAX, Math.max(VOUCH_EVERY_MS_MIN, Math.floor(freshFor / 5)));
}

/**
 * Opens the store that the configuration names, and logs in one line each what makes it unfit.
 * @throws Error that says what to do, when the store cannot be used
 */
export async function openStore(
  store: Config['store'],
  clock: Clock,
  log: Logger,
  { tls = {}, freshFor, onlyLooks = false, ...patience }: OpenStoreOptions = {},
): Promise<Store> {
  if (store.kind === 'embedded') {
    const path = onlyLooks && !existsSync(store.path) ? IN_MEMORY : store.path;
    return openEmbedded({ path, clock, ...patience });
  }
  const { openRedisStore } = await import('../store/redis/store.ts');
  const { file, replicas, timeout: timeoutMs } = store.durability;
  const opened = await openRedisStore({
    url: store.url,
    prefix: store.prefix,
    identity: store.identity,
    onlyLooks,
    commandTimeoutMs: store.commandTimeout,
    durability: { file, replicas, timeoutMs },
    tls,
    clock,
    ...(freshFor === undefined ? {} : { vouchEveryMs: vouchEveryMs(freshFor) }),
    onLog: (level, line) => log[level]({ component: 'store' }, line),
  });
  const trouble = await opened.trouble();
  if (trouble !== null) {
    await opened.close();
    throw new Error(`The store cannot be used: ${trouble}`);
  }
  if (opened.identity === null) {
    await opened.close();
    return openEmbedded({ path: IN_MEMORY, clock });
  }
  for (const { line } of await opened.fitness()) log.warn({ component: 'store' }, line);
  if (await holdsNoToken(opened)) log.warn({ component: 'store' }, HOLDS_NO_TOKEN);
  return opened;
}

async function openEmbedded(options: EmbeddedStoreOptions): Promise<Store> {
  const { openEmbeddedStore } = await import('../store/embedded/store.ts');
  return openEmbeddedStore(options);
}

/** Of a Redis that was emptied nothing else is to be seen by who starts on it. */
export const HOLDS_NO_TOKEN =
  'Redis holds no token, so this is a new installation: if there was one, stop, and give Redis back what it held; store.identity refuses to start on anything else';

/** @throws StoreAway */
export async function holdsNoToken(store: Management): Promise<boolean> {
  return (await store.tokens(null, 1)).items.length === 0;
}
