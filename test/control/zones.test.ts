import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_IP_ZONES, type NetworkCondition } from '../../src/domain/network-condition.ts';
import { asker, type ControlPlane, type Reply, startControlPlane } from './control-plane.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.close());

const ZONES = '/api/v1/zones';
const cidr = (value: string) => ({ type: 'CIDR', value });
const range = (value: string) => ({ type: 'RANGE', value });
let made = 0;
const office = (more: object = {}) => ({
  type: 'IP',
  name: `office ${made++}`,
  gateways: [cidr('198.51.100.0/24')],
  ...more,
});
const idOf = (reply: Reply) => (reply.body as { id: string }).id;
const create = async (more: object = {}) => {
  const reply = await plane.admin.ask('POST', ZONES, office(more));
  expect(reply.status).toBe(200);
  return idOf(reply);
};
const causes = (reply: Reply) =>
  (reply.body as { errorCauses: { errorSummary: string }[] }).errorCauses.map((cause) => cause.errorSummary);
const events = async (id: string) => {
  const page = await plane.store.events({
    by: 'persisted',
    order: 'ascending',
    since: null,
    until: null,
    after: null,
    limit: 1000,
  });
  return page.items
    .filter(({ event }) => event.target[0]?.id === id)
    .map(({ event }) => event.eventType as string);
};
/** A token that is bound to zones, of a user of its own. */
const bound = async (network: NetworkCondition) => {
  const person = await plane.person(['SUPER_ADMIN']);
  const { token } = person;
  await plane.store.commit([{ put: 'token', token: { ...token, network } }]);
  return person;
};

