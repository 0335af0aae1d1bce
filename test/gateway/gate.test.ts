import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';
import { tightestReading } from '../../src/domain/endpoint-readings.ts';
import { mintSecret } from '../../src/domain/secret.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Token } from '../../src/domain/token.ts';
import type { Arrival, Decision } from '../../src/gateway/decision.ts';
import { createGate, type Gate } from '../../src/gateway/gate.ts';
import { ConcurrencyStage } from '../../src/gateway/limit/concurrency-stage.ts';
import { LimitStage } from '../../src/gateway/limit/limit-stage.ts';
import { FailureLimit } from '../../src/gateway/resolve/failure-limit.ts';
import { Resolver } from '../../src/gateway/resolve/resolver.ts';
import { StageTimes } from '../../src/gateway/stage-times.ts';
import { ZoneDirectory } from '../../src/gateway/zone/zone-directory.ts';
import { ZoneStage } from '../../src/gateway/zone/zone-stage.ts';
import { Breaker } from '../../src/kernel/breaker.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aShare, aToken, aUser, aZone } from '../support/records.ts';

const owner = aUser();
const zone = aZone(['192.0.2.0/24']);
const OUTSIDE = '198.51.100.7';

const users = { name: 'users', match: ['* /users/**'], max: 10, windowSeconds: 60 };
const keys = { name: 'keys', match: ['GET /keys'], max: null, windowSeconds: 60 };
const reports = { name: 'reports', match: ['GET /reports'], max: 6, windowSeconds: 60, concurrent: 4 };
const exports = { name: 'exports', match: ['GET /exports'], max: null, windowSeconds: 60, concurrent: 4 };
const unmatched = { name: 'unmatched', match: [], max: 100, windowSeconds: 60 };

let clock: ManualClock;
let store: Store;
let gate: Gate;

beforeEach(async () => {
  clock = manualClock();
  store = await openEmbeddedStore({ path: ':memory:', clock });
  await store.commit([
    { put: 'user', user: owner },
    { put: 'zone', zone },
  ]);
  const breaker = new Breaker(clock, 1_000);
  const fresh = { freshFor: 5_000, staleFor: 60_000 };
  const trustedProxies = compileAddressSet(['10.0.0.0/8']);
  const failures = new FailureLimit(clock);
  failures.goBy({ max: 3, windowSeconds: 60 }, trustedProxies);
  const limitOptions = { defaultPercentage: 50, onStoreAway: 'deny', gateways: 1 } as const;
  gate = createGate({
    failures,
    resolver: new Resolver(
      store,
      clock,
      breaker,
      { prefix: 'tg', pepper: null, failures, size: 100, negativeFreshFor: 5_000, ...fresh },
      { lookup: () => {} },
    ),
    trustedProxies,
    zones: new ZoneStage(new ZoneDirectory(store, clock, breaker, fresh)),
    endpointOf: tightestReading(compileEndpoints([users, keys, reports, exports], unmatched)),
    limits: new LimitStage(store.ledger, store.ledger, clock, breaker, limitOptions),
    concurrency: new ConcurrencyStage(store.slots, store.slots, breaker, limitOptions),
    clock,
  });
});

afterEach(() => store.close());

async function issue(facts: Partial<Token> = {}): Promise<{ token: Token; secret: string }> {
  const made = aToken(owner.id, facts);
  await store.commit([{ put: 'token', token: made.token }]);
  return made;
}

async function ask(secret: string | null, facts: Partial<Arrival> = {}): Promise<Decision> {
  return gate({
    requestId: '0'.repeat(32),
    method: 'GET',
    path: '/users/me',
    query: '',
    credential: secret,
    peer: '192.0.2.7',
    forwardedFor: null,
    times: new StageTimes(),
    ...facts,
  });
}

const codeOf = (decision: Decision) => (decision.kind === 'permit' ? 'permit' : decision.code);

