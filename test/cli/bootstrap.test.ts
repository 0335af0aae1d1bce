import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BootstrapOptions, bootstrap } from '../../src/cli/bootstrap.ts';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import type { Store } from '../../src/domain/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { aUser, MADE_AT } from '../support/records.ts';

let store: Store;
beforeEach(async () => {
  store = await openEmbeddedStore({ path: ':memory:', clock: manualClock() });
});
afterEach(() => store.close());

const options = (facts: Partial<BootstrapOptions> = {}): BootstrapOptions => ({
  prefix: 'tg',
  pepper: null,
  secret: undefined,
  demo: false,
  now: MADE_AT,
  ...facts,
});

async function told(): Promise<readonly string[]> {
  const all = { since: null, until: null, after: null, limit: 100 };
  const page = await store.events({ by: 'persisted', order: 'ascending', ...all });
  return page.items.map(
    ({ event }) => `${event.actor.id} ${event.eventType} ${event.target[0]?.displayName}`,
  );
}

describe('an empty store', () => {
  it('gets a super administrator with a token whose secret is shown, and the log says so', async () => {
    const made = await bootstrap(store, options());
    const secret = made?.administratorSecret ?? '';
    const found = await store.findByHash(secretIndex(secret, null));
    expect(found).toMatchObject({
      token: { name: 'bootstrap', network: { connection: 'ANYWHERE' } },
      owner: { roles: ['SUPER_ADMIN'], status: 'ACTIVE' },
    });
    expect(await told()).toEqual([
      'system user.lifecycle.create First Administrator',
      'system user.lifecycle.activate First Administrator',
      'system user.account.privilege.grant First Administrator',
      'system system.api_token.create bootstrap',
    ]);
  });

  it('takes the secret that it is given, and shows it to nobody', async () => {
    const secret = 'x'.repeat(40);
    expect(await bootstrap(store, options({ secret }))).toEqual({
      administratorSecret: null,
      demoSecret: null,
    });
    expect(await store.findByHash(secretIndex(secret, null))).not.toBeNull();
  });

  it('gets a zone and a token for it to try out, where that is wanted', async () => {
    const made = await bootstrap(store, options({ demo: true }));
    const found = await store.findByHash(secretIndex(made?.demoSecret ?? '', null));
    const [zone] = await store.zones();
    expect(found?.token.network).toEqual({ connection: 'ZONE', include: [zone?.id] });
    expect(await told()).toContain('system zone.create Documentation network');
  });

  it.each([
    ['one that is too short', 'x'.repeat(39), /39 characters; at least 40/],
    ['one with a character that no header takes', `${'x'.repeat(40)} y`, /cannot be a token/],
    ['one that only looks as if it was made here', `tg_${'x'.repeat(42)}`, /cannot be a token/],
  ])('refuses %s, and is still empty', async (_, secret, message) => {
    await expect(bootstrap(store, options({ secret }))).rejects.toThrow(message);
    expect((await store.users(null, 1)).items).toEqual([]);
  });
});

describe('a store that holds an administrator', () => {
  it('gets nothing, whatever is given', async () => {
    await store.commit([{ put: 'user', user: aUser() }]);
    expect(await bootstrap(store, options({ secret: mintSecret('tg'), demo: true }))).toBeNull();
    expect((await store.tokens(null, 1)).items).toEqual([]);
    expect(await told()).toEqual([]);
  });

  it('is what one of several that start at the same time makes, once', async () => {
    const made = await Promise.all([1, 2, 3].map(() => bootstrap(store, options())));
    expect(made.filter((each) => each !== null)).toHaveLength(1);
    expect((await store.users(null, 10)).items).toHaveLength(1);
    expect((await store.tokens(null, 10)).items).toHaveLength(1);
  });
});
