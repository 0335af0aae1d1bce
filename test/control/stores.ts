import type { Store } from '../../src/domain/store.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { startRedis } from '../support/redis-server.ts';

/** Both kinds of store, each opened empty; closing it takes away all that it needed. */
export const STORES: readonly (readonly [name: string, open: (clock: Clock) => Promise<Store>])[] = [
  ['the embedded store', (clock) => openEmbeddedStore({ path: ':memory:', clock })],
  ['a Redis of its own', openOwnRedis],
];

async function openOwnRedis(clock: Clock): Promise<Store> {
  const server = await startRedis();
  const store = await openRedisStore({
    url: server.url,
    prefix: 'tg:',
    commandTimeoutMs: 5_000,
    clock,
    onLog: () => {},
  });
  const close = store.close.bind(store);
  return Object.assign(store, {
    async close() {
      await close();
      await server.stop();
    },
  });
}
