import { describe, expect, it } from 'vitest';
import { type Store, StoreAway } from '../../src/domain/store.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { aToken, aUser } from '../support/records.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

const spend = { endpoint: { name: 'users', max: 100, windowSeconds: 3600 }, tokenId: 'a', share: 50 };

/** Every question that a store can be asked. */
const questions: Readonly<Record<string, (store: Store) => unknown>> = {
  findByHash: (store) => store.findByHash(aToken('00u').token.hash),
  zones: (store) => store.zones(),
  record: (store) => store.record([{ tokenId: 'a', usedAt: 1 }]),
  commit: (store) => store.commit([{ put: 'user', user: aUser() }]),
  user: (store) => store.user('a'),
  userByLogin: (store) => store.userByLogin('a'),
  usersByLogin: (store) => store.usersByLogin(['a']),
  users: (store) => store.users(null, 1),
  zone: (store) => store.zone('a'),
  zoneByName: (store) => store.zoneByName('a'),
  agent: (store) => store.agent('a'),
  agents: (store) => store.agents(),
  token: (store) => store.token('a'),
  tokensById: (store) => store.tokensById(['a']),
  tokensByHash: (store) => store.tokensByHash(['a']),
  tokens: (store) => store.tokens(null, 1),
  tokensOfUser: (store) => store.tokensOfUser('a', null, 1),
  tokensExpiringBefore: (store) => store.tokensExpiringBefore(1, 1),
  spend: (store) => store.ledger.spend(spend),
};

describe('a Redis that is down', () => {
  it('keeps no store from opening, answers every question with StoreAway, and is found when it comes up', async () => {
    const server = await aServer();
    await server.kill();
    const { store, logged, log } = await open(server.url);
    const away = `Redis at 127.0.0.1:${server.port} does not answer: connect ECONNREFUSED 127.0.0.1:${server.port}`;
    expect(await store.trouble()).toBe(away);
    for (const question of Object.values(questions)) {
      await expect(question(store)).rejects.toThrow(new StoreAway(away));
    }
    await server.restart();
    await logged(/answers again/);
    for (const question of Object.values(questions)) await question(store);
    // Changes come over a connection of their own, which may be back later.
    await expect.poll(() => store.trouble()).toBeNull();
    expect(log).toHaveLength(2);
  });

  it('that crashes under an open store is away at once, and keeps what it acknowledged', async () => {
    const server = await aServer({ args: ['--appendfsync', 'always'] });
    const { store, logged, log } = await open(server.url);
    const user = aUser();
    await store.commit([{ put: 'user', user }]);
    await server.kill();
    await logged(/is away/);
    for (const question of Object.values(questions)) await expect(question(store)).rejects.toThrow(StoreAway);
    await server.restart();
    await logged(/answers again/);
    expect(await store.user(user.id)).toEqual(user);
    expect(log).toHaveLength(2);
  });
});

describe('a Redis that is frozen', () => {
  it('makes nobody wait for longer than a command may take, and is found when it wakes', async () => {
    const server = await aServer();
    const { store, logged } = await open(server.url, 500);
    server.pause();
    await expect(store.findByHash('a')).rejects.toThrow('Command timed out');
    await logged(/is away/);
    // The connection was given up: from now on nobody waits for anything.
    for (const question of Object.values(questions)) {
      const answer = Promise.resolve(question(store)).catch((error: unknown) => error);
      const next = new Promise((resolve) => setImmediate(resolve, 'had to wait'));
      expect(await Promise.race([answer, next])).toBeInstanceOf(StoreAway);
    }
    server.resume();
    await logged(/answers again/);
    expect(await store.findByHash('a')).toBeNull();
  });
});

describe('a Redis that answers, but cannot serve', () => {
  it('because a failover made it a replica, counts as away until it is the primary again', async () => {
    const server = await aServer();
    const raw = rawClient(server.url);
    const { store, logged, log } = await open(server.url);
    await raw.replicaof('127.0.0.1', '1');
    await expect(store.commit([{ put: 'user', user: aUser() }])).rejects.toThrow(/READONLY/);
    await logged(/is away: READONLY/);
    await expect.poll(() => store.trouble()).toMatch(/is a replica/);
    // Also what a replica could answer: it may lag, and nobody can act on what is found.
    await expect(store.zones()).rejects.toThrow(StoreAway);
    await raw.replicaof('NO', 'ONE');
    await expect.poll(() => store.trouble()).toBeNull();
    await store.commit([{ put: 'user', user: aUser() }]);
    expect(log).toHaveLength(2);
  });

  it('because its memory is full, counts as away, and nothing is written', async () => {
    const server = await aServer();
    const raw = rawClient(server.url);
    const { store } = await open(server.url);
    const user = aUser();
    await raw.config('SET', 'maxmemory', '1');
    await expect(store.commit([{ put: 'user', user }])).rejects.toThrow(/OOM/);
    await expect(store.ledger.spend(spend)).rejects.toThrow(/OOM/);
    expect(await store.user(user.id)).toBeNull();
    await raw.config('SET', 'maxmemory', '0');
    expect(await store.userByLogin(user.login)).toBeNull();
    await store.commit([{ put: 'user', user }]);
    expect(await store.ledger.spend(spend)).toMatchObject({ remaining: 49 });
  });

  it('because a script occupies it, counts as away until that ends', async () => {
    const server = await aServer({ args: ['--busy-reply-threshold', '1'] });
    const [raw, killer] = [rawClient(server.url), rawClient(server.url)];
    const { store } = await open(server.url);
    await killer.ping();
    const endless = expect(raw.eval('while true do end', 0)).rejects.toThrow(/killed/);
    await expect(store.ledger.spend(spend)).rejects.toThrow(StoreAway);
    await killer.script('KILL');
    await endless;
    expect(await store.ledger.spend(spend)).toMatchObject({ admitted: true });
  });

  it('because it wants a password, says so and shows none', async () => {
    const server = await aServer({ password: 'correct horse' });
    const wrong = server.url.replace(encodeURIComponent('correct horse'), 'wrong-battery');
    for (const [url, reason] of [
      [wrong, /WRONGPASS/],
      [`redis://127.0.0.1:${server.port}`, /NOAUTH/],
    ] as const) {
      const { store, log } = await open(url);
      expect(await store.trouble()).toMatch(reason);
      await expect(store.zones()).rejects.toThrow(reason);
      expect([...log, await store.trouble()].join()).not.toContain('battery');
    }
    const { store } = await open(server.url);
    expect(await store.trouble()).toBeNull();
  });

  it('because it forgot the scripts, is told them again', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    for (const question of Object.values(questions)) await question(store);
    await rawClient(server.url).script('FLUSH');
    for (const question of Object.values(questions)) await question(store);
  });
});

describe('a store that cannot be', () => {
  it('is refused at once: a prefix with braces would move keys to other slots', async () => {
    const options = {
      url: 'redis://127.0.0.1:1',
      prefix: 'tg{x}:',
      commandTimeoutMs: 100,
      clock: manualClock(),
    };
    await expect(openRedisStore(options)).rejects.toThrow('must not contain braces');
  });

  it('is refused at once: an address that is none', async () => {
    const options = { url: 'not an address', prefix: 'tg:', commandTimeoutMs: 100, clock: manualClock() };
    await expect(openRedisStore(options)).rejects.toThrow('Invalid URL');
  });
});
