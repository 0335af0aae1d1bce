import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logEvent, userParty } from '../../src/domain/log-event.ts';
import type { Mutation, Store } from '../../src/domain/store.ts';
import { anAgent, aToken, aUser, aZone, MADE_AT } from '../support/records.ts';
import { Ear } from './ear.ts';
import type { Site } from './site.ts';

export function vouchingContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  let ear: Ear;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
    ear = new Ear();
    await store.subscribe(ear);
  });
  afterEach(() => site.close());

  /** Lets a second pass, and waits for what the store then says: all that was committed before is on its way. */
  async function vouchedAgain(): Promise<void> {
    const before = ear.vouchedAt.length;
    site.second();
    await ear.until(() => ear.vouchedAt.length > before);
  }

  const owner = aUser();
  const { token } = aToken(owner.id);
  const event = logEvent({
    eventType: 'user.lifecycle.suspend',
    actor: owner,
    tokenId: token.id,
    targets: [userParty(owner)],
    client: { ipAddress: '192.0.2.7', ipChain: ['192.0.2.7'], userAgent: 'a browser' },
    requestId: 'a request',
    now: MADE_AT,
  });
  const many = Array.from({ length: 450 }, () => ({ put: 'token', token: aToken(owner.id).token }) as const);
  const commits: readonly [string, readonly Mutation[]][] = [
    ['nothing', []],
    [
      'a token',
      [
        { put: 'user', user: owner },
        { put: 'token', token },
      ],
    ],
    ['a zone', [{ put: 'zone', zone: aZone(['192.0.2.0/24']) }]],
    ['a setting, which no gateway holds', [{ put: 'setting', name: 'one', value: 1 }]],
    ['an event, which no gateway holds', [{ append: 'event', event }]],
    ['hundreds of tokens', many],
  ];

  describe('a store whose changes arrive', () => {
    it.each(commits)('vouches for what was read, without a gap, after a commit of %s', async (_, commit) => {
      await store.commit(commit);
      await vouchedAgain();
      await vouchedAgain();
      expect(ear.gaps).toBe(0);
    });

    it('vouches for a moment that lies before it is told, each time for a later one', async () => {
      await vouchedAgain();
      await vouchedAgain();
      await vouchedAgain();
      const { vouchedAt } = ear;
      expect([...vouchedAt].sort((a, b) => a - b)).toEqual(vouchedAt);
      expect(new Set(vouchedAt).size).toBe(vouchedAt.length);
    });

    it('has told of what another store on the same data committed before it vouches for that moment', async () => {
      const writer = await site.open();
      for (let round = 0; round < 5; round++) {
        const agent = anAgent();
        const gaps = ear.gaps;
        await writer.commit([{ put: 'agent', agent }]);
        await vouchedAgain();
        const told = ear.changes.some((change) => change.of === 'agent' && change.id === agent.id);
        expect(told || ear.gaps > gaps).toBe(true);
      }
    });

    it('vouches in spite of last uses, which are no commits', async () => {
      await store.commit([
        { put: 'user', user: owner },
        { put: 'token', token },
      ]);
      await store.record([{ tokenId: token.id, usedAt: MADE_AT + 1 }]);
      await vouchedAgain();
      expect(ear.gaps).toBe(0);
    });

    it('does not vouch to who has stopped listening', async () => {
      const other = new Ear();
      const stop = await store.subscribe(other);
      stop();
      await vouchedAgain();
      expect(other.vouchedAt).toEqual([]);
    });
  });
}
