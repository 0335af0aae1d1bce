import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aShare } from '../support/records.ts';
import { type ControlPlane, type Person, type Reply, startControlPlane } from './control-plane.ts';
import { validation } from './expected.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.close());

const SHARES = '/api/v1/principal-rate-limits';
const SETTINGS = '/api/v1/rate-limit-settings';
const filtered = (filter: string) => `${SHARES}?filter=${encodeURIComponent(filter)}`;
const TOKENS = filtered('principalType eq "SSWS_TOKEN"');
const shareFor = ({ token }: Person, more: object = {}) => ({
  principalId: token.id,
  principalType: 'SSWS_TOKEN',
  ...more,
});
const idOf = (reply: Reply) => (reply.body as { id: string }).id;
const create = async (person: Person, more: object = {}) => {
  const reply = await plane.admin.ask('POST', SHARES, shareFor(person, more));
  expect(reply.status).toBe(201);
  return idOf(reply);
};

describe("a token's share", () => {
  it('is created and answered in the form of Okta, with the default where nothing is set', async () => {
    const person = await plane.person([]);
    const reply = await plane.admin.ask('POST', SHARES, shareFor(person, { defaultPercentage: 25 }));
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({
      id: expect.stringMatching(/^prl\w{17}$/),
      orgId: expect.stringMatching(/^00o\w{17}$/),
      principalId: person.token.id,
      principalType: 'SSWS_TOKEN',
      defaultPercentage: 25,
      defaultConcurrencyPercentage: 50,
      byEndpoint: {},
      lastUpdate: '2026-01-01T00:00:00Z',
      lastUpdatedBy: plane.admin.user.id,
      createdDate: '2026-01-01T00:00:00Z',
      createdBy: plane.admin.user.id,
    });
    expect((await plane.admin.ask('GET', `${SHARES}/${idOf(reply)}`)).body).toEqual(reply.body);
  });

  it('is one for each token', async () => {
    const person = await plane.person([]);
    await create(person);
    expect(await plane.admin.ask('POST', SHARES, shareFor(person))).toMatchObject({
      status: 400,
      body: { errorSummary: 'Api validation failed: principalRateLimitMediated', errorCauses: [] },
    });
  });

  it('keeps what a replacement leaves out, and never goes to another token', async () => {
    const person = await plane.person([]);
    const id = await create(person, { defaultPercentage: 10, byEndpoint: { users: 80 } });
    const body = shareFor(person, { defaultConcurrencyPercentage: 0 });
    expect(await plane.admin.ask('PUT', `${SHARES}/${id}`, body)).toMatchObject({
      status: 200,
      body: { defaultPercentage: 10, defaultConcurrencyPercentage: 0, byEndpoint: { users: 80 } },
    });
    const other = shareFor(await plane.person([]));
    expect((await plane.admin.ask('PUT', `${SHARES}/${id}`, other)).status).toBe(400);
  });

  it('at an endpoint that the configuration does not have is refused, with the name that was meant', async () => {
    const person = await plane.person([]);
    const misnamed = validation('byEndpoint', 'byEndpoint: There is no endpoint user. Did you mean users?');
    const body = shareFor(person, { byEndpoint: { user: 80 } });
    expect(await plane.admin.ask('POST', SHARES, body)).toMatchObject(misnamed);
    const ofToken = { name: 'x', byEndpoint: { user: 80 } };
    expect(await plane.admin.ask('POST', '/api/v1/api-tokens', ofToken)).toMatchObject(misnamed);
    const id = await create(person, { byEndpoint: { users: 1, unmatched: 2, management: 3 } });
    expect(await plane.admin.ask('PUT', `${SHARES}/${id}`, body)).toMatchObject(misnamed);
    const unlike = shareFor(person, { byEndpoint: { quarterly: 1 } });
    expect(await plane.admin.ask('PUT', `${SHARES}/${id}`, unlike)).toMatchObject(
      validation(
        'byEndpoint',
        'byEndpoint: There is no endpoint quarterly. The names are those under endpoints in the configuration.',
      ),
    );
  });

  it('at an endpoint that has left the configuration since does not hinder a change of the others', async () => {
    const person = await plane.person([]);
    const share = aShare(person.token.id, { byEndpoint: { gone: 5 } });
    await plane.store.commit([{ put: 'share', share }]);
    const body = shareFor(person, { byEndpoint: { gone: 5, users: 10 } });
    expect((await plane.admin.ask('PUT', `${SHARES}/${share.id}`, body)).status).toBe(200);
  });

  it('is not replaced by who read an older version', async () => {
    const person = await plane.person([]);
    const id = await create(person);
    const etag = (await plane.admin.ask('GET', `${SHARES}/${id}`)).headers.get('etag') ?? '';
    const put = (percentage: number) =>
      plane.admin.ask('PUT', `${SHARES}/${id}`, shareFor(person, { defaultPercentage: percentage }), {
        'if-match': etag,
      });
    expect((await put(20)).status).toBe(200);
    expect((await put(30)).status).toBe(412);
  });

  it('goes with its token', async () => {
    const person = await plane.person([]);
    const id = await create(person);
    await plane.admin.ask('DELETE', `/api/v1/api-tokens/${person.token.id}`);
    expect((await plane.admin.ask('GET', `${SHARES}/${id}`)).body).toMatchObject({
      errorSummary: `Not found: Resource not found: ${id} (PrincipalRateLimit)`,
    });
    const list = filtered(`principalType eq "SSWS_TOKEN" and principalId eq "${person.token.id}"`);
    expect((await plane.admin.ask('GET', list)).body).toEqual([]);
  });

  it('leaves an event that says what it was and what it is', async () => {
    const person = await plane.person([]);
    const id = await create(person, { defaultPercentage: 20 });
    await plane.admin.ask('PUT', `${SHARES}/${id}`, shareFor(person, { defaultPercentage: 5 }));
    const filter = encodeURIComponent(
      `eventType eq "system.rate_limit.configuration.update" and target.id eq "${person.token.id}"`,
    );
    const { body } = await plane.admin.ask('GET', `/api/v1/logs?filter=${filter}`);
    expect(body).toMatchObject([
      { debugContext: { debugData: { oldRateLimitPercentage: '50', newRateLimitPercentage: '20' } } },
      { debugContext: { debugData: { oldRateLimitPercentage: '20', newRateLimitPercentage: '5' } } },
    ]);
  });

  it('is refused for a token that there is not', async () => {
    const body = { principalId: '00T00000000000000000', principalType: 'SSWS_TOKEN' };
    expect(await plane.admin.ask('POST', SHARES, body)).toMatchObject({
      status: 404,
      body: { errorSummary: 'Not found: Resource not found: 00T00000000000000000 (Token)' },
    });
  });

  it.each([
    [{ defaultPercentage: 101 }, 'defaultPercentage: must be a whole number from 0 to 100'],
    [{ defaultPercentage: -1 }, 'defaultPercentage: must be a whole number from 0 to 100'],
    [{ defaultPercentage: 2.5 }, 'defaultPercentage: must be a whole number from 0 to 100'],
    [
      { defaultConcurrencyPercentage: '5' },
      'defaultConcurrencyPercentage: must be a whole number from 0 to 100',
    ],
    [{ byEndpoint: { users: 200 } }, 'byEndpoint.users: must be a whole number from 0 to 100'],
    [
      { principalType: 'OAUTH_CLIENT' },
      'principalType: must be SSWS_TOKEN: there are no other principals here',
    ],
  ])('is refused with %j', async (more, cause) => {
    const person = await plane.person([]);
    expect(await plane.admin.ask('POST', SHARES, shareFor(person, more))).toMatchObject({
      status: 400,
      body: { errorCauses: [{ errorSummary: cause }] },
    });
  });

  it('is seen and changed only within the reach of the caller', async () => {
    const group = await plane.person(['GROUP_ADMIN']);
    const reader = await plane.person(['READ_ONLY_ADMIN']);
    const mine = await create(group);
    const readers = await create(reader);
    expect((await group.ask('GET', TOKENS)).body).toMatchObject([{ id: mine }]);
    expect((await group.ask('GET', `${SHARES}/${readers}`)).status).toBe(403);
    expect((await group.ask('PUT', `${SHARES}/${mine}`, shareFor(group))).status).toBe(200);
    expect((await group.ask('PUT', `${SHARES}/${readers}`, shareFor(reader))).status).toBe(403);
    expect((await group.ask('POST', SHARES, shareFor(plane.admin))).status).toBe(403);
    expect((await reader.ask('PUT', `${SHARES}/${readers}`, shareFor(reader))).status).toBe(403);
  });
});