describe('a zone', () => {
  it('is answered as it was written, in the form and order of Okta', async () => {
    const reply = await plane.admin.ask('POST', ZONES, {
      type: 'IP',
      name: 'as written',
      gateways: [cidr('1.2.3.4/24'), range('2.3.4.5-2.3.4.15'), range('192.168.1.1')],
      proxies: [cidr('2001:db8::1/64')],
    });
    const id = idOf(reply);
    const href = `${plane.origin}${ZONES}/${id}`;
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body as object).join()).toBe(
      'type,id,name,status,usage,created,lastUpdated,system,gateways,proxies,_links',
    );
    expect(reply.body).toEqual({
      type: 'IP',
      id: expect.stringMatching(/^nzo\w{17}$/),
      name: 'as written',
      status: 'ACTIVE',
      usage: 'POLICY',
      created: '2026-01-01T00:00:00.000Z',
      lastUpdated: '2026-01-01T00:00:00.000Z',
      system: false,
      gateways: [cidr('1.2.3.4/24'), range('2.3.4.5-2.3.4.15'), range('192.168.1.1-192.168.1.1')],
      proxies: [cidr('2001:db8::1/64')],
      _links: {
        self: { href, hints: { allow: ['GET', 'PUT', 'DELETE'] } },
        deactivate: { href: `${href}/lifecycle/deactivate`, hints: { allow: ['POST'] } },
      },
    });
    expect((await plane.admin.ask('GET', `${ZONES}/${id}`)).body).toEqual(reply.body);
  });

  it('can be sent back as it was answered', async () => {
    const id = await create();
    const { body } = await plane.admin.ask('GET', `${ZONES}/${id}`);
    expect(await plane.admin.ask('PUT', `${ZONES}/${id}`, body)).toMatchObject({
      status: 200,
      body: body as object,
    });
  });

  it('is replaced whole but for its type, and keeps usage and status that are left out', async () => {
    const id = await create({ usage: 'BLOCKLIST', status: 'INACTIVE' });
    const reply = await plane.admin.ask('PUT', `${ZONES}/${id}`, office({ gateways: [cidr('10.0.0.0/8')] }));
    expect(reply.body).toMatchObject({
      usage: 'BLOCKLIST',
      status: 'INACTIVE',
      gateways: [cidr('10.0.0.0/8')],
      proxies: null,
    });
    const retyped = await plane.admin.ask('PUT', `${ZONES}/${id}`, { type: 'DYNAMIC', name: 'x' });
    expect(causes(retyped)).toEqual(['type: The type of a network zone cannot be changed.']);
  });

  it('is not replaced by who read an older version', async () => {
    const id = await create();
    const { headers } = await plane.admin.ask('GET', `${ZONES}/${id}`);
    const match = { 'if-match': headers.get('etag') ?? '' };
    plane.clock.advance(1000);
    expect((await plane.admin.ask('PUT', `${ZONES}/${id}`, office(), match)).status).toBe(200);
    expect((await plane.admin.ask('PUT', `${ZONES}/${id}`, office(), match)).status).toBe(412);
  });

  it('is deleted only when it is inactive', async () => {
    const id = await create({ name: 'to go' });
    expect(await plane.admin.ask('DELETE', `${ZONES}/${id}`)).toMatchObject({
      status: 400,
      body: {
        errorSummary:
          'Api validation failed: The zone: to go is an active zone. Active zones cannot be deleted.',
        errorCauses: [
          { errorSummary: `id: The zone: ${id} is an active zone. Active zones cannot be deleted.` },
        ],
      },
    });
    await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/deactivate`);
    expect((await plane.admin.ask('DELETE', `${ZONES}/${id}`)).status).toBe(204);
    expect((await plane.admin.ask('GET', `${ZONES}/${id}`)).body).toMatchObject({
      errorCode: 'E0000007',
      errorSummary: `Not found: Resource not found: ${id} (NetworkZone)`,
    });
  });

  it('is activated and deactivated as often as one asks, and says what can be done next', async () => {
    const id = await create();
    for (const [step, status, next] of [
      ['deactivate', 'INACTIVE', 'activate,self'],
      ['deactivate', 'INACTIVE', 'activate,self'],
      ['activate', 'ACTIVE', 'self,deactivate'],
      ['activate', 'ACTIVE', 'self,deactivate'],
    ]) {
      const reply = await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/${step}`);
      expect(reply).toMatchObject({ status: 200, body: { status } });
      expect(Object.keys((reply.body as { _links: object })._links).join()).toBe(next);
    }
  });

  it('leaves an event of every change', async () => {
    const id = await create({ name: 'watched' });
    await plane.admin.ask('PUT', `${ZONES}/${id}`, office({ usage: 'BLOCKLIST', status: 'INACTIVE' }));
    await plane.admin.ask('PUT', `${ZONES}/${id}`, office({ usage: 'POLICY' }));
    await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/activate`);
    await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/deactivate`);
    await plane.admin.ask('DELETE', `${ZONES}/${id}`);
    expect(await events(id)).toEqual([
      'zone.create',
      'zone.update',
      'zone.make_blacklist',
      'zone.deactivate',
      'zone.update',
      'zone.remove_blacklist',
      'zone.activate',
      'zone.deactivate',
      'zone.delete',
    ]);
  });

  it.each([
    [
      'DYNAMIC',
      { locations: [{ country: 'US', region: 'CA' }, { country: 'AF' }], proxyType: 'Any', asns: [] },
      {
        locations: [
          { country: 'AF', region: null },
          { country: 'US', region: 'CA' },
        ],
        proxyType: 'Any',
      },
    ],
    [
      'DYNAMIC_V2',
      { ipServiceCategories: { include: ['ALL_ANONYMIZERS'] }, asns: { exclude: ['64496'] } },
      {
        locations: { include: [], exclude: [] },
        asns: { include: [], exclude: ['64496'] },
        ipServiceCategories: { include: ['ALL_ANONYMIZERS'], exclude: [] },
      },
    ],
  ])('of type %s is kept as it was written', async (type, fields, kept) => {
    const reply = await plane.admin.ask('POST', ZONES, { type, name: `kept ${type}`, ...fields });
    expect(reply).toMatchObject({ status: 200, body: kept });
    expect(reply.body).not.toHaveProperty('gateways');
  });
});

