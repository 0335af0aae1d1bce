import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConcurrentEndpoint } from '../../src/domain/endpoint.ts';
import { isSlot, type Slot } from '../../src/domain/slot-ledger.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Site } from './site.ts';

export function slotsContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  let made = 0;
  const anEndpoint = (concurrent: number, name = `endpoint-${made++}`): ConcurrentEndpoint => ({
    name,
    max: null,
    windowSeconds: 60,
    concurrent,
  });
  const hold = async (endpoint: ConcurrentEndpoint, tokenId: string, share: number) =>
    await store.slots.hold({ endpoint, tokenId, share });
  const slot = async (endpoint: ConcurrentEndpoint, tokenId: string, share: number): Promise<Slot> => {
    const held = await hold(endpoint, tokenId, share);
    if (!isSlot(held)) throw new Error(`refused by the ${held.scope}, at ${held.limit}`);
    return held;
  };

  describe('a maximum of requests under way', () => {
    it('holds for each token its share, and for everybody', async () => {
      const endpoint = anEndpoint(3);
      await slot(endpoint, 'a', 2);
      await slot(endpoint, 'a', 2);
      expect(await hold(endpoint, 'a', 2)).toEqual({ scope: 'token', limit: 2 });
      await slot(endpoint, 'b', 2);
      expect(await hold(endpoint, 'b', 2)).toEqual({ scope: 'endpoint', limit: 3 });
    });

    it('has room again as soon as one has ended, and for one only, however often its end is told', async () => {
      const endpoint = anEndpoint(2);
      const first = await slot(endpoint, 'a', 2);
      await slot(endpoint, 'b', 2);
      for (let times = 0; times < 3; times++) first.release();
      await slot(endpoint, 'c', 2);
      expect(await hold(endpoint, 'c', 2)).toMatchObject({ limit: 2 });
    });

    it('that is changed holds at once for what comes, and cuts nothing that is under way', async () => {
      const endpoint = anEndpoint(4);
      const slots = [
        await slot(endpoint, 'a', 4),
        await slot(endpoint, 'a', 4),
        await slot(endpoint, 'b', 4),
      ];
      const lowered = { ...endpoint, concurrent: 2 };
      expect(await hold(lowered, 'c', 2)).toEqual({ scope: 'endpoint', limit: 2 });
      expect(await hold({ ...endpoint, concurrent: 9 }, 'a', 1)).toEqual({ scope: 'token', limit: 1 });
      slots[0]?.release();
      expect(await hold(lowered, 'c', 2)).toMatchObject({ scope: 'endpoint' });
      slots[1]?.release();
      await slot(lowered, 'c', 2);
      await slot({ ...endpoint, concurrent: 9 }, 'c', 9);
    });

    it('counts what is under way, for everybody and for one token', async () => {
      const endpoint = anEndpoint(10);
      expect(await store.slots.count(endpoint, 'a')).toEqual({ all: 0, own: 0 });
      await slot(endpoint, 'a', 10);
      await slot(endpoint, 'b', 10);
      expect(await store.slots.count(endpoint, 'a')).toEqual({ all: 2, own: 1 });
    });

    it('of one endpoint says nothing of another, whatever characters are in their names', async () => {
      const names = [
        '/api/v1/users/{id}',
        '/api/v1/users/{id}/x',
        'users:slots',
        'users',
        '{m}:token',
        'ä é',
      ];
      for (const name of names) await slot(anEndpoint(1, name), 'a', 1);
      for (const name of names) expect(await hold(anEndpoint(1, name), 'b', 1)).toMatchObject({ limit: 1 });
    });

    it('agrees with a naive count over any sequence of requests, ends and changed maxima', async () => {
      const begin = fc.record({
        token: fc.nat(3),
        share: fc.integer({ min: 1, max: 6 }),
        max: fc.integer({ min: 1, max: 8 }),
      });
      const end = fc.record({ nth: fc.nat(20) });
      const events = fc.array(fc.oneof({ weight: 3, arbitrary: begin }, { weight: 2, arbitrary: end }), {
        maxLength: 40,
      });
      await fc.assert(
        fc.asyncProperty(events, async (happening) => {
          const endpoint = anEndpoint(1);
          const underWay: { token: number; slot: Slot }[] = [];
          for (const event of happening) {
            if ('nth' in event) {
              const [ended] = underWay.splice(event.nth % Math.max(1, underWay.length), 1);
              ended?.slot.release();
              continue;
            }
            const { token, share, max } = event;
            const own = underWay.filter((each) => each.token === token).length;
            const fits = own < share && underWay.length < max;
            const held = await hold({ ...endpoint, concurrent: max }, `token-${token}`, share);
            expect(isSlot(held)).toBe(fits);
            if (isSlot(held)) underWay.push({ token, slot: held });
            else expect(held.limit).toBe(held.scope === 'token' ? share : max);
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}
