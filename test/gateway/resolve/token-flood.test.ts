import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileAddressSet } from '../../../src/domain/address-set.ts';
import { mintSecret } from '../../../src/domain/secret.ts';
import type { Store } from '../../../src/domain/store.ts';
import { FailureLimit } from '../../../src/gateway/resolve/failure-limit.ts';
import { Resolver } from '../../../src/gateway/resolve/resolver.ts';
import { Breaker } from '../../../src/kernel/breaker.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { aToken, aUser } from '../../support/records.ts';
import { SteeredSource } from '../../support/steered-source.ts';

const NEGATIVE = 5_000;
const SIZE = 1_000;
const MAX = 100;

let clock: ManualClock;
let store: Store;
let source: SteeredSource;
const owner = aUser();
const { token, secret } = aToken(owner.id);
const JUNK = `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`;
const ATTACKER = { peer: '192.0.2.66', forwardedFor: null };
const OTHER = { peer: '192.0.2.7', forwardedFor: null };

beforeEach(async () => {
  clock = manualClock();
  store = await openEmbeddedStore({ path: ':memory:', clock });
  await store.commit([
    { put: 'user', user: owner },
    { put: 'token', token },
  ]);
  source = new SteeredSource(store);
});
afterEach(() => store.close());

/** @param max of failures of an address; null for no bound */
function aResolver(max: number | null, freshFor = 5_000): Resolver {
  const failures = new FailureLimit(clock);
  failures.goBy(max === null ? null : { max, windowSeconds: 60 }, compileAddressSet([]));
  const options = { prefix: 'tg', pepper: null, freshFor, negativeFreshFor: NEGATIVE, staleFor: 60_000 };
  const breaker = new Breaker(clock, 1_000);
  return new Resolver(source, clock, breaker, { ...options, size: SIZE, failures }, { lookup: () => {} });
}

async function ask(resolver: Resolver, of: string, from = ATTACKER): Promise<string> {
  const resolution = await resolver.resolve(of, from);
  return typeof resolution === 'string' ? resolution : 'ok';
}

const unknownSecrets = (count: number) => Array.from({ length: count }, () => mintSecret('tg'));

describe('a flood of well-formed tokens that nobody issued', () => {
  it('puts nothing into the cache of known tokens, and of unknown ones no more than a tenth of its size', async () => {
    const resolver = aResolver(null);
    await ask(resolver, secret);
    for (const made of unknownSecrets(3 * SIZE)) await ask(resolver, made);
    expect(resolver.cached).toBe(1);
    expect(resolver.cachedUnknown).toBe(SIZE / 10);
    expect(resolver.resolve(secret)).not.toBeInstanceOf(Promise);
  });

  it('costs one look-up for each distinct token in the time that "unknown" is believed, however often it comes', async () => {
    const resolver = aResolver(null);
    const made = unknownSecrets(SIZE / 10);
    for (let round = 0; round < 5; round++) {
      await Promise.all(made.flatMap((each) => [ask(resolver, each), ask(resolver, each)]));
      clock.advance(NEGATIVE / 5);
    }
    expect(source.lookups).toBe(made.length);
    clock.advance(1);
    await Promise.all(made.map((each) => ask(resolver, each)));
    expect(source.lookups).toBe(2 * made.length);
  });

  it('from one address costs as many look-ups as it may fail, and is refused with 429 from then on', async () => {
    const resolver = aResolver(MAX);
    const answers = new Map<string, number>();
    for (const made of unknownSecrets(5 * MAX)) {
      const answer = await ask(resolver, made);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    expect(Object.fromEntries(answers)).toEqual({
      'resolve.unknown': MAX,
      'resolve.too-many-failures': 4 * MAX,
    });
    expect(source.lookups).toBe(MAX);
    clock.advance(60_000);
    expect(await ask(resolver, mintSecret('tg'))).toBe('resolve.unknown');
  });

  it('that comes all at once costs at most ten times as many', async () => {
    const resolver = aResolver(MAX);
    await Promise.all(unknownSecrets(30 * MAX).map((made) => ask(resolver, made)));
    expect(source.lookups).toBe(10 * MAX);
    await Promise.all(unknownSecrets(MAX).map((made) => ask(resolver, made)));
    expect(source.lookups).toBe(10 * MAX);
  });

  it('counts junk, and unknown tokens that the cache remembers, like those that are looked up', async () => {
    const resolver = aResolver(4);
    const made = mintSecret('tg');
    const answers: string[] = [];
    for (const each of [JUNK, made, made, JUNK, JUNK, made]) answers.push(await ask(resolver, each));
    expect(answers).toEqual([
      'resolve.malformed',
      'resolve.unknown',
      'resolve.unknown',
      'resolve.malformed',
      'resolve.too-many-failures',
      'resolve.too-many-failures',
    ]);
    expect(source.lookups).toBe(1);
  });
});

describe('an address that has failed too often', () => {
  it('still uses every token that the cache holds, without a promise, also when it has to be read again', async () => {
    const resolver = aResolver(MAX);
    await ask(resolver, secret, OTHER);
    for (let times = 0; times <= MAX; times++) await ask(resolver, JUNK);
    expect(await ask(resolver, JUNK)).toBe('resolve.too-many-failures');
    expect(resolver.resolve(secret, ATTACKER)).toMatchObject({ credential: { token: { id: token.id } } });
    clock.advance(10_000);
    expect(await ask(resolver, secret)).toBe('ok');
  });

  it('gets no answer about a token that the cache does not hold, good or bad, while others do', async () => {
    const resolver = aResolver(MAX);
    for (let times = 0; times < MAX; times++) await ask(resolver, JUNK);
    expect(await ask(resolver, secret)).toBe('resolve.too-many-failures');
    expect(source.lookups).toBe(0);
    expect(await ask(resolver, secret, OTHER)).toBe('ok');
  });

  it('is none whose look-ups found a token, no token, or no store: only failures count', async () => {
    const resolver = aResolver(1);
    for (let times = 0; times < 20; times++) {
      resolver.changed({ of: 'tokens', hashes: [token.hash] });
      expect(await ask(resolver, secret)).toBe('ok');
      expect(resolver.resolve(null, ATTACKER)).toBe('resolve.missing');
    }
    source.away = true;
    for (let times = 0; times < 20; times++) {
      expect(await ask(resolver, mintSecret('tg'))).toBe('resolve.store-away');
    }
    source.away = false;
    clock.advance(1_000);
    expect(await ask(resolver, mintSecret('tg'))).toBe('resolve.unknown');
    expect(await ask(resolver, mintSecret('tg'))).toBe('resolve.too-many-failures');
  });
});
