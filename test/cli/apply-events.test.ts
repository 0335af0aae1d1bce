/** What `tollgate apply` leaves in the System Log. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../src/domain/log-event.ts';
import { mintSecret } from '../../src/domain/secret.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type ApplySite, applySite } from './apply-site.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const STORES: readonly [string, () => string | null][] = [
  ['embedded', () => null],
  ['redis', () => server.url],
];

const ZONE_DATA = {
  zoneData: '{"type":"IP","gateways":[{"type":"CIDR","value":"192.0.2.0/24"}],"proxies":[]}',
};

describe.each(STORES)('tollgate apply on the %s store', (_, redisUrl) => {
  let site: ApplySite;
  beforeEach(() => {
    site = applySite(redisUrl());
  });
  afterEach(() => site.close());

  async function told(): Promise<readonly LogEvent[]> {
    const store = await site.open();
    const all = { since: null, until: null, after: null, limit: 1000 };
    const page = await store.events({ by: 'persisted', order: 'ascending', ...all });
    return page.items.map(({ event }) => event);
  }
  /** The events by their type, each as what it says of its one target. */
  const inShort = (events: readonly LogEvent[]) =>
    Object.fromEntries(
      events.map(({ eventType, target: [party] }) => [eventType, [party?.displayName, party?.detailEntry]]),
    );

  it('tells of all that it does, by the system, and of each record what changed', async () => {
    const secret = mintSecret('tg');
    const file = (facts: { user: string; roles: string; status: string; token: string }) => `
users: [{ login: ada@example.com, firstName: Ada, status: ${facts.user}, roles: [${facts.roles}] }]
zones: [{ name: office, gateways: [192.0.2.0/24], status: ${facts.status} }]
agents: [{ name: dc1, kind: AD, status: ${facts.status} }]
tokens: [{ name: nightly, owner: ada@example.com, secret: ${secret}, ${facts.token} }]
`;
    const begin = { user: 'ACTIVE', roles: 'ORG_ADMIN', status: 'ACTIVE', token: 'percentage: 10' };
    expect((await site.apply(file(begin))).code).toBe(0);
    const first = await told();
    expect(inShort(first)).toEqual({
      'system.agent.ad.create': ['dc1', null],
      'system.api_token.create': ['nightly', { clientAppId: 'Okta API' }],
      'user.account.privilege.grant': ['Ada', { privilegeGranted: 'Organization Administrator' }],
      'user.lifecycle.activate': ['Ada', null],
      'user.lifecycle.create': ['Ada', null],
      'zone.create': ['office', ZONE_DATA],
    });
    for (const { actor, client, transaction } of first) {
      expect([actor.id, client.userAgent, transaction.type]).toEqual(['system', 'tollgate apply', 'JOB']);
    }

    const token = 'percentage: 20, window: 7d';
    const changed = file({ user: 'SUSPENDED', roles: '', status: 'INACTIVE', token });
    expect((await site.apply(changed)).lines).toEqual(['changed 1 user, 1 zone, 1 agent, 1 token.']);
    const second = (await told()).slice(first.length);
    expect(inShort(second)).toEqual({
      'system.agent.ad.deactivate': ['dc1', null],
      'system.api_token.update': ['nightly', { changed: 'window' }],
      'system.rate_limit.configuration.update': [
        'nightly',
        { oldRateLimitPercentage: 10, newRateLimitPercentage: 20, byEndpoint: {} },
      ],
      'user.account.privilege.revoke': ['Ada', { privilegeRevoked: 'Organization Administrator' }],
      'user.lifecycle.suspend': ['Ada', null],
      'zone.deactivate': ['office', ZONE_DATA],
      'zone.update': ['office', ZONE_DATA],
    });
    expect(JSON.stringify([first, second])).not.toContain(secret);
  });

  it('names up to a hundred records in one event, each record once', async () => {
    const logins = Array.from({ length: 250 }, (_, index) => `u${index}@example.com`);
    const lines = logins.map((login) => JSON.stringify({ user: { login } }));
    expect((await site.apply(lines.join('\n'))).code).toBe(0);
    const events = (await told()).filter(({ eventType }) => eventType === 'user.lifecycle.create');
    expect(events.map(({ target }) => target.length).toSorted()).toEqual([100, 100, 50]);
    const named = events.flatMap(({ target }) => target.map(({ alternateId }) => alternateId));
    expect(named.toSorted()).toEqual(logins.toSorted());
  });

  it('tells nothing where it writes nothing', async () => {
    const file = 'users: [{ login: ada@example.com }]';
    await site.apply(file, { dryRun: true });
    await site.apply(file);
    const before = await told();
    expect(before.map(({ eventType }) => eventType).toSorted()).toEqual([
      'user.lifecycle.activate',
      'user.lifecycle.create',
    ]);
    await site.apply(file);
    expect(await told()).toHaveLength(before.length);
  });
});
