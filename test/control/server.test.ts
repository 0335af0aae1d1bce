import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { startRedis } from '../support/redis-server.ts';
import { asker, type ControlPlane, startControlPlane } from './control-plane.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.close());

const TOKENS = '/api/v1/api-tokens';
const error = (errorCode: string, errorSummary: string, ...causes: readonly string[]) => ({
  errorCode,
  errorSummary,
  errorLink: errorCode,
  errorId: expect.stringMatching(/^oae[\w-]{22}$/),
  errorCauses: causes.map((errorSummary) => ({ errorSummary })),
});
const NOT_WELL_FORMED = error('E0000003', 'The request body was not well-formed.');
const BAD_MEDIA_TYPE = error(
  'E0000019',
  'Bad request.  Accept and/or Content-Type headers likely do not match supported values.',
);

describe('the order in which a request is judged', () => {
  it('answers a path that there is not with 404, with and without a token', async () => {
    for (const ask of [plane.admin.ask, asker(plane.origin, null)]) {
      const reply = await ask('GET', '/api/v1/nothing');
      expect(reply).toMatchObject({
        status: 404,
        body: error('E0000008', 'The requested path was not found'),
      });
    }
  });

  it('answers a method that a path does not have with 405, before it asks for a token or reads a body', async () => {
    for (const method of ['PATCH', 'PUT', 'OPTIONS', 'DELETE']) {
      const reply = await asker(plane.origin, null)(method, TOKENS, '{', { 'content-type': 'text/plain' });
      expect(reply).toMatchObject({
        status: 405,
        body: error('E0000022', 'The endpoint does not support the provided HTTP method'),
      });
      expect(reply.headers.get('x-rate-limit-limit')).toBeNull();
    }
  });

  it.each([
    ['a body that is not JSON', { 'content-type': 'text/xml' }],
    ['a body in another character set', { 'content-type': 'application/json; charset=utf-16' }],
    ['an Accept without JSON', { accept: 'text/html, application/xml;q=0.9' }],
    ['an Accept that refuses JSON', { accept: 'application/json;q=0' }],
  ])('refuses %s before it asks for a token', async (_, headers) => {
    const reply = await asker(plane.origin, null)('POST', TOKENS, {}, headers);
    expect(reply).toMatchObject({ status: 400, body: BAD_MEDIA_TYPE });
    expect(reply.headers.get('x-rate-limit-limit')).toBeNull();
  });

  it.each(['application/json', 'application/json;q=0.5, text/html', '*/*', 'application/*'])(
    'answers those who accept %s',
    async (accept) => {
      expect(await plane.admin.ask('GET', TOKENS, undefined, { accept })).toMatchObject({ status: 200 });
    },
  );

  it.each([
    ['no token', null, 403, error('E0000005', 'Invalid session')],
    ['a token that nobody has', '00abcdefghijklmnopqrstuvwxyz0123456789ABCD', 401],
    ['what cannot be a token', 'tg_short', 401],
  ])('refuses %s', async (_, secret, status, body = error('E0000011', 'Invalid token provided')) => {
    expect(await asker(plane.origin, secret)('GET', TOKENS)).toMatchObject({ status, body });
  });

  it('asks for permission before it looks at the body', async () => {
    const { ask } = await plane.person(['REPORT_ADMIN']);
    expect(await ask('POST', TOKENS, '{')).toMatchObject({
      status: 403,
      body: error('E0000006', 'You do not have permission to perform the requested action'),
    });
  });

  it.each([
    ['cut short', '{"name":'],
    ['no JSON', 'name=x'],
    ['poisonous', '{"name":"x","__proto__":{"a":1}}'],
    ['empty', ''],
  ])('refuses a body that is %s', async (_, body) => {
    expect(await plane.admin.ask('POST', TOKENS, body)).toMatchObject({ status: 400, body: NOT_WELL_FORMED });
  });

  it.each([
    ['a list', [], 'request: Invalid input: expected object, received array'],
    ['null', null, 'request: Invalid input: expected object, received null'],
    ['of wrong types', { name: 7 }, 'name: must be 1 to 255 characters, none of them a control character'],
    ['with a field that there is not', { name: 'x', colour: 'red' }, 'request: Unrecognized key: "colour"'],
  ])('names what is wrong with a body that is %s', async (_, body, cause) => {
    const reply = await plane.admin.ask('POST', TOKENS, body);
    expect(reply).toMatchObject({ status: 400, body: { errorCode: 'E0000001' } });
    expect(reply.body).toMatchObject({ errorCauses: [{ errorSummary: cause }] });
  });

  it('refuses a body larger than control.bodySize', async () => {
    const reply = await plane.admin.ask('POST', TOKENS, { name: 'x'.repeat(1024 * 1024) });
    expect(reply.status).toBe(413);
  });
});

