import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';

interface OktaEndpoint {
  readonly name: string;
  readonly match: readonly string[];
  readonly max: number | 'unlimited';
  readonly window: string;
}
interface BucketRow {
  readonly path: string;
  readonly method: string;
  readonly bucket: string;
}
interface DefaultRow {
  readonly bucket: string;
  readonly methods: string;
  readonly match: string;
  readonly window: string;
  readonly scope: string;
  readonly workforce: string;
}

const ROOT = new URL('../../', import.meta.url);
const FACTS = new URL('../shared/okta/', ROOT);
const UNMATCHED: OktaEndpoint = { name: 'unmatched', match: [], max: 'unlimited', window: '60s' };

const ENDPOINTS = readEndpoints();
const find = compileEndpoints(ENDPOINTS, UNMATCHED);

function readEndpoints(): OktaEndpoint[] {
  const file: unknown = parse(readFileSync(new URL('config/okta-endpoints.yaml', ROOT), 'utf8'));
  const { endpoints } = file as { endpoints: (OktaEndpoint & { match: string | string[] })[] };
  return endpoints.map((endpoint) => ({ ...endpoint, match: [endpoint.match].flat() }));
}

/** The rows of a tab-separated table, without its comments and its head. */
function readTable(name: string): string[][] {
  const lines = readFileSync(new URL(name, FACTS), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .slice(1)
    .map((line) => line.split('\t'));
}

function readBuckets(): BucketRow[] {
  return readTable('okta-rate-limit-buckets.tsv').map(([path = '', method = '', bucket = '']) => ({
    path,
    method,
    bucket,
  }));
}

function readDefaults(): DefaultRow[] {
  return readTable('okta-rate-limits-default.tsv').map((columns) => {
    const [bucket = '', methods = '', match = '', window = '', scope = ''] = columns;
    return { bucket, methods, match, window, scope, workforce: columns[8] ?? '' };
  });
}

// What stands in the place of an id: Okta's own ids, logins, names, and what a careless tree would trip over.
const IDS = [
  '00ub0oNGTSWTBKOLGLNR',
  'isaac.brock@example.com',
  '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  'default',
  'v1',
  '__proto__',
  'constructor',
];

/** Rows of the buckets table that are no bucket of any path, with the reason. */
const NO_BUCKET: readonly (BucketRow & { readonly reason: string })[] = [
  {
    path: 'License',
    method: '',
    bucket: '',
    reason: 'a word of the licence notice in the source of the table',
  },
  { path: 'AS', method: 'IS', bucket: '', reason: 'two words of the same notice' },
];

/** Rows of the defaults table that no endpoint can carry, with the reason: one budget is for everybody. */
const NO_ENDPOINT: readonly { readonly bucket: string; readonly scope: string; readonly reason: string }[] = [
  { bucket: '/api/v1/authn', scope: 'username', reason: 'counted for each user name in the body' },
  { bucket: '/oauth2/v1/token', scope: 'username', reason: 'counted for each user name in the body' },
];

/** Buckets that the two tables name differently: as in the defaults, then as in the buckets. */
const ALIASES = new Map([
  ['/ (everything else, combined)', '/'],
  ['/api/v1/users/{idOrLogin}', '/api/v1/users/{id:.+}'],
  ['/api/v1/authn/factors/{id}/verify', '/api/v1/authn/factors/{factorIdOrFactorType}/verify'],
]);

/** The metadata of custom authorization servers, which the defaults do not list and docs/okta.md §5 says is free. */
const FREE_TWINS = [
  '/oauth2/{authorizationServerId}/.well-known/openid-configuration',
  '/oauth2/{authorizationServerId}/.well-known/oauth-authorization-server',
  '/oauth2/{authorizationServerId}/v1/keys',
];

/** Every fact of the defaults table that an endpoint carries, by the name of the endpoint. */
function readStated(): Map<string, { max: number | 'unlimited'; window: string }> {
  const carried = readDefaults().filter(
    (row) => !NO_ENDPOINT.some(({ bucket, scope }) => bucket === row.bucket && scope === row.scope),
  );
  const stated = carried.map((row) => {
    const free = row.scope === 'unlimited';
    const max = free ? ('unlimited' as const) : Number(row.workforce);
    return [ALIASES.get(row.bucket) ?? row.bucket, { max, window: free ? '60s' : `${row.window}s` }] as const;
  });
  const twins = FREE_TWINS.map((name) => [name, { max: 'unlimited' as const, window: '60s' }] as const);
  return new Map([...stated, ...twins]);
}

test('every endpoint for Okta has a name of its own, a maximum and a window', () => {
  expect(new Set(ENDPOINTS.map(({ name }) => name)).size).toBe(ENDPOINTS.length);
  for (const { name, max, window } of ENDPOINTS) {
    expect([name, max === 'unlimited' || (Number.isInteger(max) && max > 0)]).toEqual([name, true]);
    expect(window).toMatch(/^[1-9]\d*s$/);
  }
});

test('no request to Okta is without an endpoint', () => {
  expect(find('GET', '/').name).toBe('/');
  expect(find('TRACE', '/nothing/here').name).toBe('/');
});

test.each([
  [
    'GET',
    '/app/office365/exk1fcia6d6EMsf331d8/sso/wsfed/passive',
    '/app/office365{appType}/{key}/sso/wsfed/passive',
  ],
  ['POST', '/app/office365_gov/exk1/sso/wsfed/active', '/app/office365{appType}/{key}/sso/wsfed/active'],
  ['POST', '/app/salesforce/exk1/sso/saml', '/app/{app}/{key}/sso/saml'],
  ['POST', '/app/template_saml_2_0/exk1/sso/saml', '/app/template_saml_2_0/{key}/sso/saml'],
  ['POST', '/api/v1/radius/token/verify', '/api/{apiVersion}/radius'],
  ['GET', '/idp/idx/identify/select', '/idp/idx'],
  ['HEAD', '/api/v1/users/00ub0oNGTSWTBKOLGLNR', '/api/v1/users/{id:.+}'],
  ['GET', '/api/v1/api-tokens/', '/api/v1'],
])('%s %s falls into %s', (method, path, bucket) => {
  expect(find(method, path).name).toBe(bucket);
});

describe.skipIf(!existsSync(FACTS))("with Okta's tables in ../shared/okta (absent from a clone)", () => {
  test('every method and path of the buckets table falls into the bucket that the table names', () => {
    const rows = readBuckets();
    const odd = ({ path, method, bucket }: BucketRow) => ({ path, method, bucket });
    expect(rows).toHaveLength(984);
    expect(rows.filter(({ path }) => !path.startsWith('/'))).toEqual(NO_BUCKET.map(odd));

    const wrong = rows
      .filter(({ path }) => path.startsWith('/'))
      .flatMap((row) => IDS.map((id) => ({ ...row, path: row.path.replace(/\bID\b/g, id) })))
      .filter(({ method, path, bucket }) => find(method, path).name !== bucket);
    expect(wrong).toEqual([]);
  });

  test('every maximum and window of the defaults table is the one of its endpoint', () => {
    const own = new Map(ENDPOINTS.map(({ name, max, window }) => [name, { max, window }]));
    const stated = readStated();
    expect(stated.size).toBe(readDefaults().length - NO_ENDPOINT.length + FREE_TWINS.length);
    expect(Object.fromEntries([...stated.keys()].map((name) => [name, own.get(name)]))).toEqual(
      Object.fromEntries(stated),
    );
  });

  test('every row of the defaults table covers the methods and paths that it states', () => {
    const bare = readDefaults().filter(({ bucket }) => bucket.startsWith('/') && !bucket.includes(' '));
    const wrong = bare.flatMap(({ bucket, methods, match }) => {
      const path = bucket.replace(/\{\w+\}/g, 'k1');
      const paths = match === 'prefix' ? [path, `${path}/k2/k3/k4/k5/k6`] : [path];
      const requests = paths.flatMap((at) =>
        methods
          .replace('*', 'GET,PUT')
          .split(',')
          .map((by) => [by, at]),
      );
      return requests.filter(([by = '', at = '']) => find(by, at).name !== (ALIASES.get(bucket) ?? bucket));
    });
    expect(wrong).toEqual([]);
  });

  test('a bucket without a default has the maximum of the nearest bucket around it that has one', () => {
    const stated = readStated();
    const around = compileEndpoints(
      ENDPOINTS.filter(({ name }) => stated.has(name)),
      UNMATCHED,
    );
    const rows = readBuckets().filter(({ path, bucket }) => path.startsWith('/') && !stated.has(bucket));
    expect(rows.length).toBeGreaterThan(0);
    for (const { method, path } of rows) {
      const [bucket, outer] = [find(method, path), around(method, path)];
      expect({ ...bucket, max: outer.max, window: outer.window }).toEqual(bucket);
    }
  });

  test('every endpoint is a bucket of one of the two tables', () => {
    const known = new Set([...readBuckets().map(({ bucket }) => bucket), ...readStated().keys()]);
    expect(ENDPOINTS.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
  });
});
