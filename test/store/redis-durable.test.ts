import { expect, it } from 'vitest';
import { aUser } from '../support/records.ts';
import { aServer, open } from './redis-bench.ts';

const KILLS = 10;
const WRITES = 10;

it('a Redis that is killed keeps each of 100 changes that it acknowledged, with appendfsync always', async () => {
  const server = await aServer({ args: ['--appendfsync', 'always'] });
  const { store, logged, log } = await open(server.url);
  const acknowledged: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const seen = log.length;
    const enough = acknowledged.length + WRITES;
    let killed: Promise<void> | null = null;
    // Writes go on until one is not answered: it is killed under them.
    for (;;) {
      const user = aUser();
      const written = await store.commit([{ put: 'user', user }]).then(
        () => true,
        () => false,
      );
      if (!written) break;
      acknowledged.push(user.id);
      if (acknowledged.length >= enough) killed ??= server.kill();
    }
    await killed;
    await server.restart();
    await logged(/answers again/, seen);
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * WRITES);
  const { items } = await store.users(null, 100_000);
  const kept = new Set(items.map(({ id }) => id));
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
});
