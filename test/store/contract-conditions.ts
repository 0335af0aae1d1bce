import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logEvent } from '../../src/domain/log-event.ts';
import { type ConflictReason, type Mutation, type Store, StoreConflict } from '../../src/domain/store.ts';
import { anAgent, aShare, aToken, aUser, aZone, MADE_AT } from '../support/records.ts';
import type { Site } from './site.ts';

/** What only a commit that was written leaves behind. */
const TRACE: Mutation = { put: 'setting', name: 'trace', value: 'written' };

export function conditionsContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  /** `written`, or why it was refused; and that what was refused left no trace. */
  async function outcomeOf(...mutations: Mutation[]): Promise<'written' | ConflictReason> {
    await store.commit([{ put: 'setting', name: 'trace', value: null }]);
    try {
      await store.commit([...mutations, TRACE]);
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      expect(await store.setting('trace')).toBeNull();
      return error.reason;
    }
    expect(await store.setting('trace')).toBe('written');
    return 'written';
  }

  const owner = aUser();
  const zone = aZone(['192.0.2.0/24']);
  const agent = anAgent();
  const { token } = aToken(owner.id, { agentId: agent.id });
  const share = aShare(token.id, { percentage: 10, byEndpoint: { users: 20 } });

  interface Kind {
    readonly what: string;
    /** The mutation that puts the record in another state, on the given condition or none. */
    readonly put: (
      state: 'as read' | 'other' | 'third',
      replacing?: 'as read' | 'other' | 'none',
    ) => Mutation;
  }

  function kindOf<T>(what: string, states: readonly [T, T, T], put: (record: T) => Mutation): Kind {
    const of = { 'as read': states[0], other: states[1], third: states[2], none: null };
    return {
      what,
      put: (state, replacing) => {
        const mutation = put(states[state === 'as read' ? 0 : state === 'other' ? 1 : 2]);
        return (replacing === undefined ? mutation : { ...mutation, replacing: of[replacing] }) as Mutation;
      },
    };
  }

  const kinds: readonly Kind[] = [
    kindOf(
      'a user',
      [owner, { ...owner, status: 'SUSPENDED' }, { ...owner, roles: [] }] as const,
      (user) => ({ put: 'user', user }),
    ),
    kindOf('a zone', [zone, { ...zone, name: 'b' }, { ...zone, gateways: [] }] as const, (each) => ({
      put: 'zone',
      zone: each,
    })),
    kindOf(
      'an agent',
      [agent, { ...agent, status: 'INACTIVE' }, { ...agent, name: 'c' }] as const,
      (each) => ({ put: 'agent', agent: each }),
    ),
    kindOf(
      'a token',
      [token, { ...token, name: 'b' }, { ...token, revokedAt: MADE_AT }] as const,
      (each) => ({ put: 'token', token: each }),
    ),
    kindOf(
      'a share',
      [share, { ...share, percentage: null }, { ...share, byEndpoint: {} }] as const,
      (each) => ({ put: 'share', share: each }),
    ),
    kindOf('a setting', [{ a: 1 }, { a: 2 }, ['c']] as readonly [unknown, unknown, unknown], (value) => ({
      put: 'setting',
      name: 'per-client',
      value,
    })),
  ];

  describe.each(kinds)('$what that is written on the condition of being as it was read', ({ put }) => {
    it('is written when it is', async () => {
      await store.commit([put('as read')]);
      expect(await outcomeOf(put('other', 'as read'))).toBe('written');
      expect(await outcomeOf(put('third', 'other'))).toBe('written');
    });

    it('is refused when somebody has changed it meanwhile', async () => {
      await store.commit([put('as read')]);
      await store.commit([put('other')]);
      expect(await outcomeOf(put('third', 'as read'))).toBe('changed');
    });

    it('is refused when it is gone, and when it was not to be there but is', async () => {
      expect(await outcomeOf(put('other', 'as read'))).toBe('changed');
      expect(await outcomeOf(put('as read', 'none'))).toBe('written');
      expect(await outcomeOf(put('other', 'none'))).toBe('changed');
    });

    it('is written by one of two who try at the same time', async () => {
      const other = await site.open();
      await store.commit([put('as read')]);
      const both = await Promise.allSettled([
        store.commit([put('other', 'as read')]),
        other.commit([put('third', 'as read')]),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });

  describe('a condition', () => {
    it("does not look at a token's last use", async () => {
      await store.commit([{ put: 'token', token }]);
      await store.record([{ tokenId: token.id, usedAt: MADE_AT + 1 }]);
      expect(await outcomeOf({ put: 'token', token: { ...token, name: 'b' }, replacing: token })).toBe(
        'written',
      );
    });

    it('takes a record for the same after it was read from the store', async () => {
      const rich = {
        ...aToken(owner.id, {
          network: { connection: 'ZONE', include: [zone.id] },
          previous: { hash: aToken(owner.id).token.hash, validUntil: MADE_AT + 1 },
        }).token,
      };
      await store.commit([
        { put: 'user', user: owner },
        { put: 'zone', zone },
        { put: 'agent', agent },
        { put: 'token', token: rich },
        { put: 'share', share: { ...share, tokenId: rich.id } },
      ]);
      const read = await store.token(rich.id);
      const [readUser, readZone, readAgent] = [
        await store.user(owner.id),
        await store.zone(zone.id),
        await store.agent(agent.id),
      ];
      if (!read?.share || !readUser || !readZone || !readAgent) throw new Error('all were put');
      const again: Mutation[] = [
        { put: 'token', token: read.token, replacing: read.token },
        { put: 'share', share: read.share, replacing: read.share },
        { put: 'user', user: readUser, replacing: readUser },
        { put: 'zone', zone: readZone, replacing: readZone },
        { put: 'agent', agent: readAgent, replacing: readAgent },
      ];
      expect(await outcomeOf(...again)).toBe('written');
    });

    it.each([
      ['zone', { put: 'zone', zone }, { put: 'zone', zone: { ...zone, name: 'b' } }],
      ['agent', { put: 'agent', agent }, { put: 'agent', agent: { ...agent, name: 'b' } }],
      ['token', { put: 'token', token }, { put: 'token', token: { ...token, name: 'b' } }],
    ] as const)('holds for the removal of a %s too', async (kind, put, change) => {
      const record = { zone, agent, token }[kind];
      await store.commit([put]);
      await store.commit([change]);
      const removal = { remove: kind, id: record.id, replacing: record } as Mutation;
      expect(await outcomeOf(removal)).toBe('changed');
      await store.commit([put]);
      expect(await outcomeOf(removal)).toBe('written');
      expect(await outcomeOf(removal)).toBe('changed');
    });

    it('of the first of several mutations of one record is the one that counts', async () => {
      await store.commit([{ put: 'zone', zone }]);
      const [b, c] = [
        { ...zone, name: 'b' },
        { ...zone, name: 'c' },
      ];
      const steps: Mutation[] = [
        { put: 'zone', zone: b, replacing: zone },
        { put: 'zone', zone: c, replacing: b },
      ];
      expect(await outcomeOf(...steps)).toBe('written');
      expect((await store.zone(zone.id))?.name).toBe('c');
      expect(await outcomeOf(...steps)).toBe('changed');
    });

    it('that does not hold keeps the events of the commit from being written', async () => {
      await store.commit([{ put: 'zone', zone }]);
      const event = logEvent({
        eventType: 'zone.update',
        actor: owner,
        tokenId: null,
        targets: [],
        requestId: null,
        now: MADE_AT,
      });
      expect(
        await outcomeOf(
          { put: 'zone', zone: { ...zone, name: 'b' }, replacing: null },
          { append: 'event', event },
        ),
      ).toBe('changed');
      const query = { by: 'persisted', order: 'ascending', since: null, until: null, after: null } as const;
      expect((await store.events({ ...query, limit: 10 })).items).toEqual([]);
    });

    it('is kept by a commit of thousands too, wherever in it it stands', async () => {
      await store.commit([{ put: 'zone', zone }]);
      const many: Mutation[] = Array.from({ length: 1_500 }, () => ({
        put: 'token',
        token: aToken(owner.id).token,
        replacing: null,
      }));
      const late: Mutation = { put: 'zone', zone: { ...zone, name: 'b' }, replacing: { ...zone, name: 'x' } };
      expect(await outcomeOf(...many, late)).toBe('changed');
      expect((await store.tokens(null, 10)).items).toEqual([]);
      expect(await outcomeOf(...many, { ...late, replacing: zone } as Mutation)).toBe('written');
      expect((await store.tokens(null, 2_000)).items).toHaveLength(1_500);
    });
  });

  describe('a zone', () => {
    const inZone = (facts: object = {}) =>
      aToken(owner.id, { network: { connection: 'ZONE', include: [zone.id] }, ...facts }).token;
    const unused: Mutation = { expect: 'zone-unused', id: zone.id };

    it('that a token names is in use, whether it admits or excludes', async () => {
      await store.commit([{ put: 'zone', zone }]);
      expect(await outcomeOf(unused)).toBe('written');
      const users = [inZone(), inZone({ network: { connection: 'ZONE', exclude: ['nzoOther', zone.id] } })];
      for (const user of users) {
        await store.commit([{ put: 'token', token: user }]);
        expect(await outcomeOf(unused, { remove: 'zone', id: zone.id })).toBe('in-use');
        expect((await store.tokensOfZone(zone.id, 10)).map(({ id }) => id)).toEqual([user.id]);
        await store.commit([{ remove: 'token', id: user.id }]);
      }
      expect(await outcomeOf(unused, { remove: 'zone', id: zone.id })).toBe('written');
    });

    it('is free again when the token turns to another, is revoked, or goes', async () => {
      const frees: readonly ((of: ReturnType<typeof inZone>) => Mutation)[] = [
        (of) => ({ put: 'token', token: { ...of, network: { connection: 'ANYWHERE' } } }),
        (of) => ({ put: 'token', token: { ...of, network: { connection: 'ZONE', include: ['nzoOther'] } } }),
        (of) => ({ put: 'token', token: { ...of, revokedAt: MADE_AT } }),
        (of) => ({ remove: 'token', id: of.id }),
      ];
      for (const free of frees) {
        const user = inZone();
        await store.commit([{ put: 'token', token: user }]);
        expect(await outcomeOf(unused)).toBe('in-use');
        await store.commit([free(user)]);
        expect(await outcomeOf(unused)).toBe('written');
      }
    });

    it('that "any zone" stands for is not in use by that', async () => {
      await store.commit([
        { put: 'token', token: inZone({ network: { connection: 'ZONE', include: ['ALL_IP_ZONES'] } }) },
      ]);
      expect(await outcomeOf(unused)).toBe('written');
      expect(await store.tokensOfZone('ALL_IP_ZONES', 10)).toEqual([]);
    });

    it('that changed since it was read cannot be referred to', async () => {
      await store.commit([{ put: 'zone', zone }]);
      const refer: Mutation[] = [
        { expect: 'zone', zone },
        { put: 'token', token: inZone() },
      ];
      await store.commit([{ put: 'zone', zone: { ...zone, status: 'INACTIVE' } }]);
      expect(await outcomeOf(...refer)).toBe('changed');
      await store.commit([{ put: 'zone', zone }]);
      expect(await outcomeOf(...refer)).toBe('written');
    });

    it('is never both gone and referred to, whoever comes first', async () => {
      const other = await site.open();
      await store.commit([{ put: 'zone', zone }]);
      const both = await Promise.allSettled([
        store.commit([
          { expect: 'zone', zone },
          { put: 'token', token: inZone() },
        ]),
        other.commit([unused, { remove: 'zone', id: zone.id, replacing: zone }]),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('has its tokens listed in the order of their ids, as many as asked for', async () => {
      const users = Array.from({ length: 5 }, () => inZone());
      await store.commit(users.map((each) => ({ put: 'token', token: each })));
      const inOrder = users.map(({ id }) => id).sort();
      expect((await store.tokensOfZone(zone.id, 10)).map(({ id }) => id)).toEqual(inOrder);
      expect((await store.tokensOfZone(zone.id, 3)).map(({ id }) => id)).toEqual(inOrder.slice(0, 3));
      expect(await store.tokensOfZone(zone.id.slice(0, -1), 10)).toEqual([]);
    });
  });
}