describe('a token that is made with a share', () => {
  const make = (person: Person, body: object) =>
    person.ask('POST', '/api/v1/api-tokens', { name: 'made', ...body });

  it('is made for those alone who may set shares: a read-only administrator makes tokens without', async () => {
    const reader = await plane.person(['READ_ONLY_ADMIN']);
    const group = await plane.person(['GROUP_ADMIN']);
    for (const share of [{ percentage: 100 }, { concurrencyPercentage: 0 }, { byEndpoint: { users: 100 } }]) {
      expect(await make(reader, share)).toMatchObject({ status: 403, body: { errorCode: 'E0000006' } });
      expect((await make(group, share)).status).toBe(201);
    }
    expect((await make(reader, {})).status).toBe(201);
  });
});

describe('the list of shares', () => {
  it('needs a filter by type', async () => {
    for (const path of [SHARES, filtered('principalId eq "00T00000000000000000"')]) {
      expect(await plane.admin.ask('GET', path)).toMatchObject({
        status: 400,
        body: {
          errorCode: 'E0000001',
          errorSummary: 'Api validation failed: principalRateLimitMediated',
          errorCauses: [
            {
              errorSummary:
                'The provided filter parameter did not contain the required attrbute filter "principalType"',
            },
          ],
        },
      });
    }
  });

  it('is read page by page, and has no link when it is one page', async () => {
    const own = await startControlPlane();
    for (let i = 0; i < 5; i++) {
      const { token } = await own.person([]);
      await own.admin.ask('POST', SHARES, { principalId: token.id, principalType: 'SSWS_TOKEN' });
    }
    expect((await own.admin.ask('GET', TOKENS)).headers.get('link')).toBeNull();
    const seen = new Set<string>();
    let path: string | undefined = `${TOKENS}&limit=2`;
    for (let pages = 1; path !== undefined; pages++) {
      const reply: Reply = await own.admin.ask('GET', path);
      for (const { id } of reply.body as { id: string }[]) seen.add(id);
      path = /<([^>]+)>; rel="next"/.exec(reply.headers.get('link') ?? '')?.[1]?.replace(own.origin, '');
      expect(pages).toBeLessThanOrEqual(3);
    }
    expect(seen.size).toBe(5);
    await own.close();
  });

  it('holds no OAuth clients', async () => {
    expect((await plane.admin.ask('GET', filtered('principalType eq "OAUTH_CLIENT"'))).body).toEqual([]);
  });

  it.each([
    ['principalType eq "SSWS_TOKEN" or principalId eq "x"', 'E0000053'],
    ['principalType sw "SSWS"', 'E0000053'],
    ['principalType eq', 'E0000053'],
    ['principalType eq "SSWS_TOKEN" and principalType eq "SSWS_TOKEN"', 'E0000053'],
    ['principalType eq "USER"', 'E0000001'],
  ])('refuses the filter %s', async (filter, errorCode) => {
    expect(await plane.admin.ask('GET', filtered(filter))).toMatchObject({
      status: 400,
      body: { errorCode },
    });
  });

  it('refuses a forged cursor', async () => {
    expect(await plane.admin.ask('GET', `${TOKENS}&after=x`)).toMatchObject({
      status: 400,
      body: { errorCode: 'E0000029' },
    });
  });
});

