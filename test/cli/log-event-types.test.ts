/**
 * Every event that the System Log can hold is caused here once, by a request to the management API or to the proxy.
 * Okta's types that are not caused, because there is nothing here that would: `network_zone.rule.disabled` (no rules),
 * `system.org.rate_limit.burst` (no bursts), `application.configuration.update_rate_limits` (no applications), and
 * `security.zone.make_blacklist` and `security.zone.remove_blacklist` (a blocklist's addresses change by `zone.update`).
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assembleGateway, type Gateway } from '../../src/cli/assemble.ts';
import { parseConfig } from '../../src/config/config.ts';
import { LOG_EVENT_TYPES, type LogEventType } from '../../src/domain/log-event-types.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type ControlPlane, type Person, startControlPlane } from '../control/control-plane.ts';

const ENDPOINTS = `
control: { limit: { max: 1000000, window: 60s } }
account: { flushEvery: 1s }
endpoints:
  - { name: few, match: "GET /few", max: 4, window: 60s }
  - { name: slow, match: "GET /slow", max: 1000, window: 60s, concurrent: 2 }
`;

let upstream: Server;
/** Requests that the upstream has and does not answer yet. */
const held: ServerResponse[] = [];
let plane: ControlPlane;
let gateway: Gateway;
let proxy: string;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    if (request.url === '/slow') held.push(response);
    else response.end();
  });
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening));
  const { port: target } = upstream.address() as AddressInfo;
  plane = await startControlPlane(ENDPOINTS);
  const forward = `forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:${target}"], paths: [/] }] }`;
  const yaml = `zone: { trustedProxies: [127.0.0.0/8] }\n${forward}${ENDPOINTS}`;
  const config = parseConfig(yaml, {}, 'test.yaml');
  gateway = await assembleGateway(config, plane.store, plane.clock, createLog('silent'));
  const { port } = await gateway.transport.listen(0, '127.0.0.1');
  proxy = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  for (const response of held) response.end();
  await gateway.stop(1_000);
  await plane.close();
  upstream.close();
  upstream.closeAllConnections();
});

const identified = z.object({ id: z.string() });

/** Asks as the super administrator, who must not be refused. @returns the id of what is answered, if it has one */
async function ask(method: string, path: string, body?: unknown): Promise<string> {
  const reply = await plane.admin.ask(method, `/api/v1${path}`, body);
  expect(reply.status, reply.text).toBeLessThan(300);
  return identified.safeParse(reply.body).data?.id ?? '';
}

async function use({ secret }: Person, path: string, from = '192.0.2.1'): Promise<number> {
  const headers = { authorization: `SSWS ${secret}`, 'x-forwarded-for': from };
  const response = await fetch(proxy + path, { headers });
  await response.body?.cancel();
  return response.status;
}

let made = 0;
const aName = () => `made ${made++}`;
const aProfile = () => {
  return { profile: { firstName: 'Ada', lastName: 'Lovelace', login: `made-${made++}@example.com` } };
};
const gateways = (value: string) => [{ type: 'CIDR', value }];
const aZone = (facts = {}) =>
  ask('POST', '/zones', { type: 'IP', name: aName(), gateways: gateways('198.51.100.0/24'), ...facts });
const aUser = () => ask('POST', '/users', aProfile());
const aToken = () => ask('POST', '/api-tokens', { name: aName() });
const changeZone = async (before: object, after: object) => {
  const id = await aZone(before);
  const zone = { type: 'IP', name: aName(), gateways: gateways('198.51.100.0/25') };
  await ask('PUT', `/zones/${id}`, { ...zone, ...after });
};
const userSteps = async (...steps: readonly string[]) => {
  const id = await aUser();
  for (const step of steps) await ask('POST', `/users/${id}/lifecycle/${step}`);
};
const agentSteps = async (kind: string, ...steps: readonly string[]) => {
  const id = await ask('POST', '/agents', { name: aName(), kind });
  for (const step of steps) await ask('POST', `/agents/${id}/lifecycle/${step}`);
  return id;
};
const deletedAgent = async (kind: string) => ask('DELETE', `/agents/${await agentSteps(kind, 'deactivate')}`);
const privileges = async (withdrawn: boolean) => {
  const roles = `/users/${await aUser()}/roles`;
  const role = await ask('POST', roles, { type: 'ORG_ADMIN' });
  if (withdrawn) await ask('DELETE', `${roles}/${role}`);
};
const share = async (person: Person, percentage: number) => {
  const principal = { principalId: person.token.id, principalType: 'SSWS_TOKEN' };
  await ask('POST', '/principal-rate-limits', { ...principal, defaultPercentage: percentage });
};