describe('the gate', () => {
  it('gives a permit that names token, endpoint, caller and what is left', async () => {
    const { token, secret } = await issue();
    const decision = await ask(secret, { peer: '10.1.2.3', forwardedFor: '203.0.113.9' });
    expect(decision).toMatchObject({
      kind: 'permit',
      credential: { token: { id: token.id }, owner: { login: owner.login } },
      endpoint: { name: 'users' },
      client: '203.0.113.9',
      spent: { scope: 'token', limit: 5, remaining: 4, resetAt: clock.now() + 60_000 },
    });
  });

  it('answers at once, without a promise, when everything is in memory', async () => {
    const { secret } = await issue({ network: { connection: 'ZONE', include: [zone.id] } });
    await ask(secret);
    const arrival = { requestId: '', method: 'GET', path: '/users/me', query: '', credential: secret };
    const times = new StageTimes();
    expect(gate({ ...arrival, peer: '192.0.2.7', forwardedFor: null, times })).not.toBeInstanceOf(Promise);
  });

  it("refuses when the token's share is spent, says when to come back, and lets in again after that", async () => {
    const { secret } = await issue();
    for (let spent = 0; spent < 5; spent++) expect(codeOf(await ask(secret))).toBe('permit');
    clock.advance(2_500);
    expect(await ask(secret)).toMatchObject({
      code: 'limit.token',
      endpoint: 'users',
      spent: { limit: 5, remaining: 0 },
      retryAfterSeconds: 58,
    });
    clock.advance(57_500);
    expect(codeOf(await ask(secret))).toBe('permit');
  });

  it('refuses every token when the endpoint is spent, though their shares are not', async () => {
    const made = await Promise.all([issue(), issue(), issue()]);
    const secrets = made.map(({ secret }) => secret);
    for (const secret of [secrets[0], secrets[1]]) {
      for (let spent = 0; spent < 5; spent++) expect(codeOf(await ask(secret ?? null))).toBe('permit');
    }
    expect(codeOf(await ask(secrets[2] ?? null))).toBe('limit.endpoint');
  });

  it('counts nothing where there is no limit', async () => {
    const { secret } = await issue();
    for (let request = 0; request < 200; request++) {
      const decision = await ask(secret, { path: '/keys' });
      expect(decision).toMatchObject({ kind: 'permit', spent: null });
    }
  });

  it('refuses a token of 0 per cent without asking anybody', async () => {
    const { token, secret } = await issue();
    await store.commit([{ put: 'share', share: aShare(token.id, { percentage: 0 }) }]);
    expect(await ask(secret)).toMatchObject({ code: 'limit.token', spent: { limit: 0, remaining: 0 } });
  });

  it("takes the token's own percentage for one endpoint before its percentage for all", async () => {
    const { token, secret } = await issue();
    const share = aShare(token.id, { percentage: 100, byEndpoint: { users: 20 } });
    await store.commit([{ put: 'share', share }]);
    expect(await ask(secret)).toMatchObject({ spent: { limit: 2 } });
    expect(await ask(secret, { path: '/elsewhere' })).toMatchObject({ spent: { limit: 100 } });
  });

  it('says nothing of zones or limits to a stranger: an unknown token is unknown from anywhere', async () => {
    expect(codeOf(await ask(mintSecret('tg'), { peer: OUTSIDE }))).toBe('resolve.unknown');
  });

  it('does not count what is refused for where it comes from', async () => {
    const { secret } = await issue({ network: { connection: 'ZONE', include: [zone.id] } });
    for (let request = 0; request < 20; request++) {
      expect(codeOf(await ask(secret, { peer: OUTSIDE }))).toBe('zone.outside');
    }
    expect(await ask(secret)).toMatchObject({ kind: 'permit', spent: { remaining: 4 } });
  });

  it('keeps callers on a blocklist out before it looks at their token, whatever that is', async () => {
    const { secret } = await issue();
    expect(codeOf(await ask(secret))).toBe('permit');
    const blocked = aZone(['203.0.113.0/24'], { usage: 'BLOCKLIST' });
    await store.commit([{ put: 'zone', zone: blocked }]);
    clock.advance(5_001);
    const there = { peer: '10.0.0.1', forwardedFor: '203.0.113.9' };
    for (const credential of [secret, mintSecret('tg'), 'junk', null]) {
      expect(await ask(credential, there)).toMatchObject({
        code: 'zone.blocked',
        client: '203.0.113.9',
        blockedBy: { id: blocked.id },
        credential: null,
      });
    }
    expect(codeOf(await ask(secret))).toBe('permit');
    expect(codeOf(await ask(secret, { forwardedFor: 'rubbish' }))).toBe('zone.undecidable');
    await store.commit([{ put: 'zone', zone: { ...blocked, status: 'INACTIVE' } }]);
    clock.advance(5_001);
    expect(codeOf(await ask(secret, there))).toBe('permit');
  });

  it('lets nobody pass while it is not known whether they are on a blocklist', async () => {
    const { secret } = await issue();
    await ask(secret);
    await store.close();
    clock.advance(60_001);
    expect(codeOf(await ask('junk'))).toBe('resolve.malformed');
    expect(codeOf(await ask(secret))).toMatch(/store-away$/);
  });

  it('believes X-Forwarded-For of trusted proxies only', async () => {
    const { secret } = await issue({ network: { connection: 'ZONE', include: [zone.id] } });
    const forwardedFor = '192.0.2.7';
    expect(codeOf(await ask(secret, { peer: OUTSIDE, forwardedFor }))).toBe('zone.outside');
    expect(codeOf(await ask(secret, { peer: '10.0.0.1', forwardedFor }))).toBe('permit');
  });

  it('looks no token up for an address that has failed too often, and says when it may come back', async () => {
    const { secret } = await issue();
    for (let times = 0; times < 3; times++) {
      expect(codeOf(await ask(mintSecret('tg'), { peer: '10.0.0.1', forwardedFor: OUTSIDE }))).toBe(
        'resolve.unknown',
      );
    }
    clock.advance(10_000);
    const refused = { code: 'resolve.too-many-failures', retryAfterSeconds: 50, credential: null };
    expect(await ask(secret, { peer: OUTSIDE })).toMatchObject(refused);
    expect(codeOf(await ask(secret))).toBe('permit');
    expect(codeOf(await ask(secret, { peer: OUTSIDE }))).toBe('permit');
  });

  it('holds a slot for each request under way, and refuses what is over the share without counting it', async () => {
    const { secret } = await issue();
    const share = { path: '/reports' };
    const [first] = [await ask(secret, share), await ask(secret, share)];
    expect(await ask(secret, share)).toMatchObject({
      code: 'limit.concurrent-token',
      crowded: { scope: 'token', limit: 2 },
      spent: null,
      retryAfterSeconds: 1,
    });
    if (first?.kind === 'permit') first.slot?.release();
    expect(await ask(secret, share)).toMatchObject({ kind: 'permit', spent: { remaining: 0 } });
  });

  it('refuses every token when an endpoint has all under way that it may', async () => {
    for (const { secret } of [await issue(), await issue()]) {
      for (let times = 0; times < 2; times++) await ask(secret, { path: '/reports' });
    }
    const { secret } = await issue();
    const refused = { code: 'limit.concurrent-endpoint', crowded: { scope: 'endpoint', limit: 4 } };
    expect(await ask(secret, { path: '/reports' })).toMatchObject(refused);
  });

  it('gives the slot back where the rate refuses', async () => {
    const { token, secret } = await issue();
    const all = aShare(token.id, { concurrencyPercentage: 100 });
    await store.commit([{ put: 'share', share: all }]);
    for (let times = 0; times < 3; times++) {
      const decision = await ask(secret, { path: '/reports' });
      if (decision.kind === 'permit') decision.slot?.release();
    }
    for (let times = 0; times < 10; times++) {
      expect(codeOf(await ask(secret, { path: '/reports' }))).toBe('limit.token');
    }
    expect(await store.slots.count(reports, token.id)).toEqual({ all: 0, own: 0 });
  });

  it('holds the slot where the path is read as the endpoint that may have fewer under way', async () => {
    const { token, secret } = await issue();
    const asked = () => ask(secret, { path: '/exports%3Bx' });
    for (let begun = 0; begun < 2; begun += 1) {
      expect(await asked()).toMatchObject({ kind: 'permit', endpoint: { name: 'unmatched' } });
    }
    expect(await asked()).toMatchObject({ code: 'limit.concurrent-token', endpoint: 'exports' });
    expect(await store.slots.count(exports, token.id)).toEqual({ all: 2, own: 2 });
  });

  it('gives the slot back where counting the rate fails for a bug', async () => {
    const { token, secret } = await issue();
    await ask(secret);
    store.ledger.spend = () => {
      throw new Error('the ledger has a bug');
    };
    await expect(ask(secret, { path: '/reports' })).rejects.toThrow('the ledger has a bug');
    expect(await store.slots.count(reports, token.id)).toEqual({ all: 0, own: 0 });
  });

  it('refuses a token of 0 per cent of what may be under way, and no other endpoint to it', async () => {
    const { token, secret } = await issue();
    await store.commit([{ put: 'share', share: aShare(token.id, { concurrencyPercentage: 0 }) }]);
    expect(codeOf(await ask(secret, { path: '/reports' }))).toBe('limit.concurrent-token');
    expect(codeOf(await ask(secret))).toBe('permit');
  });
});
