import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import type { Store } from '../../src/domain/store.ts';
import { Ear } from '../store/ear.ts';
import { anAgent, aShare, aToken, aUser, aZone } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type ApplySite, applySite } from './apply-site.ts';

const TEAM = resolve(import.meta.dirname, '../../examples/team.yaml');

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const STORES: readonly [string, () => string | null][] = [
  ['embedded', () => null],
  ['redis', () => server.url],
];

/** A user, and a token of theirs with more fields. */
function tokenFile(secret: string, ...fields: readonly string[]): string {
  const lines = ['name: nightly', 'owner: ada@example.com', `secret: ${secret}`, ...fields];
  return `users: [{ login: ada@example.com }]\ntokens:\n  - ${lines.join('\n    ')}\n`;
}

describe.each(STORES)('tollgate apply on the %s store', (_, redisUrl) => {
  let site: ApplySite;
  beforeEach(() => {
    site = applySite(redisUrl());
  });
  afterEach(() => site.close());

  /** Everything that management has, to compare before and after. */
  async function everything(store: Store) {
    const [users, tokens] = [await store.users(null, 100), await store.tokens(null, 100)];
    return { users, tokens, zones: await store.zones(), agents: await store.agents() };
  }

  it('makes every user, zone, agent and token of examples/team.yaml, with secrets from the environment', async () => {
    const env = { ADA_TOKEN: mintSecret('tg'), REPORT_TOKEN: mintSecret('tg'), SYNC_TOKEN: mintSecret('tg') };
    const { code, lines } = await site.apply({ file: TEAM }, { env });
    expect({ code, lines }).toEqual({ code: 0, lines: ['created 4 users, 2 zones, 1 agent, 4 tokens.'] });

    const store = await site.open();
    const zones = new Map((await store.zones()).map((zone) => [zone.name, zone]));
    const now = site.clock.now();
    expect(zones.get('Data centre')).toMatchObject({
      type: 'IP',
      usage: 'POLICY',
      status: 'ACTIVE',
      gateways: [{ type: 'CIDR', value: '203.0.113.0/25' }],
      proxies: [{ type: 'RANGE', value: '203.0.113.254-203.0.113.254' }],
      createdAt: now,
    });
    expect(await site.find(env.ADA_TOKEN)).toEqual({
      token: {
        id: expect.stringMatching(/^00T[0-9A-Za-z]{17}$/),
        name: "Ada's laptop",
        hash: secretIndex(env.ADA_TOKEN, null),
        userId: (await store.userByLogin('ada@example.com'))?.id,
        clientName: 'Okta API',
        agentId: null,
        network: { connection: 'ZONE', include: [zones.get('Offices')?.id] },
        windowSeconds: 30 * 86_400,
        createdAt: now,
        lastUpdatedAt: now,
        lastUsedAt: null,
        previous: null,
        revokedAt: null,
      },
      owner: expect.objectContaining({ login: 'ada@example.com', roles: ['SUPER_ADMIN'], status: 'ACTIVE' }),
      agent: null,
      share: expect.objectContaining({ percentage: 10, byEndpoint: {} }),
    });
    expect(await site.find(env.REPORT_TOKEN)).toMatchObject({
      share: { percentage: 5, byEndpoint: { hello: 80 } },
    });
    expect(await site.find(env.SYNC_TOKEN)).toMatchObject({
      token: { clientName: 'AD', network: { connection: 'ANYWHERE' } },
      agent: { name: 'directory-sync-1', status: 'ACTIVE' },
      share: null,
    });
    const [, sha256] = /sha256: (\w+)/.exec(readFileSync(TEAM, 'utf8')) ?? [];
    expect((await store.token('00TimportedFromOld01'))?.token).toMatchObject({
      hash: sha256,
      windowSeconds: 7 * 86_400,
    });
  });

  it('says of the same file the second time that there is nothing to write, and commits nothing', async () => {
    const env = { ADA_TOKEN: mintSecret('tg'), REPORT_TOKEN: mintSecret('tg'), SYNC_TOKEN: mintSecret('tg') };
    await site.apply({ file: TEAM }, { env });
    const store = await site.open();
    const before = await everything(store);
    site.clock.advance(60_000);
    const ear = new Ear();
    await store.subscribe(ear);
    const nothing = { code: 0, lines: ['Nothing to write: 11 records are as the file says.'] };
    expect(await site.apply({ file: TEAM }, { env })).toEqual(nothing);
    expect(await site.apply({ file: TEAM }, { env, dryRun: true })).toEqual(nothing);
    expect(await everything(store)).toEqual(before);
    // A commit after it is the first that is heard of.
    await store.commit([{ put: 'user', user: aUser({ id: '00uLast' }) }]);
    await ear.until(() => ear.changes.some((change) => 'id' in change && change.id === '00uLast'));
    expect(new Set(ear.changes.map((change) => 'id' in change && change.id))).toEqual(new Set(['00uLast']));
  });

  it('is noticed by a process that has the store open', async () => {
    const store = await site.open();
    const ear = new Ear();
    await store.subscribe(ear);
    const secret = mintSecret('tg');
    await site.apply(tokenFile(secret));
    // The embedded store looks every 100 ms whether another process has written; Redis tells.
    site.clock.advance(100);
    await ear.until(() => ear.gaps > 0 || ear.changes.some(({ of }) => of === 'tokens'));
    expect(await site.find(secret)).not.toBeNull();
  });

  it('prints with --dry-run what would be made and what would change, field by field, and writes nothing', async () => {
    const [first, second] = [mintSecret('tg'), mintSecret('tg')];
    const id = '00Taaaaaaaaaaaaaaaaa';
    await site.apply(`${tokenFile(first, `id: ${id}`, 'percentage: 20', 'endpoints: { hello: 1 }')}
zones: [{ name: Office, gateways: [192.0.2.0/24] }]
agents: [{ name: sync, kind: AD }]
`);
    const store = await site.open();
    const before = await everything(store);
    const { code, lines } = await site.apply(
      `
users:
  - { login: ada@example.com, status: SUSPENDED, roles: [ORG_ADMIN, SUPER_ADMIN] }
  - { login: eve@example.com, lastName: Moran }
zones: [{ name: Office, gateways: [192.0.2.0/24, 192.0.2.9], proxies: ["2001:db8::/32"] }]
agents: [{ name: sync, kind: LDAP, status: INACTIVE }]
tokens:
  - id: ${id}
    name: daily
    owner: ada@example.com
    secret: ${second}
    network: { connection: ZONE, exclude: [Office] }
    percentage: null
    endpoints: { users: 2 }
    window: 90m
    agent: sync
  - name: another
    owner: eve@example.com
    sha256: ${'ab'.repeat(32)}
    network: { connection: ZONE, include: ALL_ZONES }
`,
      { dryRun: true },
    );
    expect(lines).toEqual([
      'change user ada@example.com: status: ACTIVE → SUSPENDED; roles: [] → ["SUPER_ADMIN","ORG_ADMIN"]',
      'create user eve@example.com: lastName: Moran; status: ACTIVE',
      'change zone Office: gateways: ["192.0.2.0/24"] → ["192.0.2.0/24","192.0.2.9-192.0.2.9"]; proxies: [] → ["2001:db8::/32"]',
      'change agent sync: kind: AD → LDAP; status: ACTIVE → INACTIVE',
      `change token daily ${id}: name: nightly → daily; secret: replaced; network: ANYWHERE → {"exclude":["Office"]}; percentage: 20 → none; endpoints: {"hello":1} → {"users":2}; window: 30d → 90m; agent: none → sync; client: none → LDAP`,
      'create token another: owner: eve@example.com; network: {"include":["ALL_IP_ZONES"]}; window: 30d',
      'would create 1 user, 1 token; would change 1 user, 1 zone, 1 agent, 1 token. Nothing was written.',
    ]);
    expect(code).toBe(0);
    expect(await everything(store)).toEqual(before);
  });

  it('changes what differs, stamps it, and keeps what it is: its id, when it was made, when it was used', async () => {
    const secret = mintSecret('tg');
    await site.apply(tokenFile(secret));
    const store = await site.open();
    const made = await site.find(secret);
    if (made === null) throw new Error('the token was made');
    await store.record([{ tokenId: made.token.id, usedAt: site.clock.now() + 5 }]);
    site.clock.advance(60_000);
    const { lines } = await site.apply(tokenFile(secret, 'window: 1d'));
    expect(lines).toEqual(['changed 1 token; 1 record is as the file says.']);
    expect(await site.find(secret)).toEqual({
      ...made,
      token: {
        ...made.token,
        windowSeconds: 86_400,
        lastUpdatedAt: site.clock.now(),
        lastUsedAt: made.token.createdAt + 5,
      },
    });
  });

  it('gives a token that is named by its id another secret, and the old one is unknown from then on', async () => {
    const [first, second] = [mintSecret('tg'), mintSecret('tg')];
    const id = '00Taaaaaaaaaaaaaaaaa';
    await site.apply(tokenFile(first, `id: ${id}`));
    await site.apply(tokenFile(second, `id: ${id}`));
    expect(await site.find(first)).toBeNull();
    expect((await site.find(second))?.token.id).toBe(id);
  });

  it('leaves alone what the file does not mention: records, and fields of records', async () => {
    const store = await site.open();
    const owner = aUser({ login: 'Ada@Example.com', status: 'LOCKED_OUT' });
    const zone = aZone(['192.0.2.0/24'], { name: 'Office' });
    const agent = anAgent({ name: 'sync' });
    const { token, secret } = aToken(owner.id, {
      name: 'nightly',
      agentId: agent.id,
      clientName: 'Something else',
      network: { connection: 'ZONE', include: [zone.id] },
      windowSeconds: 86_400,
    });
    await store.commit([
      { put: 'user', user: owner },
      { put: 'user', user: aUser() },
      { put: 'zone', zone },
      { put: 'agent', agent },
      { put: 'token', token },
      { put: 'token', token: aToken(owner.id).token },
      { put: 'share', share: aShare(token.id, { percentage: 30, byEndpoint: { hello: 3 } }) },
    ]);
    const before = await everything(store);
    const { lines } = await site.apply(
      `${tokenFile(secret)}\nagents: [{ name: sync, kind: AD }]\nzones: [{ name: Office }]\n`,
    );
    expect(lines).toEqual(['Nothing to write: 4 records are as the file says.']);
    expect(await everything(store)).toEqual(before);
  });

  it('writes nothing at all where one record of many is wrong', async () => {
    const secret = mintSecret('tg');
    const { code, lines } = await site.apply(
      `${tokenFile(secret)}\nzones: [{ name: Office, gateways: [nowhere] }]\n`,
    );
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    const store = await site.open();
    expect(await everything(store)).toEqual({
      users: { items: [], next: null },
      tokens: { items: [], next: null },
      zones: [],
      agents: [],
    });
  });

  it('does not bring a revoked token back to life, and says so', async () => {
    const store = await site.open();
    const owner = aUser({ login: 'ada@example.com', roles: [] });
    const { token, secret } = aToken(owner.id, { name: 'nightly', revokedAt: 5 });
    await store.commit([
      { put: 'user', user: owner },
      { put: 'token', token },
    ]);
    const { code, lines } = await site.apply(tokenFile(secret, 'percentage: 90'));
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [
        `note: token nightly ${token.id} was revoked and stays so`,
        'Nothing to write: 2 records are as the file says.',
      ],
    });
    expect(await site.find(secret)).toEqual({ token, owner, agent: null, share: null });
  });

  it('refuses what contradicts the store: another owner, a secret of another token, agents of one name, a dynamic zone', async () => {
    const store = await site.open();
    const owner = aUser({ login: 'grace@example.com' });
    const [one, other] = [aToken(owner.id), aToken(owner.id)];
    await store.commit([
      { put: 'user', user: owner },
      { put: 'token', token: one.token },
      { put: 'token', token: other.token },
      { put: 'agent', agent: anAgent({ name: 'sync' }) },
      { put: 'agent', agent: anAgent({ name: 'sync' }) },
      { put: 'zone', zone: aZone([], { name: 'Tor', type: 'DYNAMIC' }) },
    ]);
    const { code, lines } = await site.apply(`users: [{ login: ada@example.com }]
zones:
  - { name: Tor, gateways: [192.0.2.0/24] }
agents:
  - { name: sync, kind: AD }
tokens:
  - { name: a, owner: ada@example.com, secret: ${one.secret} }
  - { name: b, owner: grace@example.com, secret: ${other.secret}, id: 00Taaaaaaaaaaaaaaaaa }
  - { name: c, owner: grace@example.com, secret: ${mintSecret('tg')}, agent: sync }
  - { name: d, owner: grace@example.com, secret: ${mintSecret('tg')}, id: ${other.token.id} }
`);
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        'a.yaml:3:7 zones[0].name: is the name of a zone of type DYNAMIC, and a file has IP zones only',
        'a.yaml:5:7 agents[0].name: is the name of 2 agents in the store: which is meant cannot be told',
        `a.yaml:7:16 tokens[0].owner: the token ${one.token.id} belongs to grace@example.com, and a token's owner cannot change`,
        `a.yaml:8:97 tokens[1].id: the store knows this secret as that of the token ${other.token.id}: give that id, or another secret`,
        'a.yaml:9:97 tokens[2].agent: several agents in the store are named "sync": which is meant cannot be told',
        `a.yaml:10:97 tokens[3].id: is in the store the same token, ${other.token.id}, as the one in line 8: leave one of the two out`,
      ],
    });
  });

  it('keeps a zone for the tokens that name it: it cannot be made inactive or a blocklist, unless they give it up in the same file', async () => {
    const secret = mintSecret('tg');
    const office = (state: string) => `zones:\n  - { name: Office, gateways: [192.0.2.0/24], ${state} }\n`;
    const inOffice = tokenFile(secret, 'network: { connection: ZONE, include: [Office] }');
    await site.apply(`${inOffice}${office('status: ACTIVE')}`);
    const id = (await site.find(secret))?.token.id;

    const refused = (field: string) => ({
      code: 1,
      lines: [
        `a.yaml:2:47 zones[0].${field}: tokens name the zone in their networks, and would lose it: nightly ${id}`,
      ],
    });
    expect(await site.apply(office('status: INACTIVE'))).toEqual(refused('status'));
    expect(await site.apply(office('usage: BLOCKLIST'))).toEqual(refused('usage'));

    const anywhere = tokenFile(secret, 'network: { connection: ANYWHERE }');
    const { lines } = await site.apply(`${anywhere}${office('status: INACTIVE')}`);
    expect(lines).toEqual(['changed 1 zone, 1 token; 1 record is as the file says.']);
    expect((await site.apply(office('usage: BLOCKLIST'))).code).toBe(0);
  });

  it('takes JSON Lines in any order, and makes of them what it makes of the same records in YAML', async () => {
    const secret = mintSecret('tg');
    const lines = [
      {
        token: {
          name: 'nightly',
          owner: 'ADA@example.com',
          secret,
          network: { connection: 'ZONE', include: ['Office'] },
        },
      },
      { user: { login: 'ada@example.com', roles: ['ORG_ADMIN'] } },
      { zone: { name: 'Office', gateways: ['192.0.2.0/24'] } },
      { agent: { name: 'sync', kind: 'AD' } },
    ];
    const text = `${lines.map((line) => JSON.stringify(line)).join('\r\n')}\n\n`;
    expect((await site.apply(text)).lines).toEqual(['created 1 user, 1 zone, 1 agent, 1 token.']);
    const yaml = `${tokenFile(secret, 'network: { connection: ZONE, include: [Office] }')}
zones: [{ name: Office, gateways: [192.0.2.0/24] }]
agents: [{ name: sync, kind: AD }]
`;
    expect((await site.apply(yaml)).lines).toEqual(['Nothing to write: 4 records are as the file says.']);
  });

  it('makes and changes more records than are looked up at once', async () => {
    const secrets = Array.from({ length: 2_345 }, () => mintSecret('tg'));
    const file = (percentage: number) =>
      secrets
        .map((secret, index) => ({
          name: `t${index}`,
          owner: `u${index % 1_200}@example.com`,
          secret,
          percentage,
        }))
        .flatMap((token) => [{ user: { login: token.owner } }, { token }])
        .filter((line, index) => 'token' in line || index < 2_400)
        .map((line) => JSON.stringify(line))
        .join('\n');
    expect((await site.apply(file(10))).lines).toEqual(['created 1200 users, 2345 tokens.']);
    expect((await site.apply(file(10))).lines).toEqual([
      'Nothing to write: 3545 records are as the file says.',
    ]);
    expect((await site.apply(file(20))).lines).toEqual([
      'changed 2345 tokens; 1200 records are as the file says.',
    ]);
    expect(await site.find(secrets[2_344] ?? '')).toMatchObject({
      token: { name: 't2344' },
      owner: { login: 'u1144@example.com' },
      share: { percentage: 20 },
    });
  });
});
