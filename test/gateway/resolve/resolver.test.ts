import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintSecret, secretIndex } from '../../../src/domain/secret.ts';
import type { Change, Store } from '../../../src/domain/store.ts';
import type { Resolution } from '../../../src/gateway/resolve/resolver.ts';
import { Resolver } from '../../../src/gateway/resolve/resolver.ts';
import { Breaker } from '../../../src/kernel/breaker.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { anAgent, aToken, aUser, MADE_AT } from '../../support/records.ts';
import { SteeredSource } from '../../support/steered-source.ts';

const FRESH = 5_000;
const NEGATIVE = 2_000;
const STALE = 60_000;
const BREAKER = 1_000;

let clock: ManualClock;
let store: Store;
let source: SteeredSource;
let resolver: Resolver;
let lookups: string[];
const owner = aUser();
const { token, secret } = aToken(owner.id);

beforeEach(async () => {
  clock = manualClock();
  store = await openEmbeddedStore({ path: ':memory:', clock });
  await store.commit([
    { put: 'user', user: owner },
    { put: 'token', token },
  ]);
  source = new SteeredSource(store);
  lookups = [];
  resolver = new Resolver(
    source,
    clock,
    new Breaker(clock, BREAKER),
    {
      prefix: 'tg',
      pepper: null,
      failures: null,
      size: 100,
      freshFor: FRESH,
      negativeFreshFor: NEGATIVE,
      staleFor: STALE,
    },
    { lookup: (answer) => lookups.push(answer) },
  );
});

afterEach(() => store.close());

/** What the resolver says: `ok`, or the code of the refusal. */
async function resolve(of: string | null = secret): Promise<string> {
  const resolution: Resolution = await resolver.resolve(of);
  return typeof resolution === 'string' ? resolution : 'ok';
}

/** Resolves when everything that is under way has been heard. */
const settled = () => new Promise<void>((done) => setImmediate(done));

describe('a secret', () => {
  it('that is missing is refused without a look-up', async () => {
    expect(await resolve(null)).toBe('resolve.missing');
    expect(source.lookups).toBe(0);
  });

  it.each([
    ['too short', 'short'],
    ['our prefix with a wrong checksum', `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`],
    ['our prefix and nothing', 'tg_'],
    ['characters no token has', `${'a'.repeat(40)}\u0000`],
    ['endless', 'a'.repeat(10_000)],
  ])('that is junk (%s) is refused without a look-up', async (_, junk) => {
    expect(await resolve(junk)).toBe('resolve.malformed');
    expect(source.lookups).toBe(0);
  });

  it('that is well-formed but unknown is looked up once while the answer is fresh', async () => {
    const stranger = mintSecret('tg');
    expect(await resolve(stranger)).toBe('resolve.unknown');
    clock.advance(NEGATIVE);
    expect(await resolve(stranger)).toBe('resolve.unknown');
    expect(source.lookups).toBe(1);
    clock.advance(1);
    expect(await resolve(stranger)).toBe('resolve.unknown');
    expect(source.lookups).toBe(2);
  });

  it('that is wrong costs the same one look-up however much of a right one it begins with', async () => {
    const right = 'R'.repeat(64);
    await store.commit([
      { put: 'token', token: { ...aToken(owner.id).token, hash: secretIndex(right, null) } },
    ]);
    for (let shared = 0; shared < right.length; shared++) {
      const before = source.lookups;
      const guess = right.slice(0, shared) + 'w'.repeat(right.length - shared);
      expect(await resolve(guess), `${shared} characters`).toBe('resolve.unknown');
      expect(source.lookups - before, `${shared} characters`).toBe(1);
    }
    expect(await resolve(right)).toBe('ok');
  });

  it('that is known answers at once, without a promise, from the second time on', async () => {
    expect(await resolve()).toBe('ok');
    expect(resolver.resolve(secret)).not.toBeInstanceOf(Promise);
    expect(source.lookups).toBe(1);
  });

  it('that is unknown answers at once, without a promise, from the second time on', async () => {
    const stranger = mintSecret('tg');
    await resolve(stranger);
    expect(resolver.resolve(stranger)).toBe('resolve.unknown');
  });
});

describe('the cache', () => {
  it('sends one look-up for a thousand requests with the same cold token', async () => {
    const all = await Promise.all(Array.from({ length: 1000 }, () => resolve()));
    expect(new Set(all)).toEqual(new Set(['ok']));
    expect(source.lookups).toBe(1);
  });

  it('reads a token in use again in the background, once, before it is too old to be believed', async () => {
    await resolve();
    clock.advance(FRESH / 2 + 1);
    for (let request = 0; request < 10; request++) {
      expect(resolver.resolve(secret)).not.toBeInstanceOf(Promise);
    }
    await settled();
    expect(source.lookups).toBe(2);
    clock.advance(FRESH / 2);
    expect(resolver.resolve(secret)).not.toBeInstanceOf(Promise);
  });

  it('believes nothing for longer than freshFor, even when every notice is lost', async () => {
    await resolve();
    await store.commit([{ put: 'token', token: { ...token, revokedAt: clock.now() } }]);
    clock.advance(FRESH);
    expect(await resolve()).toBe('ok');
    clock.advance(1);
    expect(await resolve()).toBe('resolve.revoked');
  });

  it('is not filled by made-up tokens: a known one stays through a flood of unknown ones', async () => {
    await resolve();
    for (let made = 0; made < 500; made++) await resolve(mintSecret('tg'));
    const before = source.lookups;
    expect(resolver.resolve(secret)).not.toBeInstanceOf(Promise);
    expect(source.lookups).toBe(before);
    expect(resolver.cached).toBe(1);
  });
});

