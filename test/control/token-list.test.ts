import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tokenSchema } from '../../src/control/tokens/wire.ts';
import { anAgent, aToken } from '../support/records.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { validation } from './expected.ts';

const TOKENS = '/api/v1/api-tokens';
const DAY = 24 * 60 * 60 * 1000;
const list = z.array(tokenSchema);

describe('the list of tokens', () => {
  let plane: ControlPlane;
  const start = async () => {
    plane = await startControlPlane('control: { limit: { max: 1000000, window: 60s } }');
    const { store, clock, admin } = plane;
    const now = clock.now();
    const agent = anAgent({ kind: 'LDAP' });
    const put = (name: string, facts: object) => {
      const { token } = aToken(admin.user.id, { name, createdAt: now, lastUpdatedAt: now, ...facts });
      return { put: 'token', token } as const;
    };
    await store.commit([
      { put: 'agent', agent },
      put('Green', { lastUsedAt: now - 2 * DAY, createdAt: now - 40 * DAY }),
      put('gray', { lastUsedAt: now - 4 * DAY, createdAt: now - 40 * DAY }),
      put('red', { lastUsedAt: now - 25 * DAY, createdAt: now - 40 * DAY }),
      put('yellow', { agentId: 'a53gone', clientName: 'AD' }),
      put('ldap', { agentId: agent.id, clientName: 'LDAP', createdAt: now - 2 * DAY }),
      put('expired', { createdAt: now - 31 * DAY }),
      put('revoked', { revokedAt: now }),
    ]);
  };
  beforeAll(start);
  afterAll(() => plane.close());

  const names = async (query: string, ask = plane.admin.ask) => {
    const reply = await ask('GET', `${TOKENS}${query}`);
    expect(reply.status).toBe(200);
    return list.parse(reply.body).map(({ name }) => name);
  };

  it('has every active token, without a Link, when it is asked for as Okta has it', async () => {
    const reply = await plane.admin.ask('GET', TOKENS);
    expect(reply.headers.get('link')).toBeNull();
    expect(
      list
        .parse(reply.body)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['Green', 'a token', 'gray', 'ldap', 'red', 'yellow']);
  });

  it.each([
    ['?q=GRE', ['Green']],
    ['?q=r&sortBy=name', ['gray', 'Green', 'red']],
    ['?q=ad', ['yellow']],
    ['?type=api&sortBy=name', ['a token', 'gray', 'Green', 'red']],
    ['?type=LDAP', ['ldap']],
    ['?type=suspicious', ['yellow']],
    ['?type=AD', []],
    ['?status=green', ['Green']],
    ['?status=GRAY&sortBy=name', ['a token', 'gray', 'ldap']],
    ['?status=red', ['red']],
    ['?status=yellow', ['yellow']],
    ['?sortBy=name&sortOrder=desc', ['yellow', 'red', 'ldap', 'Green', 'gray', 'a token']],
    ['?sortBy=lastUsed&sortOrder=DESC&type=API', ['Green', 'gray', 'red', 'a token']],
    ['?sortBy=expiresAt&status=red', ['red']],
  ])('%s gives %j', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  it.each(['', '&sortBy=name', '&sortBy=type&sortOrder=desc', '&sortOrder=desc'])(
    'is walked page by page along its links, each token once, with%s',
    async (order) => {
      const all = await names(`?x=1${order}`);
      const walked: string[] = [];
      for (let path: string | null = `${TOKENS}?limit=2${order}`; path !== null; ) {
        const reply = await plane.admin.ask('GET', path);
        const page = list.parse(reply.body).map(({ name }) => name);
        expect(page.length).toBeLessThanOrEqual(2);
        walked.push(...page);
        const next = /<([^>]+)>; rel="next"/.exec(reply.headers.get('link') ?? '')?.[1];
        expect(next?.startsWith(plane.origin) ?? true).toBe(true);
        path = next?.slice(plane.origin.length) ?? null;
      }
      expect(walked).toEqual(all);
    },
  );

  it.each(['x', 'bm9wZQ', 'WyIiXQ', 'WyIiLCIuLi8iXQ', 'eyJhIjoxfQ', 'W251bGwsIjAwVCJd', '%00'])(
    'refuses the forged cursor %s',
    async (after) => {
      expect(await plane.admin.ask('GET', `${TOKENS}?after=${after}`)).toMatchObject({
        status: 400,
        body: {
          errorCode: 'E0000029',
          errorSummary: 'Invalid paging request.',
          errorCauses: [{ errorSummary: 'Invalid cursor.' }],
        },
      });
    },
  );

  it.each([
    ['?limit=0', 'limit', 'limit: must be a whole number of at least 1'],
    ['?limit=-1', 'limit', 'limit: must be a whole number of at least 1'],
    ['?limit=1e3', 'limit', 'limit: must be a whole number of at least 1'],
    ['?limit=2&limit=3', 'limit', 'limit: must be one whole number of at least 1'],
    ['?status=blue', 'status', 'status: must be one of GREEN, GRAY, RED, YELLOW'],
    ['?sortBy=hash', 'sortBy', 'sortBy: must be one of id, name, created, lastUsed, expiresAt, type, status'],
    ['?sortOrder=up', 'sortOrder', 'sortOrder: must be asc or desc'],
  ])('refuses %s', async (query, subject, cause) => {
    expect(await plane.admin.ask('GET', TOKENS + query)).toMatchObject(validation(subject, cause));
  });

  it('has their own tokens alone for those who may see no others', async () => {
    const person = await plane.person(['GROUP_ADMIN']);
    expect(await names('', person.ask)).toEqual([person.token.name]);
    expect((await person.ask('GET', `${TOKENS}/${plane.admin.token.id}`)).status).toBe(403);
  });
});