describe('every answer', () => {
  it('carries its request id under both names, and is kept by nobody', async () => {
    const { headers } = await plane.admin.ask('GET', TOKENS);
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(headers.get('x-okta-request-id')).toBe(headers.get('x-request-id'));
    expect(headers.get('cache-control')).toBe('no-cache, no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('says what is left of the rate limit, refusals of permission and of bodies included', async () => {
    const { ask } = await plane.person([]);
    const replies = [
      await ask('GET', TOKENS),
      await ask('POST', TOKENS, {}),
      await ask('GET', `${TOKENS}/x`),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 403, 404]);
    expect(replies.map(({ headers }) => headers.get('x-rate-limit-remaining'))).toEqual([
      '599',
      '598',
      '597',
    ]);
  });

  it('is the same for doubled slashes and a slash at the end, which SDKs make', async () => {
    expect(await plane.admin.ask('GET', '//api/v1/api-tokens/')).toMatchObject({ status: 200 });
  });
});

describe('the rate limit of the management API', () => {
  it('gives each token its share and refuses it alone, with the way to come back', async () => {
    const own = await startControlPlane('control: { limit: { max: 8, window: 60s } }');
    const other = await own.person(['SUPER_ADMIN']);
    for (let i = 0; i < 4; i++) expect((await own.admin.ask('GET', TOKENS)).status).toBe(200);
    const refused = await own.admin.ask('GET', TOKENS);
    expect(refused).toMatchObject({ status: 429, body: { errorCode: 'E0000047' } });
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(refused.headers.get('x-rate-limit-remaining')).toBe('0');
    expect((await other.ask('GET', TOKENS)).status).toBe(200);
    own.clock.advance(60_000);
    expect((await own.admin.ask('GET', TOKENS)).status).toBe(200);
    await own.close();
  });

  it('lets an address guess at tokens only so often, and leaves those with a token alone', async () => {
    const own = await startControlPlane('control: { limit: { max: 30, window: 60s } }');
    const stranger = asker(own.origin, '00abcdefghijklmnopqrstuvwxyz0123456789ABCD');
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await stranger('GET', TOKENS)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await own.admin.ask('GET', TOKENS)).status).toBe(200);
    await own.close();
  });
});

describe('the rate limit of several control planes on one Redis', () => {
  it('is one: what a token spends at one of them, it cannot spend at the other', async () => {
    const server = await startRedis();
    const start = () =>
      startControlPlane('control: { limit: { max: 20, window: 3600s } }', (clock) =>
        openRedisStore({ url: server.url, prefix: 'tg:', commandTimeoutMs: 5_000, clock, onLog: () => {} }),
      );
    const [first, second] = [await start(), await start()];
    const statuses = [];
    for (let i = 0; i < 12; i++) {
      const { origin } = i % 2 === 0 ? first : second;
      statuses.push((await asker(origin, first.admin.secret)('GET', `${TOKENS}?limit=1`)).status);
    }
    expect(statuses).toEqual([...Array(10).fill(200), 429, 429]);
    await first.close();
    await second.close();
    await server.stop();
  });
});

describe('links', () => {
  it('begin with the Host that was asked, or with control.publicUrl where that is set', async () => {
    const self = async (own: ControlPlane) =>
      (await own.admin.ask('GET', `${TOKENS}?limit=1`)).headers.get('link');
    expect(await self(plane)).toContain(`<${plane.origin}${TOKENS}?limit=1>; rel="self"`);
    const own = await startControlPlane('control: { publicUrl: "https://tollgate.example.com/" }');
    expect(await self(own)).toContain(`<https://tollgate.example.com${TOKENS}?limit=1>; rel="self"`);
    await own.close();
  });
});

describe('while the store is away', () => {
  it('everything is answered with 503 and when to come back, never with 401 or 404, and goes on afterwards', async () => {
    const server = await startRedis();
    const own = await startControlPlane('', (clock) =>
      openRedisStore({ url: server.url, prefix: 'tg:', commandTimeoutMs: 250, clock, onLog: () => {} }),
    );
    const stranger = asker(own.origin, '00abcdefghijklmnopqrstuvwxyz0123456789ABCD');
    expect((await own.admin.ask('GET', TOKENS)).status).toBe(200);
    server.pause();
    for (const reply of [
      await own.admin.ask('GET', TOKENS),
      await own.admin.ask('GET', `${TOKENS}/00T`),
      await own.admin.ask('POST', TOKENS, { name: 'x' }),
      await stranger('GET', TOKENS),
    ]) {
      expect(reply).toMatchObject({ status: 503, body: { errorCode: 'E0000009' } });
      expect(reply.headers.get('retry-after')).toBe('1');
    }
    server.resume();
    await expect
      .poll(async () => {
        own.clock.advance(1000);
        return (await own.admin.ask('GET', TOKENS)).status;
      })
      .toBe(200);
    await own.close();
    await server.stop();
  });
});
