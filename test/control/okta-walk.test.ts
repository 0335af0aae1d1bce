/**
 * Every operation that Okta's documents have and this API too, asked once for an answer and once for a refusal;
 * both must be as the documents say, which `ask` holds every answer to.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openApi } from '../../src/control/description/openapi.ts';
import { resources } from '../../src/control/resources.ts';
import type { Share } from '../../src/domain/token.ts';
import { aShare, aUser, aZone } from '../support/records.ts';
import { OKTA_AT_HAND, oktaOperations } from './conformance.ts';
import { asker, type ControlPlane, startControlPlane } from './control-plane.ts';
import { parts } from './parts.ts';

const zone = aZone(['192.0.2.0/24']);
const dormant = aZone(['198.51.100.0/24'], { status: 'INACTIVE' });
const person = aUser({ roles: [] });
const staged = aUser({ roles: [], status: 'STAGED' });
const suspended = aUser({ roles: [], status: 'SUSPENDED' });
const ZONES = '/api/v1/zones';
const USERS = '/api/v1/users';
const LIMITS = '/api/v1/principal-rate-limits';
const SETTINGS = '/api/v1/rate-limit-settings';

interface Step {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
}

const step = (id: string, method: string, path: string, status: number, body?: unknown): Step => ({
  id,
  method,
  path,
  status,
  ...(body === undefined ? {} : { body }),
});

const ipZone = (name: string) => ({
  type: 'IP',
  name,
  gateways: [{ type: 'CIDR', value: '203.0.113.0/24' }],
});

/** @param mine the id of the token that asks @param spare that of one to revoke @param share that of a third */
const walk = (mine: string, spare: string, share: Share): readonly Step[] => [
  step('listApiTokens', 'GET', '/api/v1/api-tokens', 200),
  step('listApiTokens', 'GET', '/api/v1/api-tokens?after=x', 400),
  step('getApiToken', 'GET', `/api/v1/api-tokens/${mine}`, 200),
  step('getApiToken', 'GET', '/api/v1/api-tokens/00T', 404),
  step('upsertApiToken', 'PUT', `/api/v1/api-tokens/${mine}`, 200, {
    name: 'x',
    network: { connection: 'ANYWHERE' },
  }),
  step('upsertApiToken', 'PUT', `/api/v1/api-tokens/${mine}`, 400, { network: { connection: 'ZONE' } }),
  step('revokeApiToken', 'DELETE', `/api/v1/api-tokens/${spare}`, 204),
  step('revokeApiToken', 'DELETE', `/api/v1/api-tokens/${spare}`, 404),
  step('listUsers', 'GET', USERS, 200),
  step('listUsers', 'GET', `${USERS}?filter=x`, 400),
  step('createUser', 'POST', USERS, 200, {
    profile: { firstName: 'A', lastName: 'B', login: 'a@example.com' },
  }),
  step('createUser', 'POST', USERS, 400, { profile: {} }),
  step('getUser', 'GET', `${USERS}/me`, 200),
  step('getUser', 'GET', `${USERS}/nobody`, 404),
  step('activateUser', 'POST', `${USERS}/${staged.id}/lifecycle/activate`, 200),
  step('activateUser', 'POST', `${USERS}/${staged.id}/lifecycle/activate`, 403),
  step('updateUser', 'POST', `${USERS}/${person.id}`, 200, { profile: { lastName: 'King' } }),
  step('updateUser', 'POST', `${USERS}/${person.id}`, 400, { profile: { lastName: '' } }),
  step('replaceUser', 'PUT', `${USERS}/${person.id}`, 200, {
    profile: { firstName: 'Ada', lastName: 'King', login: 'ada@example.com', email: 'ada@example.com' },
  }),
  step('replaceUser', 'PUT', `${USERS}/${person.id}`, 400, { profile: {} }),
  step('suspendUser', 'POST', `${USERS}/${person.id}/lifecycle/suspend`, 200),
  step('suspendUser', 'POST', `${USERS}/${person.id}/lifecycle/suspend`, 400),
  step('unsuspendUser', 'POST', `${USERS}/${suspended.id}/lifecycle/unsuspend`, 200),
  step('unsuspendUser', 'POST', `${USERS}/${suspended.id}/lifecycle/unsuspend`, 400),
  step('deactivateUser', 'POST', `${USERS}/${person.id}/lifecycle/deactivate`, 200),
  step('deactivateUser', 'POST', `${USERS}/${person.id}/lifecycle/deactivate`, 403),
  step('listNetworkZones', 'GET', ZONES, 200),
  step('listNetworkZones', 'GET', `${ZONES}?filter=x`, 400),
  step('createNetworkZone', 'POST', ZONES, 200, ipZone('one')),
  step('createNetworkZone', 'POST', ZONES, 400, { type: 'IP', name: 'two' }),
  step('getNetworkZone', 'GET', `${ZONES}/${zone.id}`, 200),
  step('getNetworkZone', 'GET', `${ZONES}/nzo`, 404),
  step('replaceNetworkZone', 'PUT', `${ZONES}/${zone.id}`, 200, ipZone('three')),
  step('replaceNetworkZone', 'PUT', `${ZONES}/${zone.id}`, 400, { ...ipZone('three'), type: 'DYNAMIC' }),
  step('activateNetworkZone', 'POST', `${ZONES}/${zone.id}/lifecycle/activate`, 200),
  step('activateNetworkZone', 'POST', `${ZONES}/nzo/lifecycle/activate`, 404),
  step('deactivateNetworkZone', 'POST', `${ZONES}/${zone.id}/lifecycle/deactivate`, 200),
  step('deactivateNetworkZone', 'POST', `${ZONES}/nzo/lifecycle/deactivate`, 404),
  step('deleteNetworkZone', 'DELETE', `${ZONES}/${dormant.id}`, 204),
  step('deleteNetworkZone', 'DELETE', `${ZONES}/${dormant.id}`, 404),
  step(
    'listPrincipalRateLimitEntities',
    'GET',
    `${LIMITS}?filter=principalType%20eq%20%22SSWS_TOKEN%22`,
    200,
  ),
  step('listPrincipalRateLimitEntities', 'GET', LIMITS, 400),
  step('createPrincipalRateLimitEntity', 'POST', LIMITS, 201, {
    principalId: mine,
    principalType: 'SSWS_TOKEN',
  }),
  step('createPrincipalRateLimitEntity', 'POST', LIMITS, 400, {
    principalId: mine,
    principalType: 'SSWS_TOKEN',
  }),
  step('getPrincipalRateLimitEntity', 'GET', `${LIMITS}/${share.id}`, 200),
  step('getPrincipalRateLimitEntity', 'GET', `${LIMITS}/prl`, 404),
  step('replacePrincipalRateLimitEntity', 'PUT', `${LIMITS}/${share.id}`, 200, {
    principalId: share.tokenId,
    principalType: 'SSWS_TOKEN',
    defaultPercentage: 20,
  }),
  step('replacePrincipalRateLimitEntity', 'PUT', `${LIMITS}/${share.id}`, 400, { defaultPercentage: 200 }),
  step('getRateLimitSettingsAdminNotifications', 'GET', `${SETTINGS}/admin-notifications`, 200),
  step('replaceRateLimitSettingsAdminNotifications', 'PUT', `${SETTINGS}/admin-notifications`, 200, {
    notificationsEnabled: false,
  }),
  step('replaceRateLimitSettingsAdminNotifications', 'PUT', `${SETTINGS}/admin-notifications`, 400, {}),
  step('getRateLimitSettingsPerClient', 'GET', `${SETTINGS}/per-client`, 200),
  step('replaceRateLimitSettingsPerClient', 'PUT', `${SETTINGS}/per-client`, 200, { defaultMode: 'ENFORCE' }),
  step('replaceRateLimitSettingsPerClient', 'PUT', `${SETTINGS}/per-client`, 400, { defaultMode: 'x' }),
  step('getRateLimitSettingsWarningThreshold', 'GET', `${SETTINGS}/warning-threshold`, 200),
  step('replaceRateLimitSettingsWarningThreshold', 'PUT', `${SETTINGS}/warning-threshold`, 200, {
    warningThreshold: 60,
  }),
  step('replaceRateLimitSettingsWarningThreshold', 'PUT', `${SETTINGS}/warning-threshold`, 400, {
    warningThreshold: 7,
  }),
  step('listLogEvents', 'GET', '/api/v1/logs', 200),
  step('listLogEvents', 'GET', '/api/v1/logs?filter=x', 400),
  step('revokeCurrentApiToken', 'DELETE', '/api/v1/api-tokens/current', 204),
];

