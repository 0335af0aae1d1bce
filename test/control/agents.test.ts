import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { agentSchema, agentWithTokenSchema } from '../../src/control/agents/wire.ts';
import { tokenSchema } from '../../src/control/tokens/wire.ts';
import { asker, type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { eventsAbout } from './events.ts';
import { validation } from './expected.ts';
import { STORES } from './stores.ts';

const AGENTS = '/api/v1/agents';

describe.each(STORES)('agents over %s', (_, open) => {
  let plane: ControlPlane;
  let admin: Person;
  beforeAll(async () => {
    plane = await startControlPlane('control: { limit: { max: 1000000, window: 60s } }', open);
    admin = plane.admin;
  });
  afterAll(() => plane.close());

  const registered = async (kind: string) => {
    const reply = await admin.ask('POST', AGENTS, { name: `the ${kind} agent`, kind });
    expect(reply.status).toBe(201);
    const { token, ...agent } = agentWithTokenSchema.parse(reply.body);
    if (token === null) throw new Error('registering an agent makes its token');
    return { agent, token };
  };
  const step = async (id: string, action: 'activate' | 'deactivate') => {
    const reply = await admin.ask('POST', `${AGENTS}/${id}/lifecycle/${action}`);
    expect(reply.status).toBe(200);
    return reply.body;
  };
  const statusWith = async (secret: string) =>
    (await asker(plane.origin, secret)('GET', '/api/v1/users/me')).status;
  const typesOf = async (id: string) => (await eventsAbout(id, admin.ask)).map(({ eventType }) => eventType);

  it('are registered with a token of their own, which works at once and is listed by its kind', async () => {
    const { agent, token } = await registered('ldap');
    expect(agent).toMatchObject({
      name: 'the ldap agent',
      kind: 'LDAP',
      status: 'ACTIVE',
      tokenIds: [token.id],
    });
    expect(token).toMatchObject({ clientName: 'LDAP', details: { type: 'LDAP', agentId: agent.id } });
    expect(await statusWith(token.secret)).toBe(200);
    expect((await admin.ask('GET', `${AGENTS}/${agent.id}`)).body).toEqual(agent);
    const all = z.array(agentSchema).parse((await admin.ask('GET', AGENTS)).body);
    expect(all.find(({ id }) => id === agent.id)).toEqual(agent);
    expect(await typesOf(agent.id)).toEqual(['system.agent.create']);
    expect(await typesOf(token.id)).toEqual(['system.api_token.create']);
  });

  it('lose the use of their token while they are not active, and have it back with no further step', async () => {
    const { agent, token } = await registered('RADIUS');
    expect(await step(agent.id, 'deactivate')).toMatchObject({ status: 'INACTIVE', tokenIds: [token.id] });
    await expect.poll(() => statusWith(token.secret)).toBe(401);
    expect(await step(agent.id, 'activate')).toMatchObject({ status: 'ACTIVE', token: null });
    await expect.poll(() => statusWith(token.secret)).toBe(200);
    expect(await typesOf(agent.id)).toEqual([
      'system.agent.create',
      'system.agent.deactivate',
      'system.agent.reactivate',
    ]);
    expect(await typesOf(token.id)).toEqual(['system.api_token.create', 'system.api_token.enable']);
  });

  it('of Active Directory revoke their tokens when they are deactivated, and get a new one when activated', async () => {
    const { agent, token } = await registered('AD');
    expect(await step(agent.id, 'deactivate')).toMatchObject({ status: 'INACTIVE', tokenIds: [] });
    await expect.poll(() => statusWith(token.secret)).toBe(401);
    expect((await admin.ask('GET', `/api/v1/api-tokens/${token.id}`)).status).toBe(404);
    const again = agentWithTokenSchema.parse(await step(agent.id, 'activate'));
    expect(await statusWith(again.token?.secret ?? '')).toBe(200);
    expect(await statusWith(token.secret)).toBe(401);
    expect(await typesOf(agent.id)).toEqual([
      'system.agent.ad.create',
      'system.agent.ad.deactivate',
      'system.agent.ad.reactivate',
    ]);
    expect(await typesOf(token.id)).toEqual(['system.api_token.create', 'system.api_token.revoke']);
  });

  it('are as they are when asked to become so, and nothing is logged', async () => {
    const { agent } = await registered('IWA');
    expect(await step(agent.id, 'activate')).toMatchObject({ status: 'ACTIVE', token: null });
    await step(agent.id, 'deactivate');
    expect(await step(agent.id, 'deactivate')).toMatchObject({ status: 'INACTIVE' });
    expect(await typesOf(agent.id)).toEqual(['system.agent.create', 'system.agent.deactivate']);
  });

  it('are deleted once they are not active; what is left of their tokens is suspicious and can be revoked', async () => {
    const { agent, token } = await registered('OPP');
    expect(await admin.ask('DELETE', `${AGENTS}/${agent.id}`)).toMatchObject(
      validation(
        'agentId',
        `agentId: The agent the OPP agent (${agent.id}) is active. Deactivate it before you delete it.`,
      ),
    );
    await step(agent.id, 'deactivate');
    expect((await admin.ask('DELETE', `${AGENTS}/${agent.id}`)).status).toBe(204);
    expect((await admin.ask('GET', `${AGENTS}/${agent.id}`)).status).toBe(404);
    await expect.poll(() => statusWith(token.secret)).toBe(401);
    const listed = await admin.ask('GET', '/api/v1/api-tokens?type=suspicious');
    const [suspicious] = z.array(tokenSchema).parse(listed.body);
    expect(suspicious).toMatchObject({ id: token.id, details: { type: 'SUSPICIOUS', status: 'YELLOW' } });
    expect((await admin.ask('DELETE', `/api/v1/api-tokens/${token.id}`)).status).toBe(204);
  });

  it('that there are not are said to be missing', async () => {
    const missing = { status: 404, body: { errorSummary: 'Not found: Resource not found: a53 (Agent)' } };
    expect(await admin.ask('GET', `${AGENTS}/a53`)).toMatchObject(missing);
    expect(await admin.ask('DELETE', `${AGENTS}/a53`)).toMatchObject(missing);
    expect(await admin.ask('POST', `${AGENTS}/a53/lifecycle/activate`)).toMatchObject(missing);
    expect(await admin.ask('POST', `${AGENTS}/a53/lifecycle/deactivate`)).toMatchObject(missing);
  });

  it.each([
    ['no kind', { name: 'x' }, 'kind'],
    ['a kind of two words', { name: 'x', kind: 'A D' }, 'kind'],
    ['a kind that is too long', { name: 'x', kind: 'A'.repeat(33) }, 'kind'],
    ['no name', { kind: 'AD' }, 'name'],
    ['a name that is too long', { name: 'x'.repeat(101), kind: 'AD' }, 'name'],
    ['a field that there is not', { name: 'x', kind: 'AD', colour: 'red' }, 'request'],
  ])('cannot be registered with %s', async (_what, body, subject) => {
    expect(await admin.ask('POST', AGENTS, body)).toMatchObject({
      status: 400,
      body: { errorCode: 'E0000001', errorSummary: `Api validation failed: ${subject}` },
    });
  });
});
