import { describe, expect, it } from 'vitest';
import { type Mutation, StoreAway } from '../../src/domain/store.ts';
import { planCommit } from '../../src/store/commit-plan.ts';
import { Committer } from '../../src/store/redis/commit.ts';
import { SEAL, WRITE_PART } from '../../src/store/redis/commit-scripts.ts';
import { Connection } from '../../src/store/redis/connection.ts';
import { ANSWERED, DurableCommits } from '../../src/store/redis/durable-commits.ts';
import { windowKey } from '../../src/store/redis/lease-source.ts';
import type { Script } from '../../src/store/redis/script.ts';
import { aToken, aZone } from '../support/records.ts';
import { fact } from '../support/redis-cluster.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

describe('budgets in Redis', () => {
  const endpoint = { name: 'users', max: 100, windowSeconds: 3600 };

  it('are exact across gateways that spend them at the same time', async () => {
    const server = await aServer();
    const gateways = [await open(server.url), await open(server.url), await open(server.url)];
    const tokens = ['a', 'b', 'c', 'd'];
    const requests = Array.from({ length: 200 }, (_, i) => tokens[i % 4] ?? '').flatMap((tokenId) =>
      gateways.map(async ({ store }) => ({
        tokenId,
        spent: await store.ledger.spend({ endpoint, tokenId, share: 40 }),
      })),
    );
    const admitted = (await Promise.all(requests)).filter(({ spent }) => spent.admitted);
    expect(admitted).toHaveLength(100);
    for (const token of tokens) {
      expect(admitted.filter(({ tokenId }) => tokenId === token).length).toBeLessThanOrEqual(40);
    }
    expect(new Set(admitted.map(({ spent }) => spent.resetAt)).size).toBe(1);
  });

  it('leave nothing behind: the key of a window ends soon after the window', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    const { resetAt } = await store.ledger.spend({ endpoint, tokenId: 'a', share: 50 });
    const raw = rawClient(server.url);
    expect((await raw.keys('*')).sort()).toEqual(['tg:{m}:identity', windowKey('tg:', 'users')].sort());
    expect(await raw.pexpiretime(windowKey('tg:', 'users'))).toBe(resetAt + 10_000);
  });

  it('of very many tokens hold nobody up when their window ends: they are freed beside all else', async () => {
    const server = await aServer();
    const { store, clock } = await open(server.url);
    const raw = rawClient(server.url);
    const short = { ...endpoint, max: 100_000, windowSeconds: 1 };
    const spend = (tokenId: string) => store.ledger.spend({ endpoint: short, tokenId, share: 1_000 });
    const stat = async (section: string, name: string) => Number(fact(await raw.info(section), name));
    // More than a hash of Redis holds in one piece, again and again until a window has ended.
    const freed = async () => {
      await Promise.all(Array.from({ length: 600 }, (_, i) => spend(`t${i}`)));
      clock.advance(100);
      return stat('memory', 'lazyfreed_objects');
    };
    await expect.poll(freed).toBeGreaterThan(0);
    expect(await stat('stats', 'expired_keys')).toBe(0);
  });
});