describe('a change', () => {
  const changed = async (mutations: Parameters<Store['commit']>[0], change: Change) => {
    await store.commit(mutations);
    resolver.changed(change);
  };

  it('of a token acts on the next request', async () => {
    await resolve();
    await changed([{ put: 'token', token: { ...token, revokedAt: clock.now() } }], {
      of: 'tokens',
      hashes: [token.hash],
    });
    expect(await resolve()).toBe('resolve.revoked');
  });

  it.each(['SUSPENDED', 'DEPROVISIONED'] as const)(
    'of the owner to %s refuses at the next request, and back to ACTIVE accepts again',
    async (status) => {
      await resolve();
      await changed([{ put: 'user', user: { ...owner, status } }], { of: 'user', id: owner.id });
      expect(await resolve()).toBe('resolve.owner-inactive');
      await changed([{ put: 'user', user: owner }], { of: 'user', id: owner.id });
      expect(await resolve()).toBe('ok');
    },
  );

  it("of another owner sends no look-up for this owner's tokens", async () => {
    await resolve();
    resolver.changed({ of: 'user', id: aUser().id });
    expect(resolver.resolve(secret)).not.toBeInstanceOf(Promise);
    expect(source.lookups).toBe(1);
  });

  it("of an agent acts on its tokens' next request", async () => {
    const agent = anAgent();
    const held = aToken(owner.id, { agentId: agent.id });
    await store.commit([
      { put: 'agent', agent },
      { put: 'token', token: held.token },
    ]);
    expect(await resolve(held.secret)).toBe('ok');
    await changed([{ put: 'agent', agent: { ...agent, status: 'INACTIVE' } }], { of: 'agent', id: agent.id });
    expect(await resolve(held.secret)).toBe('resolve.agent-inactive');
  });

  it('that makes a token which was asked for before lets it in at once', async () => {
    const made = aToken(owner.id);
    expect(await resolve(made.secret)).toBe('resolve.unknown');
    await changed([{ put: 'token', token: made.token }], { of: 'tokens', hashes: [made.token.hash] });
    expect(await resolve(made.secret)).toBe('ok');
  });

  it('that comes while a look-up is under way makes it read again', async () => {
    source.hold();
    const answer = resolve();
    await settled();
    await changed([{ put: 'token', token: { ...token, revokedAt: clock.now() } }], {
      of: 'tokens',
      hashes: [token.hash],
    });
    source.release();
    expect(await answer).toBe('resolve.revoked');
    expect(await resolve()).toBe('resolve.revoked');
  });

  it('that comes while a look-up is read for the last time does not let its answer reach those who ask later', async () => {
    const other = { of: 'tokens', hashes: ['another'] } as const;
    source.hold();
    const before = resolve();
    await settled();
    // Changes that keep coming have used up the readings that one look-up may take.
    for (let readings = 1; readings < 4; readings++) {
      resolver.changed(other);
      source.release();
      source.hold();
      await settled();
    }
    expect(source.lookups).toBe(4);
    await changed([{ put: 'token', token: { ...token, revokedAt: clock.now() } }], {
      of: 'tokens',
      hashes: [token.hash],
    });
    const behind = resolve();
    source.release();
    expect(await before).toBe('ok');
    expect(await behind).toBe('resolve.revoked');
    expect(await resolve()).toBe('resolve.revoked');
  });

  it('of an owner that comes then does not let the answer reach who asks with another token of theirs', async () => {
    const [seldom, often] = [aToken(owner.id), aToken(owner.id)];
    await store.commit([seldom, often].map((each) => ({ put: 'token', token: each.token })));
    for (const each of [seldom, often, often, often, often]) expect(await resolve(each.secret)).toBe('ok');
    source.hold();
    const before = resolve();
    await settled();
    for (let readings = 1; readings < 4; readings++) {
      resolver.changed({ of: 'tokens', hashes: ['another'] });
      source.release();
      source.hold();
      await settled();
    }
    await changed([{ put: 'user', user: { ...owner, status: 'SUSPENDED' } }], { of: 'user', id: owner.id });
    source.release();
    expect(await before).toBe('ok');
    for (const each of [seldom, often]) expect(await resolve(each.secret)).toBe('resolve.owner-inactive');
  });

  it('that may have been missed makes everything be read again before it is believed', async () => {
    await resolve();
    await store.commit([{ put: 'token', token: { ...token, revokedAt: clock.now() } }]);
    clock.advance(1);
    resolver.gap();
    expect(await resolve()).toBe('resolve.revoked');
  });
});

