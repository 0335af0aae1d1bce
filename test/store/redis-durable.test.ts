import { describe, expect, it } from 'vitest';
import type { Durability } from '../../src/store/redis/durable-commits.ts';
import { aUser } from '../support/records.ts';
import { aServer, open } from './redis-bench.ts';
import { hasWaitaof } from './redis-waitaof.ts';

const KILLS = 10;
const WRITES = 10;

interface Site {
  readonly appendfsync: 'always' | 'everysec';
  /** How many write at the same time. */
  readonly writers: number;
  readonly durability: Durability;
}

/** Kills a server under its writers, ten times. @returns what was acknowledged, and what of it is not there */
async function killed({ appendfsync, writers, durability }: Site) {
  const server = await aServer({ args: ['--appendfsync', appendfsync] });
  const { store, logged, log } = await open(server.url, 5_000, { durability });
  const acknowledged: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const seen = log.length;
    const enough = acknowledged.length + WRITES;
    let killing: Promise<void> | null = null;
    // Writes go on until one is not answered: it is killed under them.
    const write = async () => {
      for (;;) {
        const user = aUser();
        const written = await store.commit([{ put: 'user', user }]).then(
          () => true,
          () => false,
        );
        if (!written) break;
        acknowledged.push(user.id);
        if (acknowledged.length >= enough) killing ??= server.kill();
      }
    };
    await Promise.all(Array.from({ length: writers }, write));
    await killing;
    await server.restart();
    await logged(/answers again/, seen);
  }
  const { items } = await store.users(null, 100_000);
  const kept = new Set(items.map(({ id }) => id));
  return { acknowledged, lost: acknowledged.filter((id) => !kept.has(id)) };
}

const waitaof = await hasWaitaof();

describe('a Redis that is killed keeps each of 100 changes that it acknowledged', () => {
  it('with appendfsync always', async () => {
    const durability = { file: 'none', replicas: 0, timeoutMs: 0 } as const;
    const { acknowledged, lost } = await killed({ appendfsync: 'always', writers: 1, durability });
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * WRITES);
    expect(lost).toEqual([]);
  });

  it.runIf(waitaof)(
    'with appendfsync everysec, where it says what is on disk (WAITAOF, Redis 7.2)',
    { timeout: 120_000 },
    async () => {
      const durability = { file: 'required', replicas: 0, timeoutMs: 10_000 } as const;
      const { acknowledged, lost } = await killed({ appendfsync: 'everysec', writers: WRITES, durability });
      expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * WRITES);
      expect(lost).toEqual([]);
    },
  );
});