describe('a large commit', () => {
  const many = (count: number): Mutation[] =>
    Array.from({ length: count }, () => ({ put: 'token', token: aToken('00uOwner').token }));

  const accessTo = (url: string) => ({ url, prefix: 'tg:', commandTimeoutMs: 5_000 });

  /** Real, but for a moment at which the test steps in. */
  class SteeredConnection extends Connection {
    readonly #before: (script: Script) => Promise<void>;

    constructor(url: string, before: (script: Script) => Promise<void>) {
      super(accessTo(url), () => {});
      this.#before = before;
    }

    override async run(...call: Parameters<Connection['run']>) {
      await this.#before(call[0]);
      return super.run(...call);
    }
  }

  async function commitSteered(
    url: string,
    mutations: readonly Mutation[],
    before: (script: Script) => Promise<void>,
  ) {
    const connection = new SteeredConnection(url, before);
    const durable = new DurableCommits(connection, { ...accessTo(url), durability: ANSWERED }, () => {});
    await connection.firstAttempt();
    try {
      return await new Committer(connection, durable, 'tg:').commit(planCommit(mutations));
    } finally {
      connection.close();
    }
  }

  /** A large commit whose writer dies before it writes the n-th part. */
  async function die(url: string, mutations: readonly Mutation[], parts: number): Promise<void> {
    let left = parts;
    const commit = commitSteered(url, mutations, async (script) => {
      if (script === WRITE_PART && left-- <= 0) throw new StoreAway('dead');
    });
    await expect(commit).rejects.toThrow('dead');
  }

  it('whose writer dies after it was decided is finished by the next commit of anybody', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    const mutations = many(1_000);
    // The first question for a part is whether one was left behind.
    await die(server.url, mutations, 3);
    expect(await rawClient(server.url).pttl('tg:{m}:sealed')).toBe(-1);
    expect((await store.tokens(null, 2_000)).items).toHaveLength(400);
    await store.commit([{ put: 'zone', zone: aZone([]) }]);
    expect((await store.tokens(null, 2_000)).items).toHaveLength(1_000);
  });

  it('whose writer dies after it was decided is finished by the next store that opens', async () => {
    const server = await aServer();
    await die(server.url, many(1_000), 2);
    const { store } = await open(server.url);
    // What was asked before is answered before.
    await store.commit([]);
    expect((await store.tokens(null, 2_000)).items).toHaveLength(1_000);
  });

  it('whose writer dies before it was decided is never written, and its parts expire', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    await die(server.url, many(1_000), 0);
    await store.commit([{ put: 'zone', zone: aZone([]) }]);
    expect((await store.tokens(null, 2_000)).items).toEqual([]);
    const raw = rawClient(server.url);
    const staged = await raw.keys('tg:{m}:staged:*');
    expect(staged).toHaveLength(1);
    expect(await raw.pttl(staged[0] ?? '')).toBeGreaterThan(0);
  });

  it('of which no answer came to a part leaves nothing that stays', async () => {
    const server = await aServer();
    const { store } = await open(server.url, 1_000);
    // From here on the server knows the scripts.
    await store.commit(many(300));
    const raw = rawClient(server.url);
    await raw.call('CLIENT', 'PAUSE', 60_000, 'WRITE');
    await expect(store.commit(many(1_000))).rejects.toThrow(StoreAway);
    await raw.call('CLIENT', 'UNPAUSE');
    const staged = () => raw.keys('tg:{m}:staged:*');
    await expect.poll(staged).toHaveLength(1);
    expect(await raw.pttl((await staged())[0] ?? '')).toBeGreaterThan(0);
  });

  it('leaves nothing staged behind, written or refused', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    const [held, ...rest] = many(1_000);
    if (held === undefined || !('put' in held) || held.put !== 'token') throw new Error('a token was made');
    await store.commit([held, ...rest]);
    const taker: Mutation = { put: 'token', token: { ...aToken('00u').token, hash: held.token.hash } };
    await expect(store.commit([...many(1_000), taker])).rejects.toThrow('held by another record');
    const keys = await rawClient(server.url).keys('*');
    expect(keys.filter((key) => /staged|sealed/.test(key))).toEqual([]);
  });

  it('that something else was written beside is checked again before it is decided', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    let overtaken = false;
    const wish: Mutation = { put: 'zone', zone: aZone([], { name: 'Office' }) };
    const outcome = await commitSteered(server.url, [...many(300), wish], async (script) => {
      if (script !== SEAL || overtaken) return;
      overtaken = true;
      await store.commit([{ put: 'zone', zone: aZone([], { name: 'Office' }) }]);
    });
    expect(outcome).toEqual({ refused: wish });
    expect((await store.tokens(null, 1)).items).toEqual([]);
  });

  it('is as whole beside others: large and small commits of several stores do not mix', async () => {
    const server = await aServer();
    const stores = [
      (await open(server.url)).store,
      (await open(server.url)).store,
      (await open(server.url)).store,
    ];
    // All want the zone name; one has it in the end, and all of that one's tokens are there, and of no other.
    const wishes = stores.map((_, i): Mutation[] => [
      { put: 'zone', zone: aZone([], { name: 'Office' }) },
      ...many(i === 2 ? 10 : 1_000),
    ]);
    const outcomes = await Promise.allSettled(stores.map((store, i) => store.commit(wishes[i] ?? [])));
    const written = wishes.filter((_, i) => outcomes[i]?.status === 'fulfilled');
    expect(written).toHaveLength(1);
    const ids = (mutations: readonly Mutation[]) =>
      mutations.flatMap((each) => ('put' in each && each.put === 'token' ? [each.token.id] : [])).sort();
    const [reader] = stores;
    const { items } = (await reader?.tokens(null, 5_000)) ?? { items: [] };
    expect(items.map(({ token }) => token.id)).toEqual(ids(written.flat()));
  });
});
