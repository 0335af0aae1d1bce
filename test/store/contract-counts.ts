import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HOUR_MS, TOKENS_KEPT } from '../../src/domain/request-counts.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Site } from './site.ts';

export function countsContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  let now: number;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
    now = await site.now();
  });
  afterEach(() => site.close());

  const counted = (requests: Readonly<Record<string, number>>, at = now) => ({
    id: randomUUID(),
    at,
    tokens: Object.entries(requests).map(([tokenId, count]) => ({ tokenId, requests: count })),
  });
  const busiest = async (hours = 24, limit = 10) => {
    const found = await store.busiestTokens(now - hours * HOUR_MS, now, limit);
    return found.map(({ tokenId, requests }) => [tokenId, requests]);
  };

  describe('the requests of tokens', () => {
    it('are added up over everybody who counts, the busiest first, then by id', async () => {
      expect(await busiest()).toEqual([]);
      await store.count(counted({ a: 1, b: 20, d: 5 }));
      await (await site.open()).count(counted({ a: 3, c: 5 }));
      expect(await busiest()).toEqual([
        ['b', 20],
        ['c', 5],
        ['d', 5],
        ['a', 4],
      ]);
      expect(await busiest(24, 2)).toEqual([
        ['b', 20],
        ['c', 5],
      ]);
      await store.count(counted({}));
    });

    it('are added once for each count, however often it is told', async () => {
      const counts = counted({ a: 2 });
      await store.count(counts);
      await store.count(counts);
      await store.count(counted({ a: 5 }));
      await store.count(counts);
      expect(await busiest()).toEqual([['a', 7]]);
    });

    it('belong to the hour in which they were counted', async () => {
      await store.count(counted({ a: 1 }));
      await store.count(counted({ a: 10, b: 1 }, now - 2 * HOUR_MS));
      await store.count(counted({ a: 100 }, now - 24 * HOUR_MS));
      expect(await busiest(1)).toEqual([['a', 1]]);
      expect(await busiest(2)).toEqual([
        ['a', 11],
        ['b', 1],
      ]);
      expect(await busiest(24)).toEqual([
        ['a', 111],
        ['b', 1],
      ]);
    });

    it('are kept of so many tokens an hour, those with the most', async () => {
      const id = (n: number) => `t${String(n).padStart(5, '0')}`;
      const many = Array.from({ length: TOKENS_KEPT }, (_, n) => [id(n), n + 2]);
      await store.count(counted(Object.fromEntries(many)));
      await store.count(counted({ least: 1, most: 1_000_000 }));
      const found = await busiest(1, 2 * TOKENS_KEPT);
      expect(found).toHaveLength(TOKENS_KEPT);
      expect(found[0]).toEqual(['most', 1_000_000]);
      expect(found.at(-1)).toEqual([id(1), 3]);
    });
  });
}