/** A token spends its half of four, another the rest of all; each is refused one more. */
async function spendAll(): Promise<void> {
  const [half, all] = [await plane.person([]), await plane.person([])];
  await share(all, 100);
  expect([await use(half, '/few'), await use(half, '/few'), await use(half, '/few')]).toEqual([
    200, 200, 429,
  ]);
  expect([await use(all, '/few'), await use(all, '/few'), await use(all, '/few')]).toEqual([200, 200, 429]);
  plane.clock.advance(60_000);
}

/** Two may be under way, one of them with one token. */
async function crowd(): Promise<void> {
  const people = [await plane.person([]), await plane.person([]), await plane.person([])] as const;
  const underway = [use(people[0], '/slow'), use(people[1], '/slow')];
  await expect.poll(() => held.length).toBe(2);
  expect(await use(people[0], '/slow')).toBe(429);
  expect(await use(people[2], '/slow')).toBe(429);
  for (const response of held.splice(0)) response.end();
  expect(await Promise.all(underway)).toEqual([200, 200]);
  plane.clock.advance(60_000);
}

const CAUSES: Readonly<Record<LogEventType, () => Promise<unknown>>> = {
  'system.api_token.create': aToken,
  'system.api_token.update': async () => ask('PUT', `/api-tokens/${await aToken()}`, { name: aName() }),
  'system.api_token.enable': () => agentSteps('LDAP', 'deactivate', 'activate'),
  'system.api_token.revoke': async () => ask('DELETE', `/api-tokens/${await aToken()}`),
  'system.api_token.request_outside_allowed_range': async () => {
    const person = await plane.person([]);
    const network = { connection: 'ZONE', include: [await aZone()] };
    await ask('PUT', `/api-tokens/${person.token.id}`, { network });
    expect(await use(person, '/')).toBe(403);
  },
  'security.request.blocked': async () => {
    await aZone({ usage: 'BLOCKLIST', gateways: gateways('203.0.113.66/32') });
    expect(await use(plane.admin, '/', '203.0.113.66')).toBe(403);
  },
  'system.operation.rate_limit.violation': spendAll,
  'system.operation.rate_limit.warning': spendAll,
  'system.org.rate_limit.warning': spendAll,
  'system.org.rate_limit.violation': spendAll,
  'system.operation.concurrency_limit.violation': crowd,
  'core.concurrency.org.limit.violation': crowd,
  'system.rate_limit.configuration.update': async () => share(await plane.person([]), 20),
  'zone.create': aZone,
  'zone.update': () => changeZone({}, {}),
  'zone.delete': async () => ask('DELETE', `/zones/${await aZone({ status: 'INACTIVE' })}`),
  'zone.activate': () => changeZone({ status: 'INACTIVE' }, { status: 'ACTIVE' }),
  'zone.deactivate': () => changeZone({}, { status: 'INACTIVE' }),
  'zone.make_blacklist': () => changeZone({}, { usage: 'BLOCKLIST' }),
  'zone.remove_blacklist': () => changeZone({ usage: 'BLOCKLIST' }, { usage: 'POLICY' }),
  'user.lifecycle.create': aUser,
  'user.lifecycle.activate': () => userSteps('deactivate', 'activate'),
  'user.lifecycle.deactivate': () => userSteps('deactivate'),
  'user.lifecycle.suspend': () => userSteps('suspend'),
  'user.lifecycle.unsuspend': () => userSteps('suspend', 'unsuspend'),
  'user.account.update_profile': async () =>
    ask('POST', `/users/${await aUser()}`, { profile: { title: 'Countess' } }),
  'user.account.privilege.grant': () => privileges(false),
  'user.account.privilege.revoke': () => privileges(true),
  'system.agent.ad.create': () => agentSteps('AD'),
  'system.agent.ad.deactivate': () => agentSteps('AD', 'deactivate'),
  'system.agent.ad.reactivate': () => agentSteps('AD', 'deactivate', 'activate'),
  'system.agent.ad.delete': () => deletedAgent('AD'),
  'system.agent.create': () => agentSteps('LDAP'),
  'system.agent.deactivate': () => agentSteps('LDAP', 'deactivate'),
  'system.agent.reactivate': () => agentSteps('LDAP', 'deactivate', 'activate'),
  'system.agent.delete': () => deletedAgent('LDAP'),
};

/** How many events of that type there are, once the gateway has written those that it noted. */
async function count(type: LogEventType): Promise<number> {
  plane.clock.advance(1_000);
  const all = { since: null, until: null, after: null, limit: 10_000 };
  const { items } = await plane.store.events({ by: 'persisted', order: 'ascending', ...all });
  return items.filter(({ event }) => event.eventType === type).length;
}

describe('the System Log', () => {
  it.each(Object.keys(LOG_EVENT_TYPES) as LogEventType[])('holds %s when it has happened', async (type) => {
    const before = await count(type);
    await CAUSES[type]();
    await expect.poll(() => count(type)).toBeGreaterThan(before);
  });
});
