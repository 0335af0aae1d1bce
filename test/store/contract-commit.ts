import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Mutation, type Store, StoreConflict } from '../../src/domain/store.ts';
import { anAgent, aShare, aToken, aUser, aZone } from '../support/records.ts';
import type { Site } from './site.ts';

export function commitContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  const zone = (name: string) => aZone(['192.0.2.0/24'], { name });
  const user = (login: string) => aUser({ login });
  const tokens = (count: number) => Array.from({ length: count }, () => aToken('00uOwner').token);
  const puts = (list: readonly ReturnType<typeof aToken>['token'][]): Mutation[] =>
    list.map((token) => ({ put: 'token', token }));

  /** One for each rule: what is held, and what would take it. */
  const conflicts: readonly [string, RegExp, () => [held: Mutation, taker: Mutation]][] = [
    [
      'the name of another zone',
      /zone name "Office"/,
      () => [
        { put: 'zone', zone: zone('Office') },
        { put: 'zone', zone: zone('Office') },
      ],
    ],
    [
      'the login of another user in another case',
      /login "ADA@example.com"/,
      () => [
        { put: 'user', user: user('ada@example.com') },
        { put: 'user', user: user('ADA@example.com') },
      ],
    ],
    [
      'the secret of another token',
      /secret of token 00T/,
      () => {
        const { token } = aToken('00uOwner');
        const other = { ...aToken('00uOther').token, hash: token.hash };
        return [
          { put: 'token', token },
          { put: 'token', token: other },
        ];
      },
    ],
  ];

  describe('a commit', () => {
    for (const [what, message, make] of conflicts) {
      it(`that would take ${what} is refused, and nothing of it is written`, async () => {
        const [held, taker] = make();
        await store.commit([held]);
        const before = await everythingIn(store);
        const refused = store.commit([
          { put: 'user', user: aUser() },
          taker,
          { put: 'agent', agent: anAgent() },
        ]);
        await expect(refused).rejects.toThrow(StoreConflict);
        await expect(refused).rejects.toThrow(message);
        expect(await everythingIn(store)).toEqual(before);
      });

      it(`in which two records would have ${what.replace('of another', 'of the same')} is refused`, async () => {
        await expect(store.commit(make())).rejects.toThrow(message);
        expect(await everythingIn(store)).toEqual([[], [], [], []]);
      });
    }

    it('can let records exchange names, logins and secrets', async () => {
      const zones = [zone('North'), zone('South')] as const;
      const users = [user('a@example.com'), user('b@example.com')] as const;
      const [first, second] = tokens(2);
      if (first === undefined || second === undefined) throw new Error('two were made');
      await store.commit([
        ...zones.map((each) => ({ put: 'zone', zone: each }) as const),
        ...users.map((each) => ({ put: 'user', user: each }) as const),
        ...puts([first, second]),
      ]);
      await store.commit([
        { put: 'zone', zone: { ...zones[0], name: 'South' } },
        { put: 'zone', zone: { ...zones[1], name: 'North' } },
        { put: 'user', user: { ...users[0], login: 'b@example.com' } },
        { put: 'user', user: { ...users[1], login: 'a@example.com' } },
        ...puts([
          { ...first, hash: second.hash },
          { ...second, hash: first.hash },
        ]),
      ]);
      expect((await store.zoneByName('North'))?.id).toBe(zones[1].id);
      expect((await store.zoneByName('South'))?.id).toBe(zones[0].id);
      expect((await store.userByLogin('a@example.com'))?.id).toBe(users[1].id);
      expect((await store.userByLogin('b@example.com'))?.id).toBe(users[0].id);
      expect((await store.findByHash(first.hash))?.token.id).toBe(second.id);
      expect((await store.findByHash(second.hash))?.token.id).toBe(first.id);
    });

    it('can pass on the name of a record that it removes, in any order', async () => {
      for (const removeFirst of [true, false]) {
        const old = zone(`Office ${removeFirst}`);
        const heir = zone(old.name);
        await store.commit([{ put: 'zone', zone: old }]);
        const steps: Mutation[] = [
          { remove: 'zone', id: old.id },
          { put: 'zone', zone: heir },
        ];
        await store.commit(removeFirst ? steps : steps.reverse());
        expect((await store.zoneByName(old.name))?.id).toBe(heir.id);
        expect(await store.zone(old.id)).toBeNull();
      }
    });

    it('counts the last of several mutations of one record', async () => {
      const office = zone('Office');
      const [token] = tokens(1);
      if (token === undefined) throw new Error('one was made');
      await store.commit([
        { put: 'zone', zone: office },
        { put: 'zone', zone: { ...office, name: 'Head office' } },
        ...puts([token]),
        { put: 'share', share: aShare(token.id, { percentage: 1 }) },
        { remove: 'token', id: token.id },
      ]);
      expect((await store.zones()).map(({ name }) => name)).toEqual(['Head office']);
      expect(await store.token(token.id)).toBeNull();
      await store.commit(puts([token]));
      expect((await store.token(token.id))?.share).toBeNull();
    });

    it('of nothing, and the removal of what is not there, do nothing', async () => {
      await store.commit([]);
      await store.commit([
        { remove: 'token', id: '00TNone' },
        { remove: 'zone', id: 'nzoNone' },
        { remove: 'agent', id: 'a53None' },
      ]);
      expect((await store.tokens(null, 1)).items).toEqual([]);
    });
  });

  describe('a commit of thousands', () => {
    const COUNT = 3_000;

    it('is written whole, whatever it puts, changes and removes', async () => {
      const first = tokens(COUNT);
      await store.commit([...puts(first), { put: 'zone', zone: zone('Office') }]);
      const gone = first.slice(0, 1_000);
      const changed = first
        .slice(1_000, 2_000)
        .map((token) => ({ ...token, name: 'changed', userId: '00uNew' }));
      await store.commit([
        ...gone.map(({ id }) => ({ remove: 'token', id }) as const),
        ...puts(changed),
        { put: 'zone', zone: zone('Annexe') },
      ]);
      const { items } = await store.tokens(null, COUNT);
      expect(items).toHaveLength(2_000);
      expect(items.filter(({ token }) => token.name === 'changed')).toHaveLength(1_000);
      expect((await store.tokensOfUser('00uNew', null, COUNT)).items).toHaveLength(1_000);
      expect(await store.findByHash(gone[0]?.hash ?? '')).toBeNull();
      expect(await store.zones()).toHaveLength(2);
    });

    it('is refused whole for one conflict at its very end', async () => {
      const [held] = tokens(1);
      if (held === undefined) throw new Error('one was made');
      await store.commit(puts([held]));
      const many = tokens(COUNT);
      const taker = { ...aToken('00uOther').token, hash: held.hash };
      await expect(store.commit(puts([...many, taker]))).rejects.toThrow(`secret of token ${taker.id}`);
      expect((await store.tokens(null, COUNT)).items.map(({ token }) => token)).toEqual([held]);
      expect(await store.findByHash(many[0]?.hash ?? '')).toBeNull();
      await store.commit(puts(tokens(1)));
    });

    it('can let records exchange names that lie far apart in it', async () => {
      const all = tokens(COUNT);
      const last = COUNT - 1;
      await store.commit(puts(all));
      const swapped = all.map((token, i) => ({ ...token, hash: all[last - i]?.hash ?? '' }));
      await store.commit(puts(swapped));
      for (const i of [0, 1, last]) {
        expect((await store.findByHash(all[i]?.hash ?? ''))?.token.id).toBe(all[last - i]?.id);
      }
    });
  });
}

async function everythingIn(store: Store): Promise<unknown[]> {
  const [users, tokens] = [await store.users(null, 100), await store.tokens(null, 100)];
  return [users.items, await store.zones(), await store.agents(), tokens.items];
}