describe('a zone is refused', () => {
  const entries = (count: number) =>
    Array.from({ length: count }, (_, i) => cidr(`10.${i >> 8}.${i & 255}.0/24`));
  it.each([
    ['without a type', { type: undefined }, 'type: must be IP, DYNAMIC or DYNAMIC_V2'],
    [
      'without a name',
      { name: undefined },
      'name: must be 1 to 128 characters, none of them a control character',
    ],
    [
      'with a long name',
      { name: 'x'.repeat(129) },
      'name: must be 1 to 128 characters, none of them a control character',
    ],
    [
      'with a name that is taken',
      { name: 'LegacyIpZone' },
      'name: There is a network zone with the name LegacyIpZone already.',
    ],
    ['without addresses', { gateways: [] }, 'gateways: An IP zone must have at least one gateway or proxy.'],
    [
      'with an address without type',
      { gateways: [{ value: '1.2.3.4/32' }] },
      'gateways.0.type: must be CIDR or RANGE',
    ],
    [
      'with an address that is none',
      { gateways: [range('1.2.3.4.5-1.2.3.6')] },
      'gateways: The IP: 1.2.3.4.5 in the RANGE: 1.2.3.4.5-1.2.3.6 is invalid. Make sure it is a valid IPV4.',
    ],
    [
      'with an octal address',
      { gateways: [cidr('010.0.0.0/8')] },
      'gateways: The IP: 010.0.0.0 in the CIDR: 010.0.0.0/8 is invalid. Make sure it is a valid IPV4.',
    ],
    [
      'with a bad IPv6 address',
      { proxies: [cidr('2001:::/32')] },
      'proxies: The IP: 2001::: in the CIDR: 2001:::/32 is invalid. Make sure it is a valid IPV6.',
    ],
    [
      'with a network without bits',
      { gateways: [cidr('10.0.0.0')] },
      'gateways: The CIDR: 10.0.0.0 is invalid. Write an address, a slash and the number of network bits, such as 192.0.2.0/24.',
    ],
    [
      'with too many bits',
      { gateways: [cidr('10.0.0.0/33')] },
      'gateways: The CIDR: 10.0.0.0/33 is invalid. "10.0.0.0/33": the number of network bits must be 0 to 32, in plain decimal.',
    ],
    [
      'with a range that runs backwards',
      { gateways: [range('10.0.0.9-10.0.0.1')] },
      'gateways: The RANGE: 10.0.0.9-10.0.0.1 is invalid. "10.0.0.9-10.0.0.1": the first address of a range must not lie after the last: swap them.',
    ],
    [
      'with 151 gateways',
      { gateways: entries(151) },
      'gateways: No more than 150 gateways may be included in this zone.',
    ],
    [
      'with 1001 gateways in a blocklist',
      { usage: 'BLOCKLIST', gateways: entries(1001) },
      'gateways: No more than 1000 gateways may be included in this zone.',
    ],
    [
      'with proxies in a blocklist',
      { usage: 'BLOCKLIST', proxies: [cidr('10.0.0.0/8')] },
      'proxies: A blocklist or an exempt list has gateways only.',
    ],
    [
      'with gateways in a dynamic zone',
      { type: 'DYNAMIC' },
      'gateways: A zone of type DYNAMIC has no gateways.',
    ],
    [
      'with 76 locations',
      { type: 'DYNAMIC', gateways: null, locations: Array(76).fill({ country: 'US' }) },
      'locations: No more than 75 locations may be included in a Location Zone.',
    ],
    [
      'with a country that is none',
      { type: 'DYNAMIC', gateways: null, locations: [{ country: 'usa' }] },
      'locations.0.country: must be the two capital letters of ISO 3166-1',
    ],
  ])('%s', async (_, fields, cause) => {
    const reply = await plane.admin.ask('POST', ZONES, office(fields));
    expect(reply).toMatchObject({ status: 400, body: { errorCode: 'E0000001' } });
    expect(causes(reply)).toEqual([cause]);
  });

  it('with a name that an edit would take from another', async () => {
    const id = await create();
    const reply = await plane.admin.ask('PUT', `${ZONES}/${id}`, office({ name: 'LegacyIpZone' }));
    expect(reply.status).toBe(400);
  });

  it('takes as many gateways as it may', async () => {
    expect((await plane.admin.ask('POST', ZONES, office({ gateways: entries(150) }))).status).toBe(200);
    expect(
      (await plane.admin.ask('POST', ZONES, office({ usage: 'BLOCKLIST', gateways: entries(1000) }))).status,
    ).toBe(200);
  });
});

