import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/domain/store.ts';
import { expiresAt, type Token } from '../../src/domain/token.ts';
import { aToken, MADE_AT } from '../support/records.ts';
import type { Site } from './site.ts';

export function usageContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  describe('the last use of a token', () => {
    it('begins with what a new token is given', async () => {
      const { token } = aToken('00uOwner', { lastUsedAt: MADE_AT + 7 });
      await store.commit([{ put: 'token', token }]);
      expect((await store.token(token.id))?.token.lastUsedAt).toBe(MADE_AT + 7);
    });

    it('is passed over for tokens that are unknown or gone, and recorded for the others', async () => {
      const { token } = aToken('00uOwner');
      await store.commit([{ put: 'token', token }]);
      await store.record([
        { tokenId: '00TNobody', usedAt: MADE_AT + 1 },
        { tokenId: token.id, usedAt: MADE_AT + 2 },
      ]);
      expect((await store.token(token.id))?.token.lastUsedAt).toBe(MADE_AT + 2);
      expect(await store.token('00TNobody')).toBeNull();
      await store.record([]);
    });

    it('is recorded for thousands at once', async () => {
      const tokens = Array.from({ length: 1_200 }, () => aToken('00uOwner').token);
      await store.commit(tokens.map((token) => ({ put: 'token', token })));
      await store.record(tokens.map(({ id }, i) => ({ tokenId: id, usedAt: MADE_AT + i })));
      const used = new Map(
        (await store.tokensOfUser('00uOwner', null, 2_000)).items.map(({ token }) => [
          token.id,
          token.lastUsedAt,
        ]),
      );
      expect(tokens.map(({ id }) => used.get(id))).toEqual(tokens.map((_, i) => MADE_AT + i));
    });

    // An oracle of a few lines: last use is the greatest ever recorded, and no put moves it.
    const step = fc.oneof(
      fc.record({
        touch: fc.array(fc.record({ token: fc.nat(2), at: fc.integer({ min: -5, max: 20 }) }), {
          maxLength: 4,
        }),
      }),
      fc.record({
        put: fc.nat(2),
        lastUsedAt: fc.option(fc.integer({ min: -5, max: 20 })),
        revoked: fc.boolean(),
      }),
    );

    it('only ever moves forward, whatever order uses and writes come in', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const tokens = Array.from({ length: 3 }, () => aToken('00uOwner').token);
          const oracle: Token[] = [...tokens];
          await store.commit(tokens.map((token) => ({ put: 'token', token })));
          for (const each of steps) {
            if ('touch' in each) {
              for (const { token, at } of each.touch) {
                const now = oracle[token];
                if (now !== undefined && (now.lastUsedAt ?? Number.NEGATIVE_INFINITY) < MADE_AT + at) {
                  oracle[token] = { ...now, lastUsedAt: MADE_AT + at };
                }
              }
              await store.record(
                each.touch.map(({ token, at }) => ({
                  tokenId: tokens[token]?.id ?? '',
                  usedAt: MADE_AT + at,
                })),
              );
            } else {
              const now = oracle[each.put];
              if (now === undefined) continue;
              const put = {
                ...now,
                revokedAt: each.revoked ? MADE_AT : null,
                lastUsedAt: each.lastUsedAt === null ? null : MADE_AT + each.lastUsedAt,
              };
              oracle[each.put] = { ...put, lastUsedAt: now.lastUsedAt };
              await store.commit([{ put: 'token', token: put }]);
            }
          }
          for (const token of oracle) expect((await store.token(token.id))?.token).toEqual(token);
          const mine = new Set(oracle.map(({ id }) => id));
          const listed = (await store.tokensExpiringBefore(Number.MAX_SAFE_INTEGER, 10_000)).filter(
            ({ id }) => mine.has(id),
          );
          const alive = oracle.filter(({ revokedAt }) => revokedAt === null);
          expect(listed.map(({ id }) => id)).toEqual(
            alive.sort((a, b) => expiresAt(a) - expiresAt(b) || (a.id < b.id ? -1 : 1)).map(({ id }) => id),
          );
        }),
        { numRuns: 40 },
      );
    });
  });
}
