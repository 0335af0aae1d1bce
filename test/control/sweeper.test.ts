import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Sweeper } from '../../src/control/sweeper.ts';
import { type LogEvent, logEvent } from '../../src/domain/log-event.ts';
import type { Store } from '../../src/domain/store.ts';
import { DEFAULT_TOKEN_WINDOW_SECONDS, type Token } from '../../src/domain/token.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aToken, aUser, MADE_AT } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const WINDOW = DEFAULT_TOKEN_WINDOW_SECONDS * 1000;
const OPTIONS = { everyMs: MINUTE, retentionMs: 90 * DAY };

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

let opened = 0;
const stores: readonly [string, () => Promise<Store>][] = [
  // The stores' own clocks stand still: months pass here, and they would look for other writers all the time.
  ['the embedded store', () => openEmbeddedStore({ path: ':memory:', clock: manualClock() })],
  [
    'Redis',
    () =>
      openRedisStore({
        url: server.url,
        prefix: `sweep-${opened++}:`,
        commandTimeoutMs: 5_000,
        clock: manualClock(),
      }),
  ],
];

describe.each(stores)('the sweeper on %s', (_, open) => {
  let clock: ManualClock;
  let store: Store;
  let sweepers: Sweeper[];
  let told: { revoked: number; purged: number };
  let failures: unknown[];
  const owner = aUser();

  beforeEach(async () => {
    clock = manualClock();
    store = await open();
    await store.commit([{ put: 'user', user: owner }]);
    sweepers = [];
    told = { revoked: 0, purged: 0 };
    failures = [];
  });
  afterEach(async () => {
    for (const sweeper of sweepers) await sweeper.close();
    await store.close();
  });

  function aSweeper(): Sweeper {
    const sweeper = new Sweeper(store, clock, OPTIONS, {
      swept(revoked, purged) {
        told = { revoked: told.revoked + revoked, purged: told.purged + purged };
      },
      failed: (error) => failures.push(error),
    });
    sweepers.push(sweeper);
    return sweeper;
  }

  async function issue(facts: Partial<Token> = {}): Promise<Token> {
    const { token } = aToken(owner.id, facts);
    await store.commit([{ put: 'token', token }]);
    return token;
  }

  async function events(): Promise<readonly LogEvent[]> {
    const all = { since: null, until: null, after: null, limit: 1000 };
    const page = await store.events({ by: 'persisted', order: 'ascending', ...all });
    return page.items.map(({ event }) => event);
  }

  const revokedAt = async ({ id }: Token) => (await store.token(id))?.token.revokedAt;

  it('revokes what was not used for its whole window, and says so in the log as the system', async () => {
    const token = await issue({ name: 'forgotten' });
    clock.advance(WINDOW + MINUTE);
    const sweeper = aSweeper();
    await sweeper.sweep();
    expect(await revokedAt(token)).toBeNull();
    clock.advance(1);
    await sweeper.sweep();
    expect(await revokedAt(token)).toBe(clock.now());
    expect(await events()).toMatchObject([
      {
        eventType: 'system.api_token.revoke',
        published: clock.now(),
        actor: { id: 'system', type: 'SystemPrincipal' },
        target: [
          { id: token.id, type: 'Token', displayName: 'forgotten' },
          { id: owner.id, type: 'User' },
        ],
        transaction: { type: 'JOB', id: null, requestApiTokenId: null },
      },
    ]);
    expect(told).toEqual({ revoked: 1, purged: 0 });
  });

  it('leaves alone what was used in time, and what is revoked already', async () => {
    const used = await issue();
    const revoked = await issue({ revokedAt: MADE_AT });
    await store.record([{ tokenId: used.id, usedAt: MADE_AT + DAY }]);
    clock.advance(WINDOW + DAY);
    await aSweeper().sweep();
    expect(await revokedAt(used)).toBeNull();
    expect(await revokedAt(revoked)).toBe(MADE_AT);
    expect(await events()).toEqual([]);
  });

  it('gets through more tokens than it reads at once', async () => {
    const tokens = Array.from({ length: 250 }, () => aToken(owner.id).token);
    await store.commit(tokens.map((token) => ({ put: 'token', token })));
    clock.advance(WINDOW + DAY);
    await aSweeper().sweep();
    expect(told.revoked).toBe(250);
    expect(new Set((await events()).map(({ target }) => target[0]?.id))).toEqual(
      new Set(tokens.map(({ id }) => id)),
    );
  });

  it('does nothing twice, however many sweep at the same time', async () => {
    const tokens = Array.from({ length: 20 }, () => aToken(owner.id).token);
    await store.commit(tokens.map((token) => ({ put: 'token', token })));
    clock.advance(WINDOW + DAY);
    const many = [aSweeper(), aSweeper(), aSweeper()];
    await Promise.all(many.map((sweeper) => sweeper.sweep()));
    expect(told.revoked).toBe(20);
    const swept = (await events()).map(({ target }) => target[0]?.id);
    expect(swept.toSorted()).toEqual(tokens.map(({ id }) => id).toSorted());
    expect(failures).toEqual([]);
  });

  it('forgets the secret before the last rotation with the token', async () => {
    const previous = { hash: aToken(owner.id).token.hash, validUntil: MADE_AT + DAY };
    const token = await issue({ previous });
    clock.advance(WINDOW + DAY);
    await aSweeper().sweep();
    expect(await revokedAt(token)).toBe(clock.now());
    expect(await store.findByHash(previous.hash)).toBeNull();
  });

  it('removes events older than the log is kept, and no others', async () => {
    const event = (now: number) =>
      logEvent({ eventType: 'zone.update', actor: owner, tokenId: null, targets: [], requestId: null, now });
    const [old, young] = [event(MADE_AT - 1), event(MADE_AT)];
    await store.commit([
      { append: 'event', event: old },
      { append: 'event', event: young },
    ]);
    clock.advance(90 * DAY);
    await aSweeper().sweep();
    expect((await events()).map(({ uuid }) => uuid)).toEqual([young.uuid]);
    expect(told).toEqual({ revoked: 0, purged: 1 });
  });

  it('sweeps by itself, again and again', async () => {
    const token = await issue();
    clock.advance(WINDOW);
    const sweeper = aSweeper();
    for (const expected of [null, clock.now() + 2 * MINUTE]) {
      clock.advance(MINUTE);
      // Waits for the sweep that the timer began.
      await sweeper.sweep();
      expect(await revokedAt(token)).toBe(expected);
    }
  });

  it('tells of a store that is away, and goes on trying', async () => {
    const sweeper = aSweeper();
    await store.close();
    for (const failed of [1, 2]) {
      await sweeper.sweep();
      expect(failures).toHaveLength(failed);
    }
    expect(failures).toMatchObject([{ name: 'StoreAway' }, { name: 'StoreAway' }]);
  });
});