describe('a zone that a token refers to', () => {
  it.each(['deactivate', 'delete', 'make a blocklist', 'make inactive'])(
    'cannot be changed so that the reference means nothing (%s), and the refusal names the tokens',
    async (how) => {
      const id = await create();
      const { token } = await bound({ connection: 'ZONE', exclude: [id] });
      const attempt = {
        deactivate: () => plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/deactivate`),
        delete: () => plane.admin.ask('DELETE', `${ZONES}/${id}`),
        'make a blocklist': () => plane.admin.ask('PUT', `${ZONES}/${id}`, office({ usage: 'BLOCKLIST' })),
        'make inactive': () => plane.admin.ask('PUT', `${ZONES}/${id}`, office({ status: 'INACTIVE' })),
      }[how];
      const reply = await attempt?.();
      expect(reply?.status).toBe(400);
      if (how !== 'delete') expect(reply?.text).toContain(`is used by the token a token (${token.id}).`);
      expect((await plane.admin.ask('GET', `${ZONES}/${id}`)).body).toMatchObject({ status: 'ACTIVE' });
      await plane.store.commit([{ put: 'token', token: { ...token, network: { connection: 'ANYWHERE' } } }]);
      expect((await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/deactivate`)).status).toBe(200);
    },
  );

  it('still takes other addresses and another name, which hold for the token at once', async () => {
    const id = await create({ gateways: [cidr('127.0.0.0/8')] });
    const { ask } = await bound({ connection: 'ZONE', include: [id] });
    expect((await ask('GET', ZONES)).status).toBe(200);
    const moved = office({ gateways: [cidr('203.0.113.0/24')] });
    expect((await plane.admin.ask('PUT', `${ZONES}/${id}`, moved)).status).toBe(200);
    expect((await ask('GET', ZONES)).status).toBe(403);
    const there = { 'x-forwarded-for': '203.0.113.9' };
    expect((await ask('GET', ZONES, undefined, there)).status).toBe(200);
  });

  it('is not changed by a caller whom that would lock out, unless forced', async () => {
    const id = await create({ gateways: [cidr('127.0.0.0/8')] });
    const { ask } = await bound({ connection: 'ZONE', include: [id] });
    const away = office({ gateways: [cidr('203.0.113.0/24')] });
    const refused = await ask('PUT', `${ZONES}/${id}`, away);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Add ?force=true');
    expect((await ask('PUT', `${ZONES}/${id}?force=true`, away)).status).toBe(200);
    expect((await ask('GET', ZONES)).status).toBe(403);
  });

  it('locks nobody out unseen by coming into being', async () => {
    const { ask } = await bound({ connection: 'ZONE', exclude: [ALL_IP_ZONES] });
    const home = office({ gateways: [cidr('192.0.2.0/24')] });
    const there = { 'x-forwarded-for': '192.0.2.1' };
    expect((await ask('POST', ZONES, home, there)).status).toBe(400);
    expect((await ask('POST', `${ZONES}?force=true`, home, there)).status).toBe(200);
  });
});

describe('a blocklist', () => {
  const blocked = (value: string) => office({ usage: 'BLOCKLIST', gateways: [cidr(value)], proxies: null });
  const from = (address: string) => ({ 'x-forwarded-for': address });

  it('keeps its addresses out of the management API at once, before anybody looks at their token', async () => {
    const reply = await plane.admin.ask('POST', ZONES, blocked('203.0.113.128/25'));
    expect(reply.status).toBe(200);
    const { id } = reply.body as { id: string };
    for (const ask of [plane.admin.ask, asker(plane.origin, null)]) {
      expect(await ask('GET', ZONES, undefined, from('203.0.113.200'))).toMatchObject({
        status: 403,
        body: { errorCode: 'E0000006' },
      });
    }
    expect((await plane.admin.ask('GET', ZONES, undefined, from('203.0.113.1'))).status).toBe(200);
    const question = { tokenId: plane.admin.token.id, method: 'GET', path: '/', peer: '203.0.113.200' };
    expect((await plane.admin.ask('POST', '/api/v1/explain', question)).body).toMatchObject({
      code: 'zone.blocked',
      blockedBy: { id },
    });
    expect((await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/deactivate`)).status).toBe(200);
    expect((await plane.admin.ask('GET', ZONES, undefined, from('203.0.113.200'))).status).toBe(200);
  });

  it('that would keep the caller itself out is refused, unless forced', async () => {
    const there = from('198.51.100.77');
    const home = blocked('198.51.100.64/26');
    const refused = await plane.admin.ask('POST', ZONES, home, there);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Add ?force=true');
    const idle = { ...home, status: 'INACTIVE' };
    const { id } = (await plane.admin.ask('POST', ZONES, idle, there)).body as { id: string };
    expect(
      (await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/activate`, undefined, there)).status,
    ).toBe(400);
    const forced = `${ZONES}/${id}/lifecycle/activate?force=true`;
    expect((await plane.admin.ask('POST', forced, undefined, there)).status).toBe(200);
    expect((await plane.admin.ask('GET', ZONES, undefined, there)).status).toBe(403);
    expect((await plane.admin.ask('POST', `${ZONES}/${id}/lifecycle/deactivate`)).status).toBe(200);
  });

  it('by place is kept, and its answer says that it keeps nobody out', async () => {
    const dynamic = { type: 'DYNAMIC', name: 'places', usage: 'BLOCKLIST', locations: [{ country: 'FR' }] };
    const reply = await plane.admin.ask('POST', ZONES, dynamic);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-tollgate-notice')).toContain('not evaluated');
    const ip = await plane.admin.ask('GET', `${ZONES}/nzo0000BlockedIpZone`);
    expect(ip.headers.get('x-tollgate-notice')).toBeNull();
  });
});