describe.skipIf(!OKTA_AT_HAND)("Okta's documents, where they are at hand", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    const users = [person, staged, suspended].map((user) => ({ put: 'user', user }) as const);
    const zones = [zone, dormant].map((each) => ({ put: 'zone', zone: each }) as const);
    await plane.store.commit([...users, ...zones]);
  });
  afterAll(() => plane.close());

  it('hold for every operation that is here too, when it answers and when it refuses', async () => {
    const mine = await plane.person(['SUPER_ADMIN']);
    const spare = await plane.person([]);
    const share = aShare((await plane.person([])).token.id);
    await plane.store.commit([{ put: 'share', share }]);
    const steps = walk(mine.token.id, spare.token.id, share);
    for (const { id, method, path, body, status } of steps) {
      expect([id, path, (await mine.ask(method, path, body)).status]).toEqual([id, path, status]);
    }
    const here = new Set(Object.values(openApi(resources(parts())).paths).flatMap(idsOf));
    const shared = oktaOperations().filter((id) => here.has(id));
    const walked = (ok: boolean) =>
      new Set(steps.filter(({ status }) => status < 400 === ok).map(({ id }) => id));
    expect([...walked(true)].sort()).toEqual(shared.toSorted());
    // Those that take nothing can be refused for want of permission alone, which the next test asks of all.
    const takesNothing = shared.filter((id) => /^getRateLimitSettings|^revokeCurrent/.test(id));
    expect([...walked(false), ...takesNothing].sort()).toEqual(shared.toSorted());
  });

  it('hold for every operation when it refuses somebody without a token', async () => {
    const stranger = asker(plane.origin, null);
    for (const { id, method, path, body } of walk('00T', '00T', aShare('00T'))) {
      const reply = await stranger(method, path, body);
      expect([id, reply.status]).toEqual([id, 403]);
    }
  });
});

function idsOf(methods: object): readonly string[] {
  return z
    .array(z.object({ operationId: z.string() }))
    .parse(Object.values(methods))
    .map(({ operationId }) => operationId);
}
