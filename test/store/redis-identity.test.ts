import { describe, expect, it } from 'vitest';
import { StoreAway } from '../../src/domain/store.ts';
import { aToken, aUser } from '../support/records.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

const IDENTITY = 'tg:{m}:identity';
const LOST = /has lost its data/;

async function aGateway(url: string) {
  const opened = await open(url);
  const user = aUser();
  const { token } = aToken(user.id);
  await opened.store.commit([
    { put: 'user', user },
    { put: 'token', token },
  ]);
  const find = () => opened.store.findByHash(token.hash);
  return { ...opened, user, token, find };
}

describe('a Redis that lost its data', () => {
  it('over a restart is away: no token is unknown, nothing is written, and one line says so', async () => {
    const server = await aServer();
    const { store, find, token, user, log, logged } = await aGateway(server.url);
    await server.restart('empty');
    await logged(LOST);
    await expect(find()).rejects.toThrow(LOST);
    await expect(store.zones()).rejects.toThrow(LOST);
    await expect(store.commit([{ put: 'user', user }])).rejects.toThrow(LOST);
    await expect(store.record([{ tokenId: token.id, usedAt: 1 }])).rejects.toThrow(LOST);
    const endpoint = { name: 'users', max: 100, windowSeconds: 3600 };
    await expect(store.ledger.spend({ endpoint, tokenId: token.id, share: 50 })).rejects.toThrow(LOST);
    expect(await store.trouble()).toMatch(LOST);
    expect(await rawClient(server.url).keys('*')).toEqual([]);
    expect(log).toEqual([
      expect.stringMatching(/is away/),
      expect.stringMatching(/give it back what it held, or restart Tollgate/),
    ]);
  });

  it('under an open connection is found out by the first question, which is not answered', async () => {
    const server = await aServer();
    const { store, find, user, log } = await aGateway(server.url);
    const raw = rawClient(server.url);
    await raw.flushall();
    await expect(find()).rejects.toThrow(StoreAway);
    await expect(store.commit([{ put: 'user', user }])).rejects.toThrow(LOST);
    expect(await raw.keys('*')).toEqual([]);
    expect(log).toEqual([expect.stringMatching(LOST)]);
  });

  it.each([
    ['reads', ({ store }) => store.zones()],
    ['writes', ({ store, user }) => store.commit([{ put: 'user', user }])],
    ['notes of last use', ({ store, token }) => store.record([{ tokenId: token.id, usedAt: 1 }])],
  ] as readonly [string, (gateway: Awaited<ReturnType<typeof aGateway>>) => Promise<unknown>][])(
    'is found out by %s too',
    async (_, ask) => {
      const server = await aServer();
      const gateway = await aGateway(server.url);
      const raw = rawClient(server.url);
      await raw.flushall();
      await expect(ask(gateway)).rejects.toThrow(LOST);
      expect(await raw.keys('*')).toEqual([]);
    },
  );

  it('and was given it back serves again, without a restart of anything', async () => {
    const server = await aServer();
    const { find, token, logged, log } = await aGateway(server.url);
    const raw = rawClient(server.url);
    const identity = (await raw.get(IDENTITY)) ?? '';
    await raw.rename(IDENTITY, 'elsewhere');
    await expect(find()).rejects.toThrow(LOST);
    await raw.set(IDENTITY, identity);
    // Who asks first looks whether it is back, and is not made to wait for that.
    await expect(find()).rejects.toThrow(LOST);
    await logged(/answers again/);
    expect((await find())?.token.id).toBe(token.id);
    expect(log).toHaveLength(2);
  });

  it('and has begun anew is away for who knew the old data, until that process is started again', async () => {
    const server = await aServer();
    const { find, token } = await aGateway(server.url);
    await rawClient(server.url).flushall();
    await expect(find()).rejects.toThrow(LOST);
    const { store: anew } = await open(server.url);
    expect(await anew.findByHash(token.hash)).toBeNull();
    expect(await anew.trouble()).toBeNull();
    await expect(find()).rejects.toThrow(LOST);
    const { store: restarted } = await open(server.url);
    expect(await restarted.findByHash(token.hash)).toBeNull();
  });
});

describe('a process that is told which data it is for', () => {
  const another = '3f0c1c0e-6a55-4c1b-9d38-0a7b1f0a2d11';

  it('works with that data', async () => {
    const server = await aServer();
    const { store, token } = await aGateway(server.url);
    const { store: told, log } = await open(server.url, 5_000, { identity: store.identity });
    expect((await told.findByHash(token.hash))?.token.id).toBe(token.id);
    expect(await told.trouble()).toBeNull();
    expect(log).toEqual([]);
  });

  it.each([
    ['was emptied', true],
    ['is of another installation', false],
  ])(
    'takes a Redis that %s for one that is away, from its start, and writes nothing to it',
    async (_, isEmpty) => {
      const server = await aServer();
      const raw = rawClient(server.url);
      const { token, user } = await aGateway(server.url);
      if (isEmpty) await raw.flushall();
      const before = await raw.dbsize();
      const { store, log } = await open(server.url, 5_000, { identity: another });
      expect(await store.trouble()).toMatch(LOST);
      await expect(store.findByHash(token.hash)).rejects.toThrow(StoreAway);
      await expect(store.commit([{ put: 'user', user }])).rejects.toThrow(/what store\.identity names/);
      expect(await raw.dbsize()).toBe(before);
      expect(await raw.get(IDENTITY)).not.toBe(another);
      expect(log).toEqual([expect.stringMatching(LOST)]);
    },
  );

  it('serves as soon as it is given the data', async () => {
    const server = await aServer();
    const { token } = await aGateway(server.url);
    const raw = rawClient(server.url);
    const identity = (await raw.get(IDENTITY)) ?? '';
    await raw.rename(IDENTITY, 'elsewhere');
    const { store, logged } = await open(server.url, 5_000, { identity });
    await expect(store.findByHash(token.hash)).rejects.toThrow(LOST);
    await raw.rename('elsewhere', IDENTITY);
    // Whoever asks has it looked at again: this one, unless the look that the one before began has found it already.
    await store.findByHash(token.hash).catch((error: Error) => expect(error.message).toMatch(LOST));
    await logged(/answers again/);
    expect((await store.findByHash(token.hash))?.token.id).toBe(token.id);
  });
});

describe('the identity of the data', () => {
  it('is one, however many stores open an empty database at the same time, and is never changed', async () => {
    const server = await aServer();
    const opened = await Promise.all([open(server.url), open(server.url), open(server.url)]);
    const raw = rawClient(server.url);
    const identity = await raw.get(IDENTITY);
    for (const { store } of opened) expect(await store.zones()).toEqual([]);
    await open(server.url);
    expect(await raw.get(IDENTITY)).toBe(identity);
  });

  it('is given to data of a version that gave none', async () => {
    const server = await aServer();
    const { token } = await aGateway(server.url);
    await rawClient(server.url).del(IDENTITY);
    const { store } = await open(server.url);
    expect((await store.findByHash(token.hash))?.token.id).toBe(token.id);
  });
});
