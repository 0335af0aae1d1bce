/** What `tollgate apply` makes of its file, whatever is in it; the store is the embedded one throughout. */
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { indexOfSha256, mintSecret, secretIndex } from '../../src/domain/secret.ts';
import type { Mutation } from '../../src/domain/store.ts';
import { anyText } from '../support/any-text.ts';
import { anAgent, aShare, aToken, aUser, aZone } from '../support/records.ts';
import { type ApplySite, applySite } from './apply-site.ts';

const BAD = fileURLToPath(new URL('../config/apply-bad/', import.meta.url));
const BAD_FILES = readdirSync(BAD);

let site: ApplySite;
beforeEach(() => {
  site = applySite(null);
});
afterEach(() => site.close());

const SECONDS: Readonly<Record<string, number>> = { '1m': 60, '1h': 3_600, '30d': 2_592_000 };

const user = (login: string) => JSON.stringify({ user: { login } });
const token = (fields: object) =>
  JSON.stringify({ token: { name: 'a', owner: 'ada@example.com', ...fields } });

describe('a mistake in a file to apply is refused once, with its place and what would be right', () => {
  // A bad file begins with the line that is said about it.
  it.each(BAD_FILES)('%s', async (name) => {
    const text = readFileSync(BAD + name, 'utf8');
    const [expected = ''] = text.split('\n');
    const { code, lines } = await site.apply({ file: site.file(name, text) }, { dryRun: true });
    expect({ code, lines }).toEqual({ code: 1, lines: [expected.replace(/^# /, '')] });
  });

  it('with a bad file for every mistake that is known', () => {
    expect(BAD_FILES.length).toBeGreaterThanOrEqual(73);
  });
});

describe('all mistakes are told at once', () => {
  it('in the order of the lines, those within a record beside those between records', async () => {
    const { lines } = await site.apply(`tokens:
  - { name: a, owner: nobody@example.com, secret: short, percentage: 101, endpoints: { helo: 1 } }
users:
  - { login: ada@example.com, status: GONE }
  - { login: ADA@example.com }
zones:
  - { name: Office, gateways: [nowhere] }
  - { name: Home, usage: BLOCKLIST, gateways: [192.0.2.0/24] }
  - { name: Home, gateways: [192.0.2.0/24], extra: 1 }
`);
    expect(lines.map((line) => line.slice(0, line.indexOf(': ')))).toEqual([
      'a.yaml:2:16 tokens[0].owner',
      'a.yaml:2:43 tokens[0].secret',
      'a.yaml:2:58 tokens[0].percentage',
      'a.yaml:2:88 tokens[0].endpoints.helo',
      'a.yaml:4:31 users[0].status',
      'a.yaml:5:7 users[1].login',
      'a.yaml:7:32 zones[0].gateways[0]',
      'a.yaml:9:7 zones[2].name',
      'a.yaml:9:45 zones[2].extra',
    ]);
  });

  it('and what is right in a wrong record is not called unknown where others refer to it', async () => {
    const { lines } = await site.apply(`users:
  - { login: ada@example.com, status: GONE }
zones:
  - { name: Office, gateways: [nowhere] }
agents:
  - { name: sync }
tokens:
  - name: a
    owner: ada@example.com
    secret: ${mintSecret('tg')}
    agent: sync
    network: { connection: ZONE, include: [Office] }
`);
    expect(lines.map((line) => line.split(' ')[1])).toEqual([
      'users[0].status:',
      'zones[0].gateways[0]:',
      'agents[0].kind:',
    ]);
  });

  it('up to a thousand; more are counted', async () => {
    const bad = Array.from({ length: 1_234 }, () => user('not a login'));
    const { code, lines } = await site.apply(bad.join('\n'));
    expect(code).toBe(1);
    expect(lines).toHaveLength(1_001);
    expect(lines.at(-1)).toBe('and 234 more problems');
  });
});

describe('a line of JSON Lines', () => {
  const notOneRecord = 'must be one record: {"user": {…}}, {"zone": {…}}, {"agent": {…}} or {"token": {…}}';
  const secret = mintSecret('tg');
  const rows: readonly [string, string, string][] = [
    ['that is no JSON', `{"token": {"secret": "${secret}"`, 'is not JSON'],
    ['that is no JSON nor begins like a record', `secret: ${secret}`, 'is not JSON'],
    ['that is no object', '["user"]', notOneRecord],
    ['of another kind', '{"group": {}}', notOneRecord],
    ['with two records', '{"user": {"login": "a@b.c"}, "zone": {}}', notOneRecord],
    ['with a record twice', '{"user": {"login": "a@b.c"}} {"user": {"login": "c@b.c"}}', 'is not JSON'],
    [
      'with an unknown field',
      '{"user": {"login": "a@b.c", "roels": []}}',
      'user.roels: there is no such setting; did you mean roles?',
    ],
    [
      'whose record is text',
      '{"zone": "Office"}',
      'zone: must be a map of name, usage, status, gateways, proxies',
    ],
    [
      'that nests without end',
      `{"user": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'nests deeper than a record can',
    ],
    ['of a named prototype', '{"__proto__": {"login": "a@b.c"}}', notOneRecord],
    [
      'with a reference that leads nowhere',
      token({ secret: `\${NOT_SET}` }),
      `token.secret: the environment variable NOT_SET is not set: set it, or give a default as \${NOT_SET:-default}`,
    ],
  ];

  it.each(rows)(
    '%s is refused with its number, and nothing of it is shown that may be secret',
    async (_, line, message) => {
      const { code, lines } = await site.apply(`{"user":{"login":"ada@example.com"}}\n\n${line}\n`);
      expect({ code, lines }).toEqual({ code: 1, lines: [`a.jsonl:3:1 ${message}`] });
    },
  );

  it('may not be longer than a record can be, so that a file without lines does not fill the memory', async () => {
    const { code, lines } = await site.apply(`${user('ada@example.com')}\n{"user": "${'a'.repeat(2 ** 21)}`);
    expect({ code, lines }).toEqual({ code: 1, lines: ['a.jsonl:2:1 is longer than a record can be'] });
  });

  it('takes references to the environment, a byte order mark, spaces around, and no newline at the end', async () => {
    const env = { SECRET: mintSecret('tg'), LOGIN: 'ada@example.com' };
    const text = `{"user": {"login": "\${LOGIN}"}}\n  ${token({ secret: `\${SECRET}`, percentage: `\${SHARE:-5}` })} `;
    const file = site.file('bom.jsonl', `\uFEFF${text}`);
    expect((await site.apply({ file }, { env })).lines).toEqual(['created 1 user, 1 token.']);
    expect(await site.find(env.SECRET)).toMatchObject({
      owner: { login: env.LOGIN },
      share: { percentage: 5 },
    });
  });
});

describe('a file', () => {
  it('that is not there, or is a folder, is refused', async () => {
    const missing = `${site.configFile}.gone`;
    expect((await site.apply({ file: missing })).lines[0]).toMatch(/gone:1:1 cannot be read: ENOENT/);
    expect(await site.apply({ file: `${BAD}` })).toMatchObject({ code: 1 });
  });

  it('with nothing in its lists has nothing to write', async () => {
    expect(await site.apply('users: []\n')).toEqual({
      code: 0,
      lines: ['Nothing to write: the file is empty.'],
    });
    expect(await site.apply({ file: site.file('empty.jsonl', '\n\n') })).toEqual({
      code: 0,
      lines: ['Nothing to write: the file is empty.'],
    });
  });

  it('with secrets in it that others can read gets a warning; with references, or for its owner alone, it gets none', async () => {
    const secret = mintSecret('tg');
    const literal = site.file('literal.jsonl', `${user('ada@example.com')}\n${token({ secret })}`);
    const reference = site.file(
      'reference.jsonl',
      `${user('ada@example.com')}\n${token({ secret: `\${SECRET}` })}`,
    );
    const warnings = async (file: string, mode: number) => {
      chmodSync(file, mode);
      const { lines } = await site.apply({ file }, { env: { SECRET: secret } });
      return lines.filter((line) => line.startsWith('warning'));
    };
    const warning =
      'warning: literal.jsonl holds secrets and others can read it: chmod 600 it, or take the secrets from the environment';
    expect(await warnings(literal, 0o640)).toEqual([warning]);
    expect(await warnings(literal, 0o604)).toEqual([warning]);
    expect(await warnings(literal, 0o600)).toEqual([]);
    expect(await warnings(reference, 0o644)).toEqual([]);
  });
});

describe('the store', () => {
  it('is not made by a dry run where there is none', async () => {
    const { lines } = await site.apply(user('ada@example.com'), { dryRun: true });
    expect(lines.at(-1)).toBe('would create 1 user. Nothing was written.');
    expect(site.storeExists()).toBe(false);
  });

  it('is written over by nobody who read it before somebody else changed it; use is no change', async () => {
    await site.apply(user('ada@example.com'));
    const store = await site.open();
    const [owner, zone, agent] = [aUser(), aZone(['192.0.2.0/24']), anAgent()];
    const { token: made, secret } = aToken(owner.id);
    const share = aShare(made.id, { percentage: 1 });
    const records: Mutation[] = [
      { put: 'user', user: owner },
      { put: 'zone', zone },
      { put: 'agent', agent },
      { put: 'token', token: made },
      { put: 'share', share },
    ];
    const lines = [
      { user: { login: owner.login, firstName: 'Augusta' } },
      { zone: { name: zone.name, gateways: ['198.51.100.0/24'] } },
      { agent: { name: agent.name, kind: 'OTHER' } },
      { token: { name: 'renamed', owner: owner.login, secret, percentage: 2 } },
    ];
    const file = site.file('loose.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    chmodSync(file, 0o644);
    const changes: Mutation[] = [
      { put: 'user', user: { ...owner, status: 'SUSPENDED' } },
      { put: 'zone', zone: { ...zone, status: 'INACTIVE' } },
      { put: 'agent', agent: { ...agent, status: 'INACTIVE' } },
      { put: 'token', token: { ...made, revokedAt: 5 } },
      { put: 'share', share: { ...share, percentage: 3 } },
      { remove: 'token', id: made.id },
    ];
    for (const change of changes) {
      await store.commit(records);
      // The warning is printed between reading and writing, and this store writes at once.
      const onLine = () => store.commit([change]);
      await expect(site.apply({ file }, { onLine })).rejects.toThrow(
        'Nothing was written: apply the file again.',
      );
      expect((await store.user(owner.id))?.firstName).toBe(owner.firstName);
    }
    await store.commit(records);
    const onLine = () => store.record([{ tokenId: made.id, usedAt: made.createdAt + 5 }]);
    expect((await site.apply({ file }, { onLine })).code).toBe(0);
    expect((await store.token(made.id))?.token).toMatchObject({
      name: 'renamed',
      lastUsedAt: made.createdAt + 5,
    });
  });

  it('is left with an active super administrator, who is there when it is written', async () => {
    const boss = (login: string, more = 'roles: [SUPER_ADMIN]') => `users: [{ login: ${login}, ${more} }]`;
    await site.apply(boss('ada@example.com'));
    const refused = (field: string) => ({
      code: 1,
      lines: [
        expect.stringMatching(
          new RegExp(`^a\\.yaml:1:\\d+ users\\[0\\]\\.${field}: would leave no active super admin`),
        ),
      ],
    });
    expect(await site.apply(boss('ada@example.com', 'roles: [ORG_ADMIN]'))).toEqual(refused('roles'));
    expect(await site.apply(boss('ada@example.com', 'status: SUSPENDED'))).toEqual(refused('status'));
    await site.apply(boss('grace@example.com'));
    const store = await site.open();
    const grace = await store.userByLogin('grace@example.com');
    if (grace === null) throw new Error('the user was made');
    // The secret that others can read is warned of between reading and writing, and this store writes at once.
    const file = site.file(
      'demote.yaml',
      `${boss('ada@example.com', 'roles: []')}\ntokens: [{ name: a, owner: ada@example.com, secret: ${mintSecret('tg')} }]`,
    );
    chmodSync(file, 0o644);
    const onLine = () => store.commit([{ put: 'user', user: { ...grace, status: 'SUSPENDED' } }]);
    await expect(site.apply({ file }, { onLine })).rejects.toThrow(
      'Nothing was written: apply the file again.',
    );
    await store.commit([{ put: 'user', user: grace }]);
    expect((await site.apply({ file })).code).toBe(0);
    expect((await store.userByLogin('ada@example.com'))?.roles).toEqual([]);
  });

  it('knows secrets and hashes that are applied by their peppered index', async () => {
    await site.close();
    const pepper = 'a pepper of no less than 32 signs'.replaceAll(' ', '-');
    site = applySite(null, `resolve: { pepper: ${pepper} }\n`);
    const [one, other] = [mintSecret('tg'), mintSecret('tg')];
    const sha256 = secretIndex(other, null);
    await site.apply(`${user('ada@example.com')}\n${token({ secret: one })}\n${token({ sha256 })}`);
    const store = await site.open();
    expect(await store.findByHash(secretIndex(one, pepper))).not.toBeNull();
    expect(await store.findByHash(indexOfSha256(sha256, pepper))).not.toBeNull();
    expect(await store.findByHash(secretIndex(other, pepper))).not.toBeNull();
    expect(await store.findByHash(sha256)).toBeNull();
    const again = `${token({ secret: one })}\n${token({ secret: other })}`;
    expect((await site.apply(again)).lines).toEqual(['Nothing to write: 2 records are as the file says.']);
  });

  it('comes to hold what any good file says, and then has nothing to write for it', async () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    const percentage = fc.integer({ min: 0, max: 100 });
    const zones = fc.uniqueArray(word, { minLength: 1, maxLength: 3 });
    const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
    const file = fc
      .record({ zones, logins: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }) })
      .chain(({ zones, logins }) => {
        const named = fc.subarray(zones, { minLength: 1 });
        const network = fc.oneof(
          fc.constant({ connection: 'ANYWHERE' }),
          named.map((include) => ({ connection: 'ZONE', include })),
          named.map((exclude) => ({ connection: 'ZONE', exclude })),
          fc.constant({ connection: 'ZONE', exclude: ['ALL_IP_ZONES'] }),
        );
        const tokens = fc.array(
          fc.record({
            name: word,
            owner: fc.constantFrom(...logins),
            network: optional(network),
            percentage: optional(fc.option(percentage)),
            endpoints: optional(fc.dictionary(fc.constantFrom('hello', 'users', 'unmatched'), percentage)),
            window: optional(fc.constantFrom('1m', '1h', '30d')),
          }),
          { maxLength: 4 },
        );
        const roles = optional(fc.subarray(['SUPER_ADMIN', 'ORG_ADMIN', 'APP_ADMIN']));
        const users = fc.tuple(...logins.map((login) => fc.record({ login: fc.constant(login), roles })));
        return fc.record({ users, tokens, zones: fc.constant(zones) });
      });
    await fc.assert(
      fc.asyncProperty(file, file, async (first, second) => {
        const secrets = Array.from({ length: 4 }, () => mintSecret('tg'));
        const text = ({ users, tokens, zones }: typeof first, suffix: string) =>
          [
            ...tokens.map((each, index) => ({
              token: { ...each, owner: each.owner + suffix, secret: secrets[index] },
            })),
            ...users.map((each) => ({ user: { ...each, login: each.login + suffix } })),
            ...zones.map((name) => ({ zone: { name, gateways: ['192.0.2.0/24'] } })),
          ]
            .map((line) => JSON.stringify(line))
            .join('\n');
        const unchanged = /^Nothing to write: /;
        const suffix = `-${secrets[0]?.slice(3, 12)}`;
        for (const one of [first, { ...second, tokens: [] }]) {
          expect(await site.apply(text(one, suffix))).toMatchObject({ code: 0 });
          expect((await site.apply(text(one, suffix))).lines).toEqual([expect.stringMatching(unchanged)]);
        }
        for (const [index, written] of first.tokens.entries()) {
          const found = await site.find(secrets[index] ?? '');
          expect(found).toMatchObject({
            token: {
              name: written.name,
              windowSeconds: SECONDS[written.window ?? '30d'],
            },
            owner: { login: written.owner + suffix },
          });
          expect(found?.share?.percentage ?? null).toBe(written.percentage ?? null);
          expect(found?.share?.byEndpoint ?? {}).toEqual({ ...written.endpoints });
        }
      }),
      { seed: 20261121, numRuns: 12 },
    );
  });
});

describe('whatever a file holds', () => {
  const field = fc.constantFrom(
    ...['login', 'name', 'owner', 'secret', 'sha256', 'network', 'percentage', 'endpoints', 'window'],
    ...['agent', 'roles', 'status', 'gateways', 'proxies', 'usage', 'kind', 'id', '__proto__', 'constructor'],
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('ada@example.com', 'ACTIVE', 'Office', '192.0.2.0/24', `\${HOME}`, '${', '1d', 10),
    fc.constantFrom({ connection: 'ZONE', include: ['Office'] }, { connection: 'ANYWHERE' }, { hello: 5 }),
  );
  const record = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.dictionary(field, value, { maxKeys: 6 }));
  const kind = fc.constantFrom('user', 'zone', 'agent', 'token');

  it('it is applied, or refused with problems that name a line', async () => {
    const lines = fc.array(
      fc.oneof(
        fc.tuple(kind, record).map(([key, content]) => JSON.stringify({ [key]: content })),
        anyText().map((text) => text.replaceAll('\n', ' ')),
      ),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(lines, async (texts) => {
        const file = site.file('hostile.jsonl', texts.join('\n'));
        const { code, lines } = await site.apply({ file }, { dryRun: true, env: { HOME: '/root' } });
        if (code === 1) for (const line of lines) expect(line).toMatch(/^hostile\.jsonl:\d+:1 ./s);
        else expect(lines.at(-1)).toMatch(/Nothing (was written|to write)/);
      }),
      { seed: 20261121, numRuns: 40 },
    );
  });

  it('no secret and no hash of one is ever printed', async () => {
    const env = { SECRET: mintSecret('tg') };
    const secrets = [mintSecret('tg'), 'x'.repeat(45), env.SECRET];
    const printed: string[] = [];
    const text = (window: string, sha256: string) => `users: [{ login: ada@example.com }]
tokens:
  - { id: 00Taaaaaaaaaaaaaaaaa, name: a, owner: ada@example.com, secret: ${secrets[0]}, window: ${window} }
  - { id: 00Tbbbbbbbbbbbbbbbbb, name: b, owner: ada@example.com, secret: ${secrets[1]}, window: ${window} }
  - { id: 00Tccccccccccccccccc, name: c, owner: ada@example.com, secret: "\${SECRET}", window: ${window} }
  - { id: 00Tddddddddddddddddd, name: d, owner: ada@example.com, sha256: ${sha256}, window: ${window} }
`;
    const hashes = [...secrets.map((secret) => secretIndex(secret, null)), 'ab'.repeat(32), 'cd'.repeat(32)];
    const broken = `${secrets[0]?.slice(0, -1)}`;
    for (const content of [
      text('1d', 'ab'.repeat(32)),
      text('2d', 'cd'.repeat(32)),
      text('soon', 'cd'.repeat(32)),
      text('1d', 'cd'.repeat(30)),
      text('1d', `'${'cd'.repeat(32)}`),
      text('1d', `|${'cd'.repeat(32)}`),
      `tokens:\n  - secret: |${secrets[0]}\n  - secret: !${secrets[0]}\n  - "${secrets[0]}\n`,
      `tokens: ["${secrets[0]}", { secret: { value: ${secrets[0]} } }, { secret: ["${secrets[0]}"] }]`,
      `tokens:\n  - { name: e, owner: ada@example.com, secret: ${broken} }\n`,
    ]) {
      for (const dryRun of [true, false]) printed.push(...(await site.apply(content, { dryRun, env })).lines);
    }
    expect(printed.length).toBeGreaterThan(20);
    for (const hidden of [...secrets, ...hashes, broken]) {
      expect(printed.filter((line) => line.includes(hidden.slice(0, 12)))).toEqual([]);
    }
  });
});
