import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explanationSchema } from '../../src/control/explain/operations.ts';
import type { NetworkCondition } from '../../src/domain/network-condition.ts';
import { isSlot } from '../../src/domain/slot-ledger.ts';
import { aShare, aZone } from '../support/records.ts';
import { type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { STORES } from './stores.ts';

const ENDPOINTS = `endpoints:
  - { name: users, match: "GET /api/v1/users/**", max: 6, window: 60s }
  - { name: reports, match: "GET /reports", max: unlimited, concurrent: 4 }`;
const office = aZone(['203.0.113.0/24'], {
  name: 'office',
  proxies: [{ type: 'CIDR', value: '198.51.100.0/24' }],
});

describe.each(STORES)('an explanation over %s', (_, open) => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane(ENDPOINTS, open);
    await plane.store.commit([{ put: 'zone', zone: office }]);
  });
  afterAll(() => plane.close());

  const explain = async ({ token }: Person, more: object = {}) => {
    const question = { tokenId: token.id, method: 'GET', path: '/api/v1/users/me', peer: '127.0.0.1' };
    const reply = await plane.admin.ask('POST', '/api/v1/explain', { ...question, ...more });
    expect(reply.status).toBe(200);
    return explanationSchema.parse(reply.body);
  };
  const bound = async (network: NetworkCondition) => {
    const person = await plane.person([]);
    await plane.store.commit([{ put: 'token', token: { ...person.token, network } }]);
    return person;
  };

  it('says which hop was believed and which zone matched', async () => {
    const person = await bound({ connection: 'ZONE', include: [office.id] });
    const forwardedFor = '192.0.2.66, 203.0.113.9, 198.51.100.2';
    expect(await explain(person, { forwardedFor })).toMatchObject({
      decision: 'permit',
      code: null,
      client: '198.51.100.2',
      hops: [
        { address: '127.0.0.1', is: 'a trusted proxy' },
        { address: '198.51.100.2', is: 'the caller' },
        { address: '203.0.113.9', is: "the caller's claim" },
        { address: '192.0.2.66', is: "the caller's claim" },
      ],
      verdict: 'allowed',
      zones: [{ name: 'office', location: 'inside', matched: '203.0.113.9' }],
    });
    expect(await explain(person)).toMatchObject({
      decision: 'reject',
      code: 'zone.outside',
      status: 403,
      zones: [{ location: 'outside', matched: null }],
    });
  });

  it('says what is left of both budgets, and spends none of it', async () => {
    const person = await plane.person([]);
    const { token } = person;
    const endpoint = { name: 'users', max: 6, windowSeconds: 60 };
    expect((await explain(person)).limit).toMatchObject({
      share: 3,
      leftOfShare: 3,
      leftOfEndpoint: 6,
      resetAt: null,
    });
    for (let i = 0; i < 2; i++) await plane.store.ledger.spend({ endpoint, tokenId: token.id, share: 3 });
    for (let i = 0; i < 2; i++) {
      expect((await explain(person)).limit).toMatchObject({
        endpoint: 'users',
        percentage: 50,
        leftOfShare: 1,
        leftOfEndpoint: 4,
        resetAt: expect.stringMatching(/Z$/),
      });
    }
    await plane.store.ledger.spend({ endpoint, tokenId: token.id, share: 3 });
    expect(await explain(person)).toMatchObject({ decision: 'reject', code: 'limit.token', status: 429 });
  });

  it('says how many requests are under way and how many may be, and holds no slot for it', async () => {
    const person = await plane.person([]);
    const reports = { name: 'reports', max: null, windowSeconds: 60, concurrent: 4 };
    const request = { endpoint: reports, tokenId: person.token.id, share: 2 };
    const ask = (path = '/reports') => explain(person, { path });
    const limit = { endpoint: 'reports', max: 4, percentage: 50, share: 2, ofToken: 0, ofEveryone: 0 };
    expect((await explain(person)).limit?.concurrent).toBeNull();
    for (let asked = 0; asked < 3; asked += 1) {
      expect((await ask()).limit?.concurrent).toEqual({ ...limit, refusedBy: null });
    }
    expect((await ask('/reports%3Bx')).limit).toMatchObject({
      endpoint: 'unmatched',
      concurrent: { endpoint: 'reports' },
    });
    const held = [await plane.store.slots.hold(request), await plane.store.slots.hold(request)];
    expect(await ask()).toMatchObject({
      decision: 'reject',
      code: 'limit.concurrent-token',
      status: 429,
      limit: { concurrent: { ofToken: 2, ofEveryone: 2, refusedBy: 'limit.concurrent-token' } },
    });
    const others = { ...request, tokenId: 'another' };
    held.push(await plane.store.slots.hold(others), await plane.store.slots.hold(others));
    const newcomer = await plane.person([]);
    expect(await explain(newcomer, { path: '/reports' })).toMatchObject({
      code: 'limit.concurrent-endpoint',
      limit: { concurrent: { ofToken: 0, ofEveryone: 4, refusedBy: 'limit.concurrent-endpoint' } },
    });
    for (const slot of held) if (isSlot(slot)) slot.release();
    await expect.poll(async () => (await ask()).limit?.concurrent).toEqual({ ...limit, refusedBy: null });
  });

  it('says why a token cannot be used, before anything else', async () => {
    const person = await bound({ connection: 'ZONE', include: [office.id] });
    await plane.store.commit([
      { put: 'user', user: { ...person.user, status: 'SUSPENDED' } },
      { put: 'share', share: aShare(person.token.id, { percentage: 0 }) },
    ]);
    expect(await explain(person)).toMatchObject({
      code: 'resolve.owner-inactive',
      status: 401,
      token: { unusable: 'owner-inactive' },
      limit: { share: 0, refusedBy: 'limit.token' },
    });
  });

  it('says that a target is refused before it is matched', async () => {
    const person = await plane.person([]);
    expect(await explain(person, { path: '/a/../b' })).toMatchObject({
      code: 'listen.bad-target',
      limit: null,
    });
  });

  it.each([
    [{ tokenId: '00T00000000000000000' }, 404],
    [{ peer: 'localhost' }, 400],
    [{ method: 'get' }, 400],
    [{ path: 'x' }, 400],
  ])('is refused for %j', async (more, status) => {
    const question = { tokenId: plane.admin.token.id, method: 'GET', path: '/', peer: '127.0.0.1' };
    expect((await plane.admin.ask('POST', '/api/v1/explain', { ...question, ...more })).status).toBe(status);
  });
});
