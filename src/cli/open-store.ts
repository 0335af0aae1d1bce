import type { Config } from '../config/config.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { type EmbeddedStoreOptions, openEmbeddedStore } from '../store/embedded/store.ts';
import type { RedisTls } from '../store/redis/client.ts';
import { openRedisStore } from '../store/redis/store.ts';
import type { Logger } from '../telemetry/log.ts';

export interface OpenStoreOptions extends Pick<EmbeddedStoreOptions, 'busyTimeoutMs'> {
  /** What `store.tls` names. */
  readonly tls?: RedisTls;
}

/**
 * Opens the store that the configuration names, and logs in one line each what makes it unfit.
 * @throws Error that says what to do, when the store cannot be used
 */
export async function openStore(
  store: Config['store'],
  clock: Clock,
  log: Logger,
  { tls = {}, ...patience }: OpenStoreOptions = {},
): Promise<Store> {
  if (store.kind === 'embedded') return openEmbeddedStore({ path: store.path, clock, ...patience });
  const { file, replicas, timeout: timeoutMs } = store.durability;
  const opened = await openRedisStore({
    url: store.url,
    prefix: store.prefix,
    commandTimeoutMs: store.commandTimeout,
    durability: { file, replicas, timeoutMs },
    tls,
    clock,
    onLog: (level, line) => log[level]({ component: 'store' }, line),
  });
  const trouble = await opened.trouble();
  if (trouble !== null) {
    await opened.close();
    throw new Error(`The store cannot be used: ${trouble}`);
  }
  for (const { line } of await opened.fitness()) log.warn({ component: 'store' }, line);
  return opened;
}
