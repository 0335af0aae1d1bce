import { describe, expect, it } from 'vitest';
import { CommitUnsure, type Mutation } from '../../src/domain/store.ts';
import { aToken, aUser } from '../support/records.ts';
import { until } from '../support/redis-cluster.ts';
import { aServer, open, rawClient } from './redis-bench.ts';
import { hasWaitaof } from './redis-waitaof.ts';

const aChange = (): { user: ReturnType<typeof aUser>; mutations: Mutation[] } => {
  const user = aUser();
  return { user, mutations: [{ put: 'user', user }] };
};
const LARGE: readonly Mutation[] = Array.from({ length: 250 }, () => ({
  put: 'token',
  token: aToken('00uOwner').token,
}));

/** A primary and its replica, and a store whose changes must be on both; frozen, the replica has nothing. */
async function pair(timeoutMs: number) {
  const primary = await aServer({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await aServer({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
  const raw = rawClient(primary.url);
  await until('the replica follows', async () => (await raw.wait(1, 100)) === 1);
  const durability = { file: 'none', replicas: 1, timeoutMs } as const;
  return { ...(await open(primary.url, 5_000, { durability })), primary, replica, raw };
}

/** How often clients have asked the server what survives. */
async function waits(raw: ReturnType<typeof rawClient>): Promise<number> {
  return Number(/cmdstat_wait:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1] ?? 0);
}

describe('a change that must be on a replica', () => {
  it('is acknowledged once it is there, and holds up neither reads nor limits nor usage meanwhile', async () => {
    const { store, replica, raw } = await pair(60_000);
    replica.pause();
    const { user, mutations } = aChange();
    let acknowledged = false;
    const commit = store.commit(mutations).then(() => {
      acknowledged = true;
    });
    await expect.poll(() => store.user(user.id)).toEqual(user);
    const endpoint = { name: 'users', max: 10, windowSeconds: 60 };
    expect((await store.ledger.spend({ endpoint, tokenId: 'a', share: 5 })).admitted).toBe(true);
    await store.record([{ tokenId: 'a', usedAt: 1 }]);
    await expect.poll(async () => /blocked_clients:(\d+)/.exec(await raw.info('clients'))?.[1]).toBe('1');
    expect(acknowledged).toBe(false);
    replica.resume();
    await commit;
  });

  it('and is not there in time is never told to be done: the error says that it was made, and may be undone', async () => {
    const { store, replica } = await pair(50);
    replica.pause();
    const { user, mutations } = aChange();
    const problem: unknown = await store.commit(mutations).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(CommitUnsure);
    expect(String(problem)).toMatch(/a failure could still undo it: 0 of 1 replicas have it after 50 ms/);
    expect(await store.user(user.id)).toEqual(user);
    await expect(store.commit(LARGE)).rejects.toBeInstanceOf(CommitUnsure);
    expect((await store.tokens(null, 1_000)).items).toHaveLength(LARGE.length);
    replica.resume();
    await expect.poll(() => store.commit(aChange().mutations).then(() => 'done', String)).toBe('done');
    await store.commit(LARGE);
  });

  it('shares its wait with others that come meanwhile', async () => {
    const { store, replica, raw } = await pair(60_000);
    const before = await waits(raw);
    replica.pause();
    const commits = [store.commit(aChange().mutations)];
    await expect.poll(async () => /blocked_clients:(\d+)/.exec(await raw.info('clients'))?.[1]).toBe('1');
    for (let i = 0; i < 50; i++) commits.push(store.commit(aChange().mutations));
    replica.resume();
    await Promise.all(commits);
    expect((await store.users(null, 100)).items).toHaveLength(51);
    // The first alone, and the others together.
    expect((await waits(raw)) - before).toBe(2);
  });

  it('is refused with nothing to wait for when nothing is written', async () => {
    const { store, replica } = await pair(60_000);
    const { user, mutations } = aChange();
    await store.commit(mutations);
    replica.pause();
    await expect(store.commit([{ put: 'user', user, replacing: null }])).rejects.toThrow(/changed meanwhile/);
    replica.resume();
  });
});

describe('a change whose server dies while it waits', () => {
  it('is told to be unsure, and the next one is made once the server is back', async () => {
    const { store, primary, replica, logged } = await pair(60_000);
    replica.pause();
    const { user, mutations } = aChange();
    const commit = store.commit(mutations).catch((error: unknown) => error);
    await expect.poll(() => store.user(user.id)).toEqual(user);
    await primary.kill();
    expect(await commit).toBeInstanceOf(CommitUnsure);
    replica.resume();
    await primary.restart();
    await logged(/answers again/);
    await expect.poll(() => store.commit(aChange().mutations).then(() => 'done', String)).toBe('done');
  });
});

const waitaof = await hasWaitaof();

describe.runIf(waitaof)('a server that can say what is on disk (WAITAOF)', () => {
  it.each(['auto', 'required'] as const)(
    'is asked so with durability.file %s, for small changes and large ones',
    async (file) => {
      const server = await aServer();
      const durability = { file, replicas: 0, timeoutMs: 30_000 };
      const { store } = await open(server.url, 5_000, { durability });
      const raw = rawClient(server.url);
      await store.commit(aChange().mutations);
      await store.commit(LARGE);
      // One more asks whether it can.
      expect(await raw.info('commandstats')).toMatch(/cmdstat_waitaof:calls=3,/);
    },
  );

  it('whose user may not ask says what to allow, and changes go on', async () => {
    const server = await aServer();
    const raw = rawClient(server.url);
    await raw.call('ACL', 'SETUSER', 'default', '-waitaof');
    const durability = { file: 'auto', replicas: 0, timeoutMs: 30_000 } as const;
    const { store, log } = await open(server.url, 5_000, { durability });
    await store.commit(aChange().mutations);
    expect(log).toEqual([expect.stringMatching(/add \+waitaof/)]);
  });
});

describe.skipIf(waitaof)('a server that cannot say what is on disk (before Redis 7.2)', () => {
  it('gets changes with durability.file auto, and none with required, where it is unfit', async () => {
    const server = await aServer();
    const [auto, required] = await Promise.all(
      (['auto', 'required'] as const).map((file) =>
        open(server.url, 5_000, { durability: { file, replicas: 0, timeoutMs: 1_000 } }),
      ),
    );
    await auto?.store.commit(aChange().mutations);
    await expect(required?.store.commit(aChange().mutations)).rejects.toThrow(/nothing was written/);
    expect((await auto?.store.users(null, 10))?.items).toHaveLength(1);
    expect(await auto?.store.trouble()).toBeNull();
    expect(await required?.store.trouble()).toMatch(/WAITAOF/);
  });
});
