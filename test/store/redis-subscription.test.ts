import { describe, expect, it } from 'vitest';
import { aUser } from '../support/records.ts';
import { Ear } from './ear.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

describe('a subscription', () => {
  it('that is cut off is a gap, and another when it stands again; then changes arrive as before', async () => {
    const server = await aServer();
    const raw = rawClient(server.url);
    const [{ store: gateway }, { store: writer }] = [await open(server.url), await open(server.url)];
    const ear = new Ear();
    await gateway.subscribe(ear);
    for (const round of [1, 2, 3]) {
      await raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await ear.until(() => ear.gaps === 2 * round);
    }
    const user = aUser();
    await writer.commit([{ put: 'user', user }]);
    await ear.until(() => ear.changes.length > 0);
    expect(ear.changes).toEqual([{ of: 'user', id: user.id }]);
    expect(ear.gaps).toBe(6);
  });

  it('that is silent because Redis is frozen is a gap, found by asking for a sign of life', async () => {
    const server = await aServer();
    const { store, clock } = await open(server.url, 500);
    const ear = new Ear();
    await store.subscribe(ear);
    server.pause();
    clock.advance(1_000);
    await ear.until(() => ear.gaps === 1);
    server.resume();
    await ear.until(() => ear.gaps === 2);
  });

  it('on which something else than a change arrives is a gap, not the end of the process', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    const ear = new Ear();
    await store.subscribe(ear);
    for (const garbage of ['', 'not JSON', '{"of":"zones"}', 'null']) {
      await rawClient(server.url).publish('tg:changes', garbage);
    }
    await ear.until(() => ear.gaps === 4);
    expect(ear.changes).toEqual([]);
  });

  it('that cannot stand yet is a gap for a new listener, and another when it stands', async () => {
    const server = await aServer();
    await server.kill();
    const { store, logged } = await open(server.url);
    const ear = new Ear();
    await store.subscribe(ear);
    expect(ear.gaps).toBe(1);
    await server.restart();
    await ear.until(() => ear.gaps === 2);
    await logged(/answers again/);
    await store.commit([{ put: 'user', user: aUser() }]);
    await ear.until(() => ear.changes.length > 0);
  });

  it('that Redis does not allow is the trouble, and is tried again until it does', async () => {
    const server = await aServer();
    const raw = rawClient(server.url);
    await raw.call('ACL', 'SETUSER', 'default', 'resetchannels');
    const { store, clock } = await open(server.url);
    expect(await store.trouble()).toMatch(/Changes do not arrive .*NOPERM/);
    const ear = new Ear();
    await store.subscribe(ear);
    await raw.call('ACL', 'SETUSER', 'default', 'allchannels');
    clock.advance(1_000);
    await ear.until(() => ear.gaps === 2);
    expect(await store.trouble()).toBeNull();
  });
});
