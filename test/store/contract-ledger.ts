import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LimitedEndpoint } from '../../src/domain/endpoint.ts';
import type { Spend, Spent } from '../../src/domain/limit-ledger.ts';
import type { Store } from '../../src/domain/store.ts';
import { windowEnd } from '../../src/domain/window.ts';
import type { Site } from './site.ts';

/** So long that none ends by itself while a test runs. */
const HOUR = 3600;

export function ledgerContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  let made = 0;
  const anEndpoint = (max: number): LimitedEndpoint => ({
    name: `endpoint-${made++}`,
    max,
    windowSeconds: HOUR,
  });
  const spend = async (endpoint: LimitedEndpoint, tokenId: string, share: number) =>
    await store.ledger.spend({ endpoint, tokenId, share });

  describe('a limit', () => {
    it('counts each request against the share of its token and against everybody', async () => {
      const endpoint = anEndpoint(3);
      const answers: Spent[] = [];
      for (const token of ['a', 'a', 'a', 'b', 'b']) answers.push(await spend(endpoint, token, 2));
      expect(
        answers.map(({ admitted, scope, limit, remaining }) => [admitted, scope, limit, remaining]),
      ).toEqual([
        [true, 'token', 2, 1],
        [true, 'token', 2, 0],
        [false, 'token', 2, 0],
        [true, 'endpoint', 3, 0],
        [false, 'endpoint', 3, 0],
      ]);
    });

    it("is not consumed by a refusal: what one token's share refuses is left for the others", async () => {
      const endpoint = anEndpoint(4);
      for (let i = 0; i < 10; i++) await spend(endpoint, 'greedy', 2);
      expect(await spend(endpoint, 'modest', 4)).toMatchObject({ admitted: true, remaining: 1 });
      expect(await spend(endpoint, 'modest', 4)).toMatchObject({ admitted: true, remaining: 0 });
    });

    it("is not consumed by a refusal: what the endpoint refuses leaves the token's share as it was", async () => {
      const endpoint = anEndpoint(1);
      await spend(endpoint, 'a', 1);
      for (let i = 0; i < 5; i++) expect(await spend(endpoint, 'b', 2)).toMatchObject({ admitted: false });
      // The administrator raises the maximum in the running window.
      expect(await spend({ ...endpoint, max: 10 }, 'b', 2)).toMatchObject({ admitted: true, remaining: 1 });
    });

    it('opens its window with the first request, and that window ends for everybody', async () => {
      const endpoint = anEndpoint(10);
      const earliest = windowEnd(await site.now(), HOUR);
      const { resetAt } = await spend(endpoint, 'a', 5);
      const latest = windowEnd(await site.now(), HOUR);
      expect(resetAt).toBeGreaterThanOrEqual(earliest);
      expect(resetAt).toBeLessThanOrEqual(latest);
      expect(resetAt % 1000).toBe(0);
      expect((await spend(endpoint, 'b', 5)).resetAt).toBe(resetAt);
    });

    it('begins anew, for every token, with the first request after its window ended', async () => {
      const endpoint = anEndpoint(2);
      await spend(endpoint, 'a', 1);
      await spend(endpoint, 'b', 1);
      expect(await spend(endpoint, 'c', 1)).toMatchObject({ admitted: false });
      await site.endWindow(endpoint);
      expect(await spend(endpoint, 'a', 1)).toMatchObject({ admitted: true });
      expect(await spend(endpoint, 'c', 1)).toMatchObject({ admitted: true });
      expect(await spend(endpoint, 'b', 1)).toMatchObject({ admitted: false, scope: 'endpoint' });
    });

    it('that is lowered in a running window below what was spent refuses, and never shows less than nothing', async () => {
      const endpoint = anEndpoint(10);
      for (let i = 0; i < 5; i++) await spend(endpoint, 'a', 10);
      expect(await spend({ ...endpoint, max: 3 }, 'a', 2)).toMatchObject({ admitted: false, remaining: 0 });
      expect(await spend({ ...endpoint, max: 3 }, 'b', 3)).toMatchObject({ admitted: false, remaining: 0 });
    });

    it('of one endpoint says nothing of another, whatever characters are in their names', async () => {
      const names = [
        '/api/v1/users/{id}',
        '/api/v1/users/{id}/x',
        'users:all',
        'users',
        '{m}:token',
        'ends',
        'ä é',
      ];
      for (const name of names) {
        expect(await spend({ name, max: 1, windowSeconds: HOUR }, 'a', 1)).toMatchObject({ admitted: true });
      }
      for (const name of names) {
        expect(await spend({ name, max: 1, windowSeconds: HOUR }, 'a', 1)).toMatchObject({ admitted: false });
      }
    });

    it('agrees with a naive count over any sequence of requests, changed limits and ended windows', async () => {
      const request = fc.record({ token: fc.nat(3), share: fc.nat(6), max: fc.integer({ min: 1, max: 8 }) });
      const ended = fc.constant('window ends' as const);
      const sequence = fc.array(
        fc.oneof({ weight: 12, arbitrary: request }, { weight: 1, arbitrary: ended }),
        {
          maxLength: 40,
        },
      );
      await fc.assert(
        fc.asyncProperty(sequence, async (events) => {
          const endpoint = anEndpoint(1);
          let admitted: number[] = [];
          for (const event of events) {
            if (event === 'window ends') {
              await site.endWindow(endpoint);
              admitted = [];
              continue;
            }
            const { token, share, max } = event;
            const own = admitted.filter((each) => each === token).length;
            const fits = own < share && admitted.length < max;
            const answer = await store.ledger.spend(spendOf({ ...endpoint, max }, token, share));
            expect(answer.admitted).toBe(fits);
            if (fits) admitted.push(token);
            const left = { token: share - own - Number(fits), endpoint: max - admitted.length };
            expect(answer.remaining).toBe(Math.max(0, Math.min(left.token, left.endpoint)));
            expect(answer.limit).toBe(answer.scope === 'token' ? share : max);
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}

function spendOf(endpoint: LimitedEndpoint, token: number, share: number): Spend {
  return { endpoint, tokenId: `token-${token}`, share };
}