describe('a token', () => {
  it('dies when its window has passed since its last use, to the millisecond', async () => {
    const short = aToken(owner.id, { windowSeconds: 10 });
    await store.commit([{ put: 'token', token: short.token }]);
    clock.advance(9_999);
    expect(await resolve(short.secret)).toBe('ok');
    clock.advance(1);
    expect(await resolve(short.secret)).toBe('resolve.expired');
  });

  it('that was revoked says so even when its owner is inactive too', async () => {
    await store.commit([
      { put: 'user', user: { ...owner, status: 'SUSPENDED' } },
      { put: 'token', token: { ...token, revokedAt: clock.now() } },
    ]);
    expect(await resolve()).toBe('resolve.revoked');
  });
});

describe('while the store is away', () => {
  it('a known token is served until it is staleFor old, then refused with 503 and never 401', async () => {
    await resolve();
    source.away = true;
    clock.advance(STALE);
    expect(await resolve()).toBe('ok');
    expect(lookups).toContain('stale');
    clock.advance(1);
    expect(await resolve()).toBe('resolve.store-away');
  });

  it('an unknown token is refused with 503, never 401 and never let through', async () => {
    source.away = true;
    expect(await resolve(mintSecret('tg'))).toBe('resolve.store-away');
  });

  it('an owner who is known to have changed is not vouched for by what was read before', async () => {
    await resolve();
    source.away = true;
    resolver.changed({ of: 'user', id: owner.id });
    expect(await resolve()).toBe('resolve.store-away');
  });

  it('one request in each interval tries the store; the others wait for nothing', async () => {
    source.away = true;
    for (let request = 0; request < 50; request++) await resolve();
    expect(source.lookups).toBe(1);
    clock.advance(BREAKER);
    for (let request = 0; request < 50; request++) await resolve();
    expect(source.lookups).toBe(2);
  });

  it('it is believed again as soon as it answers', async () => {
    source.away = true;
    await resolve();
    source.away = false;
    clock.advance(BREAKER);
    expect(await resolve()).toBe('ok');
    expect(await resolve(mintSecret('tg'))).toBe('resolve.unknown');
  });
});

describe('a rotated token', () => {
  const { token: next, secret: newSecret } = aToken(owner.id);
  const OVERLAP = 60 * 60 * 1000;
  const validUntil = () => MADE_AT + OVERLAP;

  async function rotate(
    overlap: { readonly hash: string; readonly validUntil: number } | null,
  ): Promise<void> {
    const rotated = { ...token, hash: next.hash, previous: overlap };
    await store.commit([{ put: 'token', token: rotated, replacing: token }]);
    resolver.changed({ of: 'tokens', hashes: [token.hash, next.hash] });
  }

  it('is known by both secrets, as one token, until the overlap is over; then the old one is refused as revoked', async () => {
    expect(await resolve()).toBe('ok');
    await rotate({ hash: token.hash, validUntil: validUntil() });
    const ids = [];
    for (const each of [secret, newSecret]) {
      const known = await resolver.resolve(each);
      ids.push(typeof known === 'string' ? known : known.credential.token.id);
    }
    expect(ids).toEqual([token.id, token.id]);
    clock.advance(OVERLAP - 1);
    expect(await resolve(secret)).toBe('ok');
    clock.advance(1);
    // Also from the cache: nothing was pushed, only time has passed.
    expect(await resolve(secret)).toBe('resolve.revoked');
    expect(await resolve(newSecret)).toBe('ok');
  });

  it('without an overlap is known by the new secret alone at once', async () => {
    expect(await resolve()).toBe('ok');
    await rotate(null);
    expect(await resolve(secret)).toBe('resolve.unknown');
    expect(await resolve(newSecret)).toBe('ok');
  });

  it('that is revoked is refused by both secrets', async () => {
    const previous = { hash: token.hash, validUntil: validUntil() };
    await rotate(previous);
    await store.commit([
      { put: 'token', token: { ...token, hash: next.hash, previous, revokedAt: clock.now() } },
    ]);
    resolver.changed({ of: 'tokens', hashes: [token.hash, next.hash] });
    expect(await resolve(secret)).toBe('resolve.revoked');
    expect(await resolve(newSecret)).toBe('resolve.revoked');
  });

  it('refuses the old secret once its time is over while the store is away too', async () => {
    const previous = { hash: token.hash, validUntil: MADE_AT + 10_000 };
    await rotate(previous);
    expect(await resolve(secret)).toBe('ok');
    source.away = true;
    clock.advance(9_999);
    expect(await resolve(secret)).toBe('ok');
    clock.advance(1);
    expect(await resolve(secret)).toBe('resolve.revoked');
  });
});
