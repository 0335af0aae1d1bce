import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tokenSchema, tokenWithSecretSchema } from '../../src/control/tokens/wire.ts';
import { secretIndex } from '../../src/domain/secret.ts';
import { anAgent, aToken, aZone } from '../support/records.ts';
import { asker, type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { eventsAbout } from './events.ts';
import { validation } from './expected.ts';
import { STORES } from './stores.ts';

const TOKENS = '/api/v1/api-tokens';
const DAY = 24 * 60 * 60 * 1000;
describe.each(STORES)('tokens over %s', (_, open) => {
  let plane: ControlPlane;
  let admin: Person;
  beforeAll(async () => {
    plane = await startControlPlane('control: { limit: { max: 1000000, window: 60s } }', open);
    admin = plane.admin;
  });
  afterAll(() => plane.close());

  const made = async (body: object, by = admin) => {
    const reply = await by.ask('POST', TOKENS, body);
    expect(reply.status).toBe(201);
    return tokenWithSecretSchema.parse(reply.body);
  };
  const read = async (id: string) => tokenSchema.parse((await admin.ask('GET', `${TOKENS}/${id}`)).body);
  const statusWith = async (secret: string) =>
    (await asker(plane.origin, secret)('GET', '/api/v1/users/me')).status;
  const eventsOf = (id: string) => eventsAbout(id, admin.ask);

  describe('making one', () => {
    it('shows the secret once, keeps its hash alone, and the token works at once', async () => {
      const token = await made({ name: 'nightly report' });
      expect(token).toMatchObject({
        name: 'nightly report',
        userId: admin.user.id,
        clientName: 'Okta API',
        tokenWindow: 'P30D',
        network: { connection: 'ANYWHERE' },
        details: { type: 'API', status: 'GRAY', lastUsed: null, roles: ['SUPER_ADMIN'], percentage: null },
      });
      expect(Date.parse(token.expiresAt) - Date.parse(token.created)).toBe(30 * DAY);
      expect(await statusWith(token.secret)).toBe(200);
      const stored = await plane.store.token(token.id);
      expect(stored?.token.hash).toBe(secretIndex(token.secret, null));
      expect(JSON.stringify(stored)).not.toContain(token.secret);
      expect((await admin.ask('GET', `${TOKENS}/${token.id}`)).text).not.toContain(token.secret);
    });

    it('answers in the order of keys that Okta has', async () => {
      const { id } = await made({ name: 'ordered' });
      const reply = await admin.ask('GET', `${TOKENS}/${id}`);
      expect(Object.keys(JSON.parse(reply.text))).toEqual([
        ...['id', 'name', 'userId', 'clientName', 'tokenWindow', 'network'],
        ...['expiresAt', 'created', 'lastUpdated', 'details', '_links'],
      ]);
    });

    it('takes a network condition and shares with it', async () => {
      const zone = aZone(['192.0.2.0/24']);
      await plane.store.commit([{ put: 'zone', zone }]);
      const token = await made({
        name: 'restricted',
        network: { connection: 'ZONE', include: [zone.id] },
        percentage: 10,
        byEndpoint: { users: 25 },
      });
      expect(token.network).toEqual({ connection: 'ZONE', include: [zone.id] });
      expect(token.details).toMatchObject({ percentage: 10, byEndpoint: { users: 25 } });
      await expect(plane.store.share(token.id)).resolves.toMatchObject({
        percentage: 10,
        createdBy: admin.user.id,
      });
      const [event] = await eventsOf(token.id);
      expect(event?.debugContext.debugData).toMatchObject({
        networkConnection: 'ZONE',
        includedNetworkZones: `[${zone.id}]`,
        rateLimitPercentage: '10',
      });
    });

    it('is for the maker, unless a super administrator makes it for somebody who is active', async () => {
      const service = await plane.person([]);
      const gone = await plane.person([], { status: 'DEPROVISIONED' });
      expect((await made({ name: 'for a service', userId: service.user.id })).userId).toBe(service.user.id);
      const others = await plane.person(['ORG_ADMIN']);
      expect(await others.ask('POST', TOKENS, { name: 'x', userId: service.user.id })).toMatchObject({
        status: 403,
      });
      expect(await admin.ask('POST', TOKENS, { name: 'x', userId: gone.user.id })).toMatchObject(
        validation('userId', `userId: The user ${gone.user.login} is not active but DEPROVISIONED.`),
      );
      expect(await admin.ask('POST', TOKENS, { name: 'x', userId: '00u' })).toMatchObject(
        validation('userId', 'userId: There is no user 00u.'),
      );
    });

    it.each([
      ['no name', {}, 'name', 'name: must be 1 to 255 characters, none of them a control character'],
      [
        'a blank name',
        { name: ' ' },
        'name',
        'name: must be 1 to 255 characters, none of them a control character',
      ],
      [
        'a name that is too long',
        { name: 'x'.repeat(256) },
        'name',
        'name: must be 1 to 255 characters, none of them a control character',
      ],
      [
        'a name of two lines',
        { name: 'a\nb' },
        'name',
        'name: must be 1 to 255 characters, none of them a control character',
      ],
      [
        'a share above 100',
        { name: 'x', percentage: 101 },
        'percentage',
        'percentage: must be a whole number from 0 to 100',
      ],
      [
        'a share that is a part',
        { name: 'x', percentage: 0.5 },
        'percentage',
        'percentage: must be a whole number from 0 to 100',
      ],
      [
        'a share of an endpoint that is text',
        { name: 'x', byEndpoint: { a: '5' } },
        'byEndpoint',
        'byEndpoint.a: must be a whole number from 0 to 100',
      ],
    ])('refuses %s', async (_what, body, subject, cause) => {
      expect(await admin.ask('POST', TOKENS, body)).toMatchObject(validation(subject, cause));
    });
  });

  describe('a network condition', () => {
    it.each([
      ['that is text', 'ANYWHERE', 'network: must be an object with "connection"'],
      ['of another kind', { connection: 'HERE' }, 'network.connection: must be "ANYWHERE" or "ZONE"'],
      [
        'without zones',
        { connection: 'ZONE' },
        'network: with "connection": "ZONE" there must be either "include" or "exclude", not both',
      ],
      [
        'with both lists',
        { connection: 'ZONE', include: ['a'], exclude: ['b'] },
        'network: with "connection": "ZONE" there must be either "include" or "exclude", not both',
      ],
      [
        'with an empty list',
        { connection: 'ZONE', include: [] },
        'network.include: must name at least one zone; leave an empty list out',
      ],
      [
        'with a zone twice',
        { connection: 'ZONE', include: ['a', 'a'] },
        'network.include: must not name a zone twice',
      ],
      [
        'with everything and more',
        { connection: 'ZONE', exclude: ['ALL_IP_ZONES', 'a'] },
        'network.exclude: "ALL_IP_ZONES" stands alone, without other zones',
      ],
      [
        'anywhere but with a list',
        { connection: 'ANYWHERE', include: ['a'] },
        'network: with "connection": "ANYWHERE" there must be neither "include" nor "exclude"',
      ],
      [
        'with a zone that there is not',
        { connection: 'ZONE', include: ['nzo1'] },
        'network: There is no network zone nzo1.',
      ],
    ])('%s is refused', async (_what, network, cause) => {
      expect(await admin.ask('POST', TOKENS, { name: 'x', network })).toMatchObject(
        validation('network', cause),
      );
      expect(await admin.ask('PUT', `${TOKENS}/${admin.token.id}`, { network })).toMatchObject(
        validation('network', cause),
      );
    });

    it.each([
      ['dynamic', { type: 'DYNAMIC' }, 'is of type DYNAMIC; only IP zones can be used with a token'],
      [
        'enhanced dynamic',
        { type: 'DYNAMIC_V2' },
        'is of type DYNAMIC_V2; only IP zones can be used with a token',
      ],
      ['a blocklist', { usage: 'BLOCKLIST' }, 'is a blocklist'],
      ['inactive', { status: 'INACTIVE' }, 'is not active'],
    ] as const)('cannot refer to a zone that is %s, and says so', async (_what, facts, reason) => {
      // The blocklist among them acts, but on nobody here.
      const zone = aZone(['203.0.113.0/24'], facts);
      await plane.store.commit([{ put: 'zone', zone }]);
      const network = { connection: 'ZONE', exclude: [zone.id] };
      expect(await admin.ask('POST', TOKENS, { name: 'x', network })).toMatchObject(
        validation('network', `network: The zone ${zone.name} (${zone.id}) ${reason}.`),
      );
    });

    it('may say ALL_ZONES for every zone and is answered with ALL_IP_ZONES', async () => {
      const token = await made({
        name: 'x',
        network: { connection: 'ZONE', include: ['ALL_ZONES'], exclude: null },
      });
      expect(token.network).toEqual({ connection: 'ZONE', include: ['ALL_IP_ZONES'] });
    });
  });

  describe('changing one', () => {
    it('keeps what the body leaves out, takes what Terraform sends, and leaves the expiry as it was', async () => {
      const before = await made({
        name: 'before',
        network: { connection: 'ZONE', exclude: ['ALL_IP_ZONES'] },
      });
      plane.clock.advance(2000);
      const reply = await admin.ask('PUT', `${TOKENS}/${before.id}`, {
        name: 'after',
        userId: before.userId,
        clientName: 'Okta API',
        created: '2021-11-09T20:38:10Z',
      });
      expect(reply).toMatchObject({ status: 200, body: { name: 'after', network: before.network } });
      const after = await read(before.id);
      expect(after.expiresAt).toBe(before.expiresAt);
      expect(Date.parse(after.lastUpdated)).toBe(plane.clock.now() - (plane.clock.now() % 1000));
      expect((await eventsOf(before.id)).map(({ eventType }) => eventType)).toEqual([
        'system.api_token.create',
        'system.api_token.update',
      ]);
    });

    it('never gives it to another owner', async () => {
      const { id } = await made({ name: 'mine' });
      expect(await admin.ask('PUT', `${TOKENS}/${id}`, { userId: 'another' })).toMatchObject(
        validation('userId', 'userId: The owner of a token cannot be changed.'),
      );
    });

    it('acts on the next request from elsewhere', async () => {
      const token = await made({ name: 'x' });
      const zone = aZone(['192.0.2.0/24']);
      await plane.store.commit([{ put: 'zone', zone }]);
      expect(await statusWith(token.secret)).toBe(200);
      await admin.ask('PUT', `${TOKENS}/${token.id}`, {
        network: { connection: 'ZONE', include: [zone.id] },
      });
      await expect.poll(() => statusWith(token.secret)).toBe(403);
      const from = await asker(plane.origin, token.secret)('GET', '/api/v1/users/me', undefined, {
        'x-forwarded-for': '192.0.2.7',
      });
      expect(from.status).toBe(200);
    });

    it('that would lock out the token in hand from where it is used is refused, unless it is forced', async () => {
      const own = await plane.person(['SUPER_ADMIN']);
      const zone = aZone(['192.0.2.0/24']);
      await plane.store.commit([{ put: 'zone', zone }]);
      const network = { connection: 'ZONE', include: [zone.id] };
      expect(await own.ask('PUT', `${TOKENS}/${own.token.id}`, { network })).toMatchObject(
        validation(
          'network',
          'network: This would lock out the token that the request was made with, from 127.0.0.1. Add ?force=true to do it all the same.',
        ),
      );
      expect((await own.ask('GET', TOKENS)).status).toBe(200);
      const inside = { 'x-forwarded-for': '192.0.2.7' };
      expect((await own.ask('PUT', `${TOKENS}/${own.token.id}`, { network }, inside)).status).toBe(200);
      await admin.ask('PUT', `${TOKENS}/${own.token.id}`, { network: { connection: 'ANYWHERE' } });
      await expect.poll(async () => (await own.ask('GET', TOKENS)).status).toBe(200);
      expect((await own.ask('PUT', `${TOKENS}/${own.token.id}?force=true`, { network })).status).toBe(200);
      await expect.poll(async () => (await own.ask('GET', TOKENS)).status).toBe(403);
    });

    it('with If-Match goes ahead only while nobody else has changed it', async () => {
      const { id } = await made({ name: 'x' });
      const seen = (await admin.ask('GET', `${TOKENS}/${id}`)).headers.get('etag') ?? '';
      const put = (name: string, match: string) =>
        admin.ask('PUT', `${TOKENS}/${id}`, { name }, { 'if-match': match });
      expect((await put('first', seen)).status).toBe(200);
      expect(await put('second', seen)).toMatchObject({
        status: 412,
        body: { errorSummary: 'Api validation failed: If-Match' },
      });
      expect(
        (await put('third', `W/"x", ${(await admin.ask('GET', `${TOKENS}/${id}`)).headers.get('etag')}`))
          .status,
      ).toBe(200);
      expect((await put('fourth', '*')).status).toBe(200);
    });

    it('by many at once with the same ETag succeeds for one alone', async () => {
      const { id } = await made({ name: 'x' });
      const match = (await admin.ask('GET', `${TOKENS}/${id}`)).headers.get('etag') ?? '';
      const replies = await Promise.all(
        Array.from({ length: 8 }, (_each, n) =>
          admin.ask('PUT', `${TOKENS}/${id}`, { name: `n${n}` }, { 'if-match': match }),
        ),
      );
      const statuses = replies.map(({ status }) => status).sort();
      expect(statuses).toEqual([200, ...Array(7).fill(412)]);
      expect(await eventsOf(id)).toHaveLength(2);
    });

    it('keeps its ETag however often it is used', async () => {
      const token = await made({ name: 'x' });
      const tag = async () => (await admin.ask('GET', `${TOKENS}/${token.id}`)).headers.get('etag');
      const before = await tag();
      await plane.store.record([{ tokenId: token.id, usedAt: plane.clock.now() + 60_000 }]);
      expect((await read(token.id)).details.lastUsed).not.toBeNull();
      expect(await tag()).toBe(before);
    });
  });

  describe('revoking one', () => {
    it('ends it at once, and it is gone from then on', async () => {
      const token = await made({ name: 'x' });
      expect(await statusWith(token.secret)).toBe(200);
      const reply = await admin.ask('DELETE', `${TOKENS}/${token.id}`);
      expect(reply).toMatchObject({ status: 204, text: '' });
      await expect.poll(() => statusWith(token.secret)).toBe(401);
      const gone = {
        status: 404,
        body: { errorCode: 'E0000007', errorSummary: `Not found: Resource not found: ${token.id} (Token)` },
      };
      expect(await admin.ask('GET', `${TOKENS}/${token.id}`)).toMatchObject(gone);
      expect(await admin.ask('DELETE', `${TOKENS}/${token.id}`)).toMatchObject(gone);
      expect(await admin.ask('PUT', `${TOKENS}/${token.id}`, {})).toMatchObject(gone);
      expect(
        await admin.ask('POST', `${TOKENS}/${token.id}/lifecycle/rotate`, { overlap: 'PT0S' }),
      ).toMatchObject(gone);
    });

    it('by its owner names the same person as actor and target, by another a different one', async () => {
      const owner = await plane.person(['READ_ONLY_ADMIN']);
      const own = await made({ name: 'own' }, owner);
      const others = await made({ name: 'taken' }, owner);
      await owner.ask('DELETE', `${TOKENS}/${own.id}`);
      await admin.ask('DELETE', `${TOKENS}/${others.id}`);
      const about = async (id: string) => {
        const event = (await eventsOf(id)).at(-1);
        expect(event?.eventType).toBe('system.api_token.revoke');
        return [event?.actor.id, event?.target.find(({ type }) => type === 'User')?.id];
      };
      expect(await about(own.id)).toEqual([owner.user.id, owner.user.id]);
      expect(await about(others.id)).toEqual([admin.user.id, owner.user.id]);
    });

    it('works on the token in hand as "current", also for those without a role', async () => {
      const person = await plane.person([]);
      expect((await person.ask('DELETE', `${TOKENS}/current`)).status).toBe(204);
      await expect.poll(async () => (await person.ask('GET', '/api/v1/users/me')).status).toBe(401);
      expect((await eventsOf(person.token.id))[0]?.transaction.detail.requestApiTokenId).toBe(
        person.token.id,
      );
    });

    it("is refused for an agent's token while its agent is active, and works when it is not", async () => {
      const agent = anAgent();
      const { token } = aToken(admin.user.id, {
        agentId: agent.id,
        clientName: 'AD',
        createdAt: plane.clock.now(),
      });
      await plane.store.commit([
        { put: 'agent', agent },
        { put: 'token', token },
      ]);
      expect(await admin.ask('DELETE', `${TOKENS}/${token.id}`)).toMatchObject(
        validation(
          'apiTokenId',
          `apiTokenId: The token belongs to the agent ${agent.name} (${agent.id}), which is active. Deactivate the agent first.`,
        ),
      );
      await plane.store.commit([{ put: 'agent', agent: { ...agent, status: 'INACTIVE' } }]);
      expect((await admin.ask('DELETE', `${TOKENS}/${token.id}`)).status).toBe(204);
    });

    it('reaches as far as the permission table says', async () => {
      const organiser = await plane.person(['ORG_ADMIN']);
      const plain = await plane.person([]);
      expect((await organiser.ask('DELETE', `${TOKENS}/${admin.token.id}`)).status).toBe(403);
      expect((await plain.ask('DELETE', `${TOKENS}/${organiser.token.id}`)).status).toBe(403);
      expect((await organiser.ask('DELETE', `${TOKENS}/${plain.token.id}`)).status).toBe(204);
    });
  });

  describe('rotating one', () => {
    it('gives it another secret, and takes the one before until the overlap is over', async () => {
      const before = await made({ name: 'x' });
      const reply = await admin.ask('POST', `${TOKENS}/${before.id}/lifecycle/rotate`, { overlap: 'PT1H' });
      const after = tokenWithSecretSchema.parse(reply.body);
      expect(after.id).toBe(before.id);
      expect(after.secret).not.toBe(before.secret);
      expect(Date.parse(after.details.previousSecretValidUntil ?? '')).toBe(plane.clock.now() + 3_600_000);
      expect([await statusWith(before.secret), await statusWith(after.secret)]).toEqual([200, 200]);
      plane.clock.advance(3_600_000);
      expect([await statusWith(before.secret), await statusWith(after.secret)]).toEqual([401, 200]);
      expect((await read(before.id)).details.previousSecretValidUntil).toBeNull();
    });

    it('without overlap refuses the secret before at once; a second rotation refuses the first of three', async () => {
      const first = await made({ name: 'x' });
      const rotate = async (overlap: string) =>
        tokenWithSecretSchema.parse(
          (await admin.ask('POST', `${TOKENS}/${first.id}/lifecycle/rotate`, { overlap })).body,
        );
      const second = await rotate('PT1H');
      expect(await statusWith(first.secret)).toBe(200);
      const third = await rotate('PT1H');
      await expect.poll(() => statusWith(first.secret)).toBe(401);
      expect([await statusWith(second.secret), await statusWith(third.secret)]).toEqual([200, 200]);
      const fourth = await rotate('PT0S');
      await expect.poll(() => statusWith(third.secret)).toBe(401);
      expect(await statusWith(fourth.secret)).toBe(200);
    });

    it.each(['', 'P', 'PT', '1h', 'PT1.5H', 'P31D', 'P1M', '-PT1H', 'PT99999999999S', 3600, null])(
      'refuses an overlap of %s',
      async (overlap) => {
        const { id } = await made({ name: 'x' });
        expect(await admin.ask('POST', `${TOKENS}/${id}/lifecycle/rotate`, { overlap })).toMatchObject(
          validation('overlap', 'overlap: must be an ISO 8601 duration of at most 30 days, such as PT24H'),
        );
      },
    );

    it("of another's token is for super administrators alone, for the secret acts as its owner", async () => {
      const owner = await plane.person(['READ_ONLY_ADMIN']);
      const organiser = await plane.person(['ORG_ADMIN']);
      const path = `${TOKENS}/${owner.token.id}/lifecycle/rotate`;
      expect((await organiser.ask('POST', path, { overlap: 'PT0S' })).status).toBe(403);
      expect((await owner.ask('POST', path, { overlap: 'PT1H' })).status).toBe(200);
      expect((await admin.ask('POST', path, { overlap: 'PT0S' })).status).toBe(200);
    });
  });

  describe('what it may do', () => {
    it("is what its owner may, live: it follows the owner's roles and status", async () => {
      const owner = await plane.person(['READ_ONLY_ADMIN']);
      const path = `/api/v1/users/${owner.user.id}`;
      expect((await owner.ask('GET', '/api/v1/agents')).status).toBe(200);
      const [role] = z
        .array(z.object({ id: z.string() }))
        .parse((await admin.ask('GET', `${path}/roles`)).body);
      await admin.ask('DELETE', `${path}/roles/${role?.id}`);
      await expect.poll(async () => (await owner.ask('GET', '/api/v1/agents')).status).toBe(403);
      await admin.ask('POST', `${path}/lifecycle/suspend`);
      await expect.poll(async () => (await owner.ask('GET', '/api/v1/users/me')).status).toBe(401);
      await admin.ask('POST', `${path}/lifecycle/unsuspend`);
      await expect.poll(async () => (await owner.ask('GET', '/api/v1/users/me')).status).toBe(200);
      await admin.ask('POST', `${path}/lifecycle/deactivate`);
      await expect.poll(async () => (await owner.ask('GET', '/api/v1/users/me')).status).toBe(401);
      await admin.ask('POST', `${path}/lifecycle/activate`);
      await expect.poll(async () => (await owner.ask('GET', '/api/v1/users/me')).status).toBe(200);
    });
  });
});
