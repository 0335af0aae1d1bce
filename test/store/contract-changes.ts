import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change, Mutation, Store } from '../../src/domain/store.ts';
import { anAgent, aShare, aToken, aUser, aZone, MADE_AT } from '../support/records.ts';
import { Ear } from './ear.ts';
import type { Site } from './site.ts';

export function changesContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  const owner = aUser();
  const zone = aZone(['192.0.2.0/24']);
  const agent = anAgent();
  const { token } = aToken(owner.id);
  const rotated = { ...token, hash: aToken(owner.id).token.hash };
  const share = aShare(token.id, { percentage: 10 });
  const before: Mutation[] = [
    { put: 'user', user: owner },
    { put: 'zone', zone },
    { put: 'agent', agent },
    { put: 'token', token },
    { put: 'share', share },
  ];
  const tokens = (...hashes: string[]): Change => ({ of: 'tokens', hashes });

  const announcements: readonly [string, Mutation, Change][] = [
    ['a new token', { put: 'token', token: aToken('00u').token }, tokens('new')],
    ['a changed token', { put: 'token', token: { ...token, name: 'changed' } }, tokens(token.hash)],
    ['a revoked token', { put: 'token', token: { ...token, revokedAt: MADE_AT } }, tokens(token.hash)],
    ['both hashes of a changed secret', { put: 'token', token: rotated }, tokens(token.hash, rotated.hash)],
    ['a removed token', { remove: 'token', id: token.id }, tokens(token.hash)],
    [
      'the token of a changed share',
      { put: 'share', share: { ...share, percentage: 20 } },
      tokens(token.hash),
    ],
    [
      'a changed user',
      { put: 'user', user: { ...owner, status: 'SUSPENDED' } },
      { of: 'user', id: owner.id },
    ],
    ['a changed zone', { put: 'zone', zone: { ...zone, gateways: [] } }, { of: 'zones' }],
    ['a removed zone', { remove: 'zone', id: zone.id }, { of: 'zones' }],
    [
      'a changed agent',
      { put: 'agent', agent: { ...agent, status: 'INACTIVE' } },
      { of: 'agent', id: agent.id },
    ],
    ['a removed agent', { remove: 'agent', id: agent.id }, { of: 'agent', id: agent.id }],
  ];

  /** As the store announces it: a new token's hash is only known once it is made; hashes come in any order. */
  const expected = (change: Change, mutation: Mutation): Change => {
    if (change.of !== 'tokens') return change;
    const hashes =
      change.hashes[0] === 'new' && 'put' in mutation && mutation.put === 'token'
        ? [mutation.token.hash]
        : change.hashes;
    return {
      of: 'tokens',
      hashes: expect.toSatisfy((heard: string[]) => `${[...heard].sort()}` === `${[...hashes].sort()}`),
    };
  };

  /** A listener that has heard all that was announced so far, and remembers none of it. */
  async function attentive(): Promise<Ear> {
    const ear = new Ear();
    await store.subscribe(ear);
    await pastNews(ear);
    ear.changes.length = 0;
    return ear;
  }

  /** Waits until whatever was announced before this moment must have been heard: news keep their order. */
  async function pastNews(ear: Ear): Promise<void> {
    const mark = anAgent();
    const gaps = ear.gaps;
    await (await site.open()).commit([{ put: 'agent', agent: mark }]);
    site.notice();
    await ear.until(
      () => ear.gaps > gaps || ear.changes.some((heard) => heard.of === 'agent' && heard.id === mark.id),
    );
  }

  describe('a change', () => {
    for (const [what, mutation, change] of announcements) {
      it(`of ${what} is heard in the same process before the writer knows that it is written`, async () => {
        await store.commit(before);
        const ear = new Ear();
        await store.subscribe(ear);
        let heard: readonly Change[] = [];
        await store.commit([mutation]).then(() => {
          heard = [...ear.changes];
        });
        expect(heard).toContainEqual(expected(change, mutation));
      });

      it(`of ${what} is heard by another store on the same data, as itself or as a gap`, async () => {
        await store.commit(before);
        const other = await site.open();
        const ear = new Ear();
        await other.subscribe(ear);
        await store.commit([mutation]);
        site.notice();
        await ear.until(() => ear.changes.length + ear.gaps > 0);
        if (ear.gaps === 0) expect(ear.changes).toContainEqual(expected(change, mutation));
      });
    }

    it('of many records in one commit is announced once for each', async () => {
      const ear = new Ear();
      await store.subscribe(ear);
      const users = Array.from({ length: 3 }, () => aUser());
      await store.commit([...users.map((user) => ({ put: 'user', user }) as const), { put: 'zone', zone }]);
      for (const { id } of users) expect(ear.changes).toContainEqual({ of: 'user', id });
      expect(ear.changes).toContainEqual({ of: 'zones' });
    });

    it('of more records than are worth listing is announced as everything before the writer knows that it is written', async () => {
      const ear = new Ear();
      await store.subscribe(ear);
      const many = Array.from({ length: 1_001 }, () => aToken(owner.id).token);
      await store.commit(many.map((each) => ({ put: 'token', token: each })));
      expect(ear.changes).toContainEqual({ of: 'everything' });
      const other = await site.open();
      expect((await other.tokens(null, 2_000)).items).toHaveLength(1_001);
    });

    it('that was refused is announced to nobody', async () => {
      await store.commit(before);
      const ear = await attentive();
      const stranger = aUser();
      const refused = store.commit([
        { put: 'zone', zone: { ...aZone([]), name: zone.name } },
        { put: 'user', user: stranger },
      ]);
      await expect(refused).rejects.toThrow();
      await pastNews(ear);
      expect(ear.changes).not.toContainEqual({ of: 'user', id: stranger.id });
      expect(ear.changes).not.toContainEqual({ of: 'zones' });
    });

    it('is not heard by who has stopped listening', async () => {
      const [ear, other] = [new Ear(), new Ear()];
      const stop = await store.subscribe(ear);
      await store.subscribe(other);
      stop();
      await store.commit([{ put: 'agent', agent }]);
      expect(other.changes.length).toBeGreaterThan(0);
      expect(ear.changes).toEqual([]);
    });

    it('of a last use alone is not announced', async () => {
      await store.commit(before);
      const ear = await attentive();
      await store.record([{ tokenId: token.id, usedAt: MADE_AT + 1 }]);
      await pastNews(ear);
      expect(ear.changes.filter(({ of }) => of === 'tokens' || of === 'everything')).toEqual([]);
    });
  });
}