describe('the settings of rate limits', () => {
  it.each([
    ['admin-notifications', { notificationsEnabled: true }, { notificationsEnabled: false }],
    [
      'per-client',
      { defaultMode: 'ENFORCE' },
      { defaultMode: 'PREVIEW', useCaseModeOverrides: { LOGIN_PAGE: 'DISABLE' } },
    ],
    ['warning-threshold', { warningThreshold: 90 }, { warningThreshold: 66 }],
  ])('of %s begin as with Okta and stay as they are set', async (name, preset, value) => {
    const path = `${SETTINGS}/${name}`;
    expect((await plane.admin.ask('GET', path)).body).toEqual(preset);
    expect(await plane.admin.ask('PUT', path, value)).toMatchObject({ status: 200, body: value });
    expect((await plane.admin.ask('GET', path)).body).toEqual(value);
    const filter = encodeURIComponent(`target.id eq "${name}"`);
    expect((await plane.admin.ask('GET', `/api/v1/logs?filter=${filter}`)).body).toHaveLength(1);
  });

  it.each([
    ['warning-threshold', { warningThreshold: 29 }],
    ['warning-threshold', { warningThreshold: 91 }],
    ['warning-threshold', {}],
    ['per-client', { defaultMode: 'OFF' }],
    ['per-client', { defaultMode: 'ENFORCE', useCaseModeOverrides: { LOGIN_PAGE: 'x' } }],
    ['admin-notifications', { notificationsEnabled: 'yes' }],
  ])('of %s refuse %j', async (name, value) => {
    expect((await plane.admin.ask('PUT', `${SETTINGS}/${name}`, value)).status).toBe(400);
  });
});
