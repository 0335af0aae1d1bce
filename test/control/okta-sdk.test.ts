/**
 * Okta's own Node SDK, unmodified, with its orgUrl at the management API: every operation that it and Tollgate both
 * have (docs/okta.md §9), over both stores.
 */
import okta from '@okta/okta-sdk-nodejs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { STORES } from './stores.ts';

const client = (plane: ControlPlane, secret: string) =>
  new okta.Client({ orgUrl: plane.origin, token: secret, cacheMiddleware: null });

/** All items of a collection, whose pages the SDK fetches. */
async function all<T>(collection: { each(visit: (item: T) => void): Promise<unknown> }): Promise<T[]> {
  const items: T[] = [];
  await collection.each((item) => {
    items.push(item);
  });
  return items;
}

describe.each(STORES)("Okta's SDK over %s", (_, open) => {
  let plane: ControlPlane;
  let sdk: okta.Client;
  let holder: Person;
  beforeAll(async () => {
    plane = await startControlPlane('', open);
    sdk = client(plane, plane.admin.secret);
    holder = await plane.person(['READ_ONLY_ADMIN']);
  });
  afterAll(() => plane.close());

  const home = (name: string, gateways = [{ type: 'CIDR' as const, value: '127.0.0.0/8' }]) => ({
    type: 'IP' as const,
    name,
    gateways,
  });

  it('lists, reads, restricts and revokes tokens', async () => {
    const api = sdk.apiTokenApi;
    const { token } = await plane.person([]);
    const listed = await all(await api.listApiTokens());
    expect(listed.map((each) => each?.id)).toContain(token.id);
    const read = await api.getApiToken({ apiTokenId: token.id });
    expect(read).toMatchObject({ name: token.name, userId: token.userId, tokenWindow: 'P30D' });
    expect(read.created).toBeInstanceOf(Date);
    const zone = await sdk.networkZoneApi.createNetworkZone({ zone: home('for a token') });
    const changed = await api.upsertApiToken({
      apiTokenId: token.id,
      apiTokenUpdate: {
        name: 'restricted',
        userId: token.userId,
        network: { connection: 'ZONE', include: [zone.id ?? ''] },
      },
    });
    expect(changed).toMatchObject({
      name: 'restricted',
      network: { connection: 'ZONE', include: [zone.id] },
    });
    expect(await api.revokeApiToken({ apiTokenId: token.id })).toBeUndefined();
    await expect(api.getApiToken({ apiTokenId: token.id })).rejects.toMatchObject({
      status: 404,
      errorCode: 'E0000007',
      errorSummary: `Not found: Resource not found: ${token.id} (Token)`,
    });
  });

  it('revokes the token that it is used with', async () => {
    const { secret } = await plane.person([]);
    const own = client(plane, secret);
    await own.apiTokenApi.revokeCurrentApiToken();
    await expect(own.userApi.getUser({ userId: 'me' })).rejects.toMatchObject({
      status: 401,
      errorCode: 'E0000011',
    });
  });

  it('creates, reads, replaces, deactivates, activates, lists and deletes zones', async () => {
    const api = sdk.networkZoneApi;
    const zone = await api.createNetworkZone({ zone: home('home') });
    const zoneId = zone.id ?? '';
    expect(zone.constructor.name).toBe('IPNetworkZone');
    expect(await api.getNetworkZone({ zoneId })).toEqual(zone);
    const renamed = await api.replaceNetworkZone({ zoneId, zone: home('at home') });
    expect(renamed.name).toBe('at home');
    expect((await api.deactivateNetworkZone({ zoneId })).status).toBe('INACTIVE');
    expect((await api.activateNetworkZone({ zoneId })).status).toBe('ACTIVE');
    const listed = await all(await api.listNetworkZones({ limit: 1, filter: 'usage eq "POLICY"' }));
    expect(listed.map((each) => each?.name)).toEqual(
      expect.arrayContaining(['LegacyIpZone', 'DefaultExemptIpZone', 'at home']),
    );
    await expect(api.deleteNetworkZone({ zoneId })).rejects.toMatchObject({ status: 400 });
    await api.deactivateNetworkZone({ zoneId });
    expect(await api.deleteNetworkZone({ zoneId })).toBeUndefined();
    await expect(api.getNetworkZone({ zoneId })).rejects.toMatchObject({ status: 404 });
  });

  it('creates, reads, replaces and lists principal rate limits', async () => {
    const api = sdk.principalRateLimitApi;
    const principal = { principalId: holder.token.id, principalType: 'SSWS_TOKEN' as const };
    const made = await api.createPrincipalRateLimitEntity({
      entity: { ...principal, defaultPercentage: 40 },
    });
    expect(made).toMatchObject({ ...principal, defaultPercentage: 40, defaultConcurrencyPercentage: 50 });
    const principalRateLimitId = made.id ?? '';
    expect(await api.getPrincipalRateLimitEntity({ principalRateLimitId })).toEqual(made);
    const entity = { ...principal, defaultPercentage: 15 };
    const replaced = await api.replacePrincipalRateLimitEntity({ principalRateLimitId, entity });
    expect(replaced.defaultPercentage).toBe(15);
    const filter = 'principalType eq "SSWS_TOKEN"';
    const listed = await all(await api.listPrincipalRateLimitEntities({ filter, limit: 50 }));
    expect(listed.map((each) => each?.id)).toEqual([made.id]);
  });

  it('reads and replaces the settings of rate limits', async () => {
    const api = sdk.rateLimitSettingsApi;
    expect(await api.getRateLimitSettingsWarningThreshold()).toMatchObject({ warningThreshold: 90 });
    const rateLimitWarningThreshold = { warningThreshold: 60 };
    await api.replaceRateLimitSettingsWarningThreshold({ rateLimitWarningThreshold });
    expect(await api.getRateLimitSettingsWarningThreshold()).toMatchObject(rateLimitWarningThreshold);
    const RateLimitAdminNotifications = { notificationsEnabled: false };
    await api.replaceRateLimitSettingsAdminNotifications({ RateLimitAdminNotifications });
    expect(await api.getRateLimitSettingsAdminNotifications()).toMatchObject(RateLimitAdminNotifications);
    const perClientRateLimitSettings = { defaultMode: 'PREVIEW' as const };
    await api.replaceRateLimitSettingsPerClient({ perClientRateLimitSettings });
    expect(await api.getRateLimitSettingsPerClient()).toMatchObject(perClientRateLimitSettings);
  });

  it('changes and replaces users', async () => {
    const { user } = await plane.person([]);
    const userId = user.id;
    const updated = await sdk.userApi.updateUser({ userId, user: { profile: { title: 'Countess' } } });
    expect(updated.profile).toMatchObject({ login: user.login, title: 'Countess' });
    const profile = {
      firstName: 'Ada',
      lastName: 'King',
      login: 'king@example.com',
      email: 'king@example.com',
    };
    const replaced = await sdk.userApi.replaceUser({ userId, user: { profile } });
    expect(replaced.profile).toMatchObject(profile);
    expect(replaced.profile?.title).toBeUndefined();
  });

  it('reads users and the System Log', async () => {
    const users = await all(await sdk.userApi.listUsers({ limit: 1 }));
    expect(users.map((user) => user?.id)).toContain(holder.user.id);
    const user = await sdk.userApi.getUser({ userId: holder.user.login });
    expect(user.profile?.login).toBe(holder.user.login);
    const now = plane.clock.now();
    const events = await all(
      await sdk.systemLogApi.listLogEvents({
        since: new Date(now - 3_600_000).toISOString(),
        until: new Date(now + 1000).toISOString(),
        filter: 'eventType sw "zone."',
        limit: 2,
        sortOrder: 'ASCENDING',
      }),
    );
    expect(events.map((event) => event?.eventType)).toEqual(
      expect.arrayContaining([
        'zone.create',
        'zone.update',
        'zone.deactivate',
        'zone.activate',
        'zone.delete',
      ]),
    );
    expect(events.at(-1)?.actor).toMatchObject({ id: plane.admin.user.id, type: 'User' });
  });

  it("reads a refusal as Okta's error, with its causes", async () => {
    await expect(sdk.networkZoneApi.createNetworkZone({ zone: home('x', []) })).rejects.toMatchObject({
      status: 400,
      errorCode: 'E0000001',
      errorSummary: 'Api validation failed: gateways',
      errorCauses: [{ errorSummary: 'gateways: An IP zone must have at least one gateway or proxy.' }],
    });
  });
});