describe('the system zones', () => {
  const SYSTEM = `${ZONES}?filter=${encodeURIComponent('system eq true')}`;
  it('are there from the start, with nothing in them', async () => {
    const { body } = await plane.admin.ask('GET', SYSTEM);
    expect((body as { name: string; usage: string }[]).map(({ name, usage }) => [name, usage])).toEqual([
      ['DefaultExemptIpZone', 'POLICY'],
      ['LegacyIpZone', 'POLICY'],
      ['BlockedIpZone', 'BLOCKLIST'],
      ['DefaultEnhancedDynamicZone', 'BLOCKLIST'],
    ]);
  });

  it('came into being with an event each, by the system', async () => {
    const [zone] = (await plane.admin.ask('GET', SYSTEM)).body as { id: string }[];
    const filter = encodeURIComponent(`target.id eq "${zone?.id}"`);
    expect((await plane.admin.ask('GET', `/api/v1/logs?filter=${filter}`)).body).toMatchObject([
      { eventType: 'zone.create', actor: { id: 'system' }, transaction: { type: 'JOB' } },
    ]);
  });

  it('can be renamed, not deleted and not turned into another kind', async () => {
    const { body } = await plane.admin.ask('GET', SYSTEM);
    const zone = (body as { id: string; name: string }[]).find(({ name }) => name === 'BlockedIpZone');
    const path = `${ZONES}/${zone?.id}`;
    expect((await plane.admin.ask('PUT', path, { ...zone, name: 'Blocked' })).body).toMatchObject({
      name: 'Blocked',
    });
    expect((await plane.admin.ask('PUT', path, { ...zone, usage: 'POLICY' })).status).toBe(400);
    await plane.admin.ask('POST', `${path}/lifecycle/deactivate`);
    expect((await plane.admin.ask('DELETE', path)).text).toContain('cannot be deleted');
    expect(
      (await plane.admin.ask('PUT', path, { ...zone, name: 'BlockedIpZone', status: 'ACTIVE' })).status,
    ).toBe(200);
  });

  it('let the exempt list be changed only by who names it one', async () => {
    const path = `${ZONES}/nzo00000ExemptIpZone`;
    const body = { type: 'IP', name: 'DefaultExemptIpZone', gateways: [cidr('192.0.2.77/32')] };
    expect(causes(await plane.admin.ask('PUT', path, body))).toEqual([
      'useAsExemptList: The network zone does not allow usage changes for DefaultExemptIpZone.',
    ]);
    expect((await plane.admin.ask('PUT', path, { ...body, useAsExemptList: true })).status).toBe(200);
  });
});

describe('the list of zones', () => {
  it('is read page by page through its links, each zone once', async () => {
    const whole = (await plane.admin.ask('GET', ZONES)).body as { id: string }[];
    const seen: string[] = [];
    let path: string | undefined = `${ZONES}?limit=3`;
    while (path !== undefined) {
      const reply: Reply = await plane.admin.ask('GET', path);
      seen.push(...(reply.body as { id: string }[]).map(({ id }) => id));
      const links = reply.headers.get('link') ?? '';
      expect(links).toContain('rel="self"');
      path = /<([^>]+)>; rel="next"/.exec(links)?.[1]?.replace(plane.origin, '');
    }
    expect(seen).toEqual(whole.map(({ id }) => id));
    expect(seen.length).toBeGreaterThan(3);
  });

  it.each([
    ['id eq "nzo00000LegacyIpZone"', 1],
    ['usage eq "BLOCKLIST" and system eq true', 2],
    ['(usage eq "BLOCKLIST" or usage eq "POLICY") and system eq true', 4],
    ['id eq "nobody"', 0],
  ])('is filtered by %s', async (filter, count) => {
    const { body } = await plane.admin.ask('GET', `${ZONES}?filter=${encodeURIComponent(filter)}`);
    expect(body).toHaveLength(count);
  });

  it.each(['usage', 'usage eqq "POLICY"', 'name eq "x"', 'usage co "PO"', '('])(
    'refuses the filter %s',
    async (filter) => {
      const reply = await plane.admin.ask('GET', `${ZONES}?filter=${encodeURIComponent(filter)}`);
      expect(reply).toMatchObject({ status: 400, body: { errorCode: 'E0000053' } });
    },
  );

  it.each(['x', 'bm90IGpzb24', 'WyI8Il0'])('refuses the forged cursor %s', async (after) => {
    expect(await plane.admin.ask('GET', `${ZONES}?after=${after}`)).toMatchObject({
      status: 400,
      body: { errorCode: 'E0000029', errorCauses: [{ errorSummary: 'Invalid cursor.' }] },
    });
  });
});
