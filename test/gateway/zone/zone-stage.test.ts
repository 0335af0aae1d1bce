import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readChain } from '../../../src/domain/address-chain.ts';
import { compileAddressSet } from '../../../src/domain/address-set.ts';
import type { NetworkCondition } from '../../../src/domain/network-condition.ts';
import type { Store } from '../../../src/domain/store.ts';
import type { Credential } from '../../../src/domain/token.ts';
import { ZoneDirectory } from '../../../src/gateway/zone/zone-directory.ts';
import { ZoneStage } from '../../../src/gateway/zone/zone-stage.ts';
import { Breaker } from '../../../src/kernel/breaker.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { aToken, aUser, aZone } from '../../support/records.ts';
import { SteeredSource } from '../../support/steered-source.ts';

const FRESH = 5_000;
const STALE = 60_000;
const INSIDE = '192.0.2.7';
const OUTSIDE = '198.51.100.7';

const owner = aUser();
const zone = aZone(['192.0.2.0/24']);

let clock: ManualClock;
let store: Store;
let source: SteeredSource;
let directory: ZoneDirectory;
let stage: ZoneStage;
let troubles: string[];

beforeEach(async () => {
  clock = manualClock();
  troubles = [];
  store = await openEmbeddedStore({ path: ':memory:', clock });
  await store.commit([{ put: 'zone', zone }]);
  source = new SteeredSource(store);
  const breaker = new Breaker(clock, 1_000);
  const bounds = { freshFor: FRESH, staleFor: STALE };
  directory = new ZoneDirectory(source, clock, breaker, bounds, (trouble) => troubles.push(trouble));
  stage = new ZoneStage(directory);
});

afterEach(() => store.close());

function credential(network: NetworkCondition): Credential {
  return { token: aToken(owner.id, { network }).token, owner, agent: null, share: null };
}

const restricted = credential({ connection: 'ZONE', include: [zone.id] });
const from = (address: string) => readChain(address, null, compileAddressSet([]));

describe('the zone stage', () => {
  it('asks nobody about a token that may be used from anywhere', () => {
    expect(stage.check(credential({ connection: 'ANYWHERE' }), from(OUTSIDE))).toBeNull();
    expect(source.lookups).toBe(0);
  });

  it('answers at once, without a promise, once the zones are in memory', async () => {
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
    expect(stage.check(restricted, from(INSIDE))).toBeNull();
    expect(stage.check(restricted, from(OUTSIDE))).toBe('zone.outside');
    expect(source.lookups).toBe(1);
  });

  it('denies an exclusion that it cannot decide', async () => {
    const excluded = credential({ connection: 'ZONE', exclude: [zone.id] });
    expect(await stage.check(excluded, from('not an address'))).toBe('zone.undecidable');
    expect(await stage.check(excluded, from(OUTSIDE))).toBeNull();
  });

  it('lets a zone edit act on existing tokens at the next request', async () => {
    expect(await stage.check(restricted, from(OUTSIDE))).toBe('zone.outside');
    const edited = aZone(['198.51.100.0/24'], { id: zone.id });
    await store.commit([{ put: 'zone', zone: edited }]);
    directory.changed({ of: 'zones' });
    expect(await stage.check(restricted, from(OUTSIDE))).toBeNull();
    expect(await stage.check(restricted, from(INSIDE))).toBe('zone.outside');
  });

  it('reads the zones again when a change is announced while they are being read', async () => {
    source.hold();
    const answer = stage.check(restricted, from(OUTSIDE));
    await new Promise((done) => setImmediate(done));
    await store.commit([{ put: 'zone', zone: aZone(['198.51.100.0/24'], { id: zone.id }) }]);
    directory.changed({ of: 'zones' });
    source.release();
    expect(await answer).toBeNull();
  });

  it('believes zones for no longer than freshFor, even when every notice is lost', async () => {
    expect(await stage.check(restricted, from(OUTSIDE))).toBe('zone.outside');
    await store.commit([{ put: 'zone', zone: aZone(['198.51.100.0/24'], { id: zone.id }) }]);
    clock.advance(FRESH + 1);
    expect(await stage.check(restricted, from(OUTSIDE))).toBeNull();
  });

  it('tells of a stored zone that cannot be judged, and denies those whom it may concern', async () => {
    const broken = aZone(['not a network']);
    await store.commit([{ put: 'zone', zone: broken }]);
    const concerned = credential({ connection: 'ZONE', include: [broken.id] });
    expect(await stage.check(concerned, from(INSIDE))).toBe('zone.outside');
    expect(troubles).toEqual([expect.stringContaining(broken.id)]);
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
  });

  it('holds on to the zones while the store is away until they are staleFor old, then refuses with 503', async () => {
    await stage.check(restricted, from(INSIDE));
    source.away = true;
    clock.advance(STALE);
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
    expect(await stage.check(restricted, from(OUTSIDE))).toBe('zone.outside');
    clock.advance(1);
    expect(await stage.check(restricted, from(INSIDE))).toBe('zone.store-away');
  });

  it('reads zones that have changed at once, so that the store may be away when the next request comes', async () => {
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
    await store.commit([{ put: 'zone', zone: aZone(['198.51.100.0/24'], { id: zone.id }) }]);
    directory.changed({ of: 'zones' });
    await new Promise((done) => setImmediate(done));
    source.away = true;
    expect(await stage.check(restricted, from(INSIDE))).toBe('zone.outside');
  });

  it('believes no zones that are known to have changed, but those that may have, while the store is away', async () => {
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
    source.away = true;
    directory.gap();
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
    directory.changed({ of: 'zones' });
    expect(await stage.check(restricted, from(INSIDE))).toBe('zone.store-away');
    source.away = false;
    clock.advance(1_000);
    expect(await stage.check(restricted, from(INSIDE))).toBeNull();
  });

  it('refuses with 503 what is restricted when the zones were never read', async () => {
    source.away = true;
    expect(await stage.check(restricted, from(INSIDE))).toBe('zone.store-away');
  });
});
