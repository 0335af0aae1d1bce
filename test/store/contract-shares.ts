import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change, Store } from '../../src/domain/store.ts';
import { aShare, aToken, MADE_AT } from '../support/records.ts';
import type { Site } from './site.ts';

export function sharesContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  describe('a share', () => {
    it('is found by its id and by its token', async () => {
      const { token } = aToken('00uOwner');
      const share = aShare(token.id, { percentage: 25, concurrencyPercentage: 5, byEndpoint: { users: 75 } });
      await store.commit([
        { put: 'token', token },
        { put: 'share', share },
      ]);
      expect(await store.share(token.id)).toEqual(share);
      expect(await store.shareById(share.id)).toEqual(share);
      expect(await store.share('00TOther')).toBeNull();
      expect(await store.shareById(share.id.slice(0, -1))).toBeNull();
      expect(await store.shareById('')).toBeNull();
    });

    it('that another takes the place of is found no more', async () => {
      const { token } = aToken('00uOwner');
      const [old, next] = [aShare(token.id), aShare(token.id, { percentage: 1 })];
      await store.commit([
        { put: 'token', token },
        { put: 'share', share: old },
      ]);
      await store.commit([{ put: 'share', share: next }]);
      expect(await store.shareById(old.id)).toBeNull();
      expect(await store.shareById(next.id)).toEqual(next);
      expect((await store.shares(null, 10)).items).toEqual([next]);
    });

    it('goes with its token', async () => {
      const { token } = aToken('00uOwner');
      const share = aShare(token.id);
      await store.commit([
        { put: 'token', token },
        { put: 'share', share },
      ]);
      await store.commit([{ remove: 'token', id: token.id }]);
      expect(await store.shareById(share.id)).toBeNull();
      expect((await store.shares(null, 10)).items).toEqual([]);
    });

    it('is listed in the order of ids, a page at a time, none missed and none repeated', async () => {
      const shares = Array.from({ length: 7 }, (_, i) => aShare(`00TToken${i}`));
      await store.commit(shares.map((share) => ({ put: 'share', share })));
      const inOrder = shares.map(({ id }) => id).sort();
      for (const limit of [1, 3, 7, 8]) {
        const found: string[] = [];
        let after: string | null = null;
        do {
          const page: Awaited<ReturnType<Store['shares']>> = await store.shares(after, limit);
          found.push(...page.items.map(({ id }) => id));
          after = page.next;
        } while (after !== null);
        expect(found).toEqual(inOrder);
      }
    });
  });

  describe('a setting', () => {
    it('is null until it is put, and then what was put last', async () => {
      expect(await store.setting('warning-threshold')).toBeNull();
      await store.commit([{ put: 'setting', name: 'warning-threshold', value: { warningThreshold: 60 } }]);
      await store.commit([{ put: 'setting', name: 'other', value: [1, null, 'ä'] }]);
      expect(await store.setting('warning-threshold')).toEqual({ warningThreshold: 60 });
      expect(await store.setting('other')).toEqual([1, null, 'ä']);
      await store.commit([{ put: 'setting', name: 'other', value: false }]);
      expect(await store.setting('other')).toBe(false);
    });
  });

  describe("a token's previous secret", () => {
    const rotated = () => {
      const { token } = aToken('00uOwner');
      const { hash } = aToken('00uOwner').token;
      return {
        before: token,
        after: { ...token, hash, previous: { hash: token.hash, validUntil: MADE_AT + 1 } },
      };
    };

    it('finds the token as its own does, and after its time too, so that the refusal can be told apart', async () => {
      const { before, after } = rotated();
      await store.commit([{ put: 'token', token: before }]);
      await store.commit([{ put: 'token', token: after, replacing: before }]);
      for (const hash of [before.hash, after.hash]) {
        expect((await store.findByHash(hash))?.token).toEqual(after);
        expect((await store.tokensByHash([hash]))[0]?.token).toEqual(after);
      }
      expect((await store.tokens(null, 10)).items).toHaveLength(1);
    });

    it('is announced with its own when the token changes, so that no gateway goes on with what it knew', async () => {
      const { before, after } = rotated();
      const share = aShare(before.id);
      await store.commit([{ put: 'token', token: before }]);
      const heard: Change[] = [];
      await store.subscribe({ onChange: (change) => heard.push(change), onGap: () => {} });
      const hashes = () => {
        const all = heard.flatMap((change) => (change.of === 'tokens' ? change.hashes : []));
        heard.length = 0;
        return new Set(all);
      };
      const both = new Set([before.hash, after.hash]);
      await store.commit([{ put: 'token', token: after }]);
      expect(hashes()).toEqual(both);
      await store.commit([{ put: 'share', share }]);
      expect(hashes()).toEqual(both);
      await store.commit([{ put: 'token', token: { ...after, revokedAt: MADE_AT, previous: null } }]);
      expect(hashes()).toEqual(both);
    });

    it('is forgotten with the next rotation, with its removal from the token, and with the token', async () => {
      const { before, after } = rotated();
      const next = {
        ...after,
        hash: aToken('00uOwner').token.hash,
        previous: { hash: after.hash, validUntil: MADE_AT + 1 },
      };
      await store.commit([{ put: 'token', token: after }]);
      await store.commit([{ put: 'token', token: next }]);
      expect(await store.findByHash(before.hash)).toBeNull();
      expect((await store.findByHash(after.hash))?.token).toEqual(next);
      await store.commit([{ put: 'token', token: { ...next, previous: null } }]);
      expect(await store.findByHash(after.hash)).toBeNull();
      await store.commit([{ put: 'token', token: next }]);
      await store.commit([{ remove: 'token', id: next.id }]);
      expect(await store.findByHash(after.hash)).toBeNull();
      expect(await store.findByHash(next.hash)).toBeNull();
    });

    it('cannot be the secret of another token, nor its previous one', async () => {
      const { before, after } = rotated();
      await store.commit([{ put: 'token', token: after }]);
      const { token: other } = aToken('00uOther');
      const own = { ...other, hash: before.hash };
      const previous = { ...other, previous: { hash: before.hash, validUntil: MADE_AT } };
      for (const token of [own, previous]) {
        await expect(store.commit([{ put: 'token', token }])).rejects.toThrow(/secret of token 00T/);
      }
      await expect(
        store.commit([
          { put: 'token', token: after },
          { put: 'token', token: previous },
        ]),
      ).rejects.toThrow(/secret of token 00T/);
      expect(await store.token(other.id)).toBeNull();
    });
  });

  describe("an agent's tokens", () => {
    it('are listed under it, and under no other', async () => {
      const of = (agentId: string | null) => aToken('00uOwner', { agentId }).token;
      const [first, second, other, none] = [of('a53One'), of('a53One'), of('a53Other'), of(null)] as const;
      await store.commit([first, second, other, none].map((token) => ({ put: 'token', token })));
      const ids = async (agentId: string) => (await store.tokensOfAgent(agentId)).map(({ id }) => id);
      expect(await ids('a53One')).toEqual([first.id, second.id].sort());
      await store.commit([
        { put: 'token', token: { ...first, agentId: 'a53Other' } },
        { remove: 'token', id: second.id },
      ]);
      expect(await ids('a53One')).toEqual([]);
      expect(await ids('a53Other')).toEqual([first.id, other.id].sort());
      expect(await ids('a53O')).toEqual([]);
    });
  });
}
