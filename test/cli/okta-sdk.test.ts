/**
 * Okta's own Node SDK, unmodified, with its orgUrl at the gateway: what was written for Okta works through Tollgate,
 * the SDK's way of sitting out a 429 included.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import okta from '@okta/okta-sdk-nodejs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleGateway, type Gateway } from '../../src/cli/assemble.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { Store } from '../../src/domain/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { aToken, aUser } from '../support/records.ts';

const owner = aUser({ createdAt: Date.now() });
const { token, secret } = aToken(owner.id, { createdAt: Date.now() });

let upstream: Server;
let store: Store;
let gateway: Gateway;
let orgUrl: string;
const seen: IncomingMessage[] = [];

const oktaUser = (id: string) => ({
  id,
  status: 'ACTIVE',
  created: '2026-01-01T00:00:00.000Z',
  profile: { login: `${id}@example.com`, firstName: 'Ada', lastName: 'Lovelace' },
});

/** Answers like Okta's users API: one user by id, and a list in two pages with a Link header. */
function usersApi(): Server {
  return createServer((request, response) => {
    seen.push(request);
    const url = new URL(request.url ?? '', `http://${request.headers['x-forwarded-host']}`);
    const answer = (body: unknown, headers: Record<string, string> = {}) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    if (url.pathname !== '/api/v1/users') answer(oktaUser(url.pathname.split('/').at(-1) ?? ''));
    else if (url.searchParams.has('after')) answer([oktaUser('00u2')]);
    else
      answer([oktaUser('00u1')], { link: `<${url.origin}${url.pathname}?after=00u1&limit=1>; rel="next"` });
  });
}

beforeAll(async () => {
  upstream = usersApi();
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
  const config = parseConfig(
    `
    endpoints:
      - { name: user, match: "GET /api/v1/users/{id}", max: 4, window: 1s }
      - { name: users, match: "* /api/v1/users/**", max: 600 }
    forward:
      upstreams:
        - name: okta
          targets: ["http://127.0.0.1:${(upstream.address() as AddressInfo).port}"]
          paths: [/]
    `,
    {},
    'okta-sdk.yaml',
  );
  store = await openEmbeddedStore({ path: ':memory:', clock: systemClock });
  await store.commit([
    { put: 'user', user: owner },
    { put: 'token', token },
  ]);
  gateway = await assembleGateway(config, store, systemClock, createLog('silent'));
  const { port } = await gateway.transport.listen(0, '127.0.0.1');
  orgUrl = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  await gateway.stop(0);
  await store.close();
  upstream.closeAllConnections();
  await new Promise((done) => upstream.close(done));
});

const client = (ofSecret: string) => new okta.Client({ orgUrl, token: ofSecret, cacheMiddleware: null });

describe("Okta's SDK through the gateway", () => {
  it('reads a user, and the upstream learns who asks but not with which token', async () => {
    seen.length = 0;
    const user = await client(secret).userApi.getUser({ userId: '00u7' });
    expect(user.profile?.login).toBe('00u7@example.com');
    expect(seen[0]?.headers['x-tollgate-token-id']).toBe(token.id);
    expect(seen[0]?.headers['x-tollgate-user-login']).toBe(owner.login);
    expect(seen[0]?.rawHeaders.join('\n')).not.toContain(secret);
  });

  it('follows pages by the absolute links that the upstream makes from X-Forwarded-Host', async () => {
    const ids: (string | undefined)[] = [];
    for await (const user of await client(secret).userApi.listUsers({ limit: 1 })) ids.push(user?.id);
    expect(ids).toEqual(['00u1', '00u2']);
  });

  it('sits out a 429 and is served when the window has ended', async () => {
    seen.length = 0;
    const { userApi } = client(secret);
    const retried = () => seen.find((request) => request.headers['x-okta-retry-count'] !== undefined);
    // Two requests a second pass. How many are asked before one has to wait depends on where the second begins.
    let asked = 0;
    while (retried() === undefined && asked < 50) {
      asked += 1;
      const user = await userApi.getUser({ userId: `00u${asked}` });
      expect(user.id).toBe(`00u${asked}`);
    }
    expect(retried()?.headers['x-okta-retry-for']).toMatch(/^[0-9a-f]{32}$/);
    expect(seen).toHaveLength(asked);
  });

  it("reads a refusal as Okta's error", async () => {
    const strangers = client('00abcdefghijklmnopqrstuvwxyz0123456789ABCD');
    await expect(strangers.userApi.getUser({ userId: '00u1' })).rejects.toMatchObject({
      status: 401,
      errorCode: 'E0000011',
      errorSummary: 'Invalid token provided',
    });
  });
});
