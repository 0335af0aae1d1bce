import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlParts } from '../../src/control/control-parts.ts';
import { FirstInOrder } from '../../src/control/first-in-order.ts';
import type { AnyCall } from '../../src/control/operation.ts';
import { scan } from '../../src/control/scan.ts';
import { listShares } from '../../src/control/shares/list.ts';
import { listQuery, listTokens } from '../../src/control/tokens/list.ts';
import { listUsers, userQuery } from '../../src/control/users/list.ts';
import type { Page } from '../../src/domain/store.ts';
import type { Credential, Share } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { aToken, aUser, MADE_AT } from '../support/records.ts';

describe('looking through all records', () => {
  it('gives other work its turn after every hundred of them', async () => {
    const numbers = Array.from({ length: 350 }, (_, index) => index);
    const read = async (after: string | null, limit: number) => {
      const from = Number(after ?? 0);
      const next = from + limit < numbers.length ? String(from + limit) : null;
      return { items: numbers.slice(from, from + limit), next };
    };
    let turns = 0;
    const turnsBefore: number[] = [];
    const sizes: number[] = [];
    for await (const slice of scan(read, null)) {
      sizes.push(slice.length);
      turnsBefore.push(turns);
      setImmediate(() => turns++);
    }
    expect(sizes).toEqual([100, 100, 100, 50]);
    expect(turnsBefore).toEqual([0, 1, 2, 3]);
  });

  it('for the first in an order keeps just as many, and those are the first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (numbers, count) => {
        const firsts = new FirstInOrder<number>(count, (a, b) => a - b);
        for (const number of numbers) firsts.add(number);
        expect(firsts.first()).toEqual(numbers.toSorted((a, b) => a - b).slice(0, count));
      }),
    );
  });
});

describe('the list of very many tokens', () => {
  let count = 120_000;
  const owner = aUser();
  const { token } = aToken(owner.id, { name: 'bulk' });
  const credentialAt = (index: number): Credential => {
    const id = `00T${String(index).padStart(17, '0')}`;
    const name = index === count - 1 ? 'the last' : token.name;
    return { token: { ...token, id, name }, owner, agent: null, share: null };
  };
  let lookedAt = 0;
  const store = {
    async tokens(after: string | null, limit: number): Promise<Page<Credential>> {
      const from = after === null ? 0 : Number(after.slice(3)) + 1;
      const items = Array.from({ length: Math.min(limit, count - from) }, (_, index) =>
        credentialAt(from + index),
      );
      lookedAt += items.length;
      return { items, next: from + limit < count ? (items.at(-1)?.token.id ?? null) : null };
    },
  };
  const page = async (query: object) => {
    const parts = { store } as unknown as Parameters<typeof listTokens>[0];
    const found = await listTokens(parts, listQuery.parse(query), owner, 'all', MADE_AT);
    if (found.kind === 'error') throw new Error(found.errorSummary);
    return found;
  };

  it('looks at so many of them for one page, and finds the one that is asked for behind its links', async () => {
    const pages: number[] = [];
    const names: string[] = [];
    let after: string | undefined;
    do {
      lookedAt = 0;
      const { items, next } = await page({ q: 'last', after });
      pages.push(lookedAt);
      names.push(...items.map((found) => found.token.name));
      after = next ?? undefined;
    } while (after !== undefined);
    expect(names).toEqual(['the last']);
    expect(pages).toHaveLength(3);
    expect(Math.max(...pages)).toBeLessThanOrEqual(50_100);
  });

  it('is put in no other order than that of ids, which looks at every one: the refusal says so', async () => {
    for (const query of [{ sortBy: 'name' }, { sortOrder: 'desc' }]) {
      lookedAt = 0;
      await expect(page(query)).rejects.toThrow('Api validation failed: sortBy');
      expect(lookedAt).toBeLessThanOrEqual(50_100);
    }
    expect((await page({ sortBy: 'id', sortOrder: 'asc', limit: '1' })).items[0]?.token.id).toBe(
      credentialAt(0).token.id,
    );
  });

  it('is put in any order where it is shorter, a page at a time', async () => {
    count = 40_000;
    const first = await page({ sortBy: 'name', sortOrder: 'desc', limit: '2' });
    expect(first.items.map((found) => found.token.name)).toEqual(['the last', 'bulk']);
    const second = await page({ sortBy: 'name', sortOrder: 'desc', limit: '1', after: first.next ?? '' });
    expect(second.items[0]?.token.id).toBe(credentialAt(count - 3).token.id);
  });
});

it('the lists of very many users and shares look at so many for one page too, and go on behind their links', async () => {
  const count = 60_000;
  const user = aUser({ lastName: 'bulk' });
  let lookedAt = 0;
  const store = {
    async users(after: string | null, limit: number): Promise<Page<User>> {
      const from = after === null ? 0 : Number(after.slice(3)) + 1;
      const items = Array.from({ length: Math.min(limit, count - from) }, (_, index) => {
        const id = `00u${String(from + index).padStart(17, '0')}`;
        return { ...user, id, lastName: from + index === count - 1 ? 'last' : 'bulk' };
      });
      lookedAt += items.length;
      return { items, next: from + limit < count ? (items.at(-1)?.id ?? null) : null };
    },
    async shares(after: string | null, limit: number): Promise<Page<Share>> {
      const { items, next } = await this.users(after, limit);
      return { items: items.map(({ id }) => ({ id, tokenId: 'none' }) as Share), next };
    },
    tokensById: async (ids: readonly string[]) => ids.map(() => null),
  };
  const parts = { store } as unknown as ControlParts;
  const users = await listUsers(parts, userQuery.parse({ q: 'last' }));
  expect(users).toMatchObject({ items: [], next: expect.any(String) });
  expect(lookedAt).toBeLessThanOrEqual(50_100);
  const after = 'next' in users ? users.next : null;
  expect(await listUsers(parts, userQuery.parse({ q: 'last', after }))).toMatchObject({
    items: [{ lastName: 'last' }],
    next: null,
  });
  lookedAt = 0;
  const call = { caller: { user }, grant: 'own', now: MADE_AT } as AnyCall;
  const filter = 'principalType eq "SSWS_TOKEN"';
  expect(await listShares(parts, call, { filter })).toMatchObject({ items: [], next: expect.any(String) });
  expect(lookedAt).toBeLessThanOrEqual(50_100);
});
