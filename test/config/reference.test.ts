import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig, parseConfig } from '../../src/config/config.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const REFERENCE = readFileSync(`${ROOT}config/tollgate.yaml`, 'utf8');
const MINIMAL = "forward: { upstreams: [{ name: api, targets: ['http://127.0.0.1:9001'], paths: [/] }] }\n";

/** The reference with the store that it shows in comments in place of the one it has. */
function withOtherStore(reference: string): string {
  const [block = ''] = /^# store:\n(?:# .*\n)+/m.exec(reference) ?? [];
  const other = block.replaceAll(/^# /gm, '');
  return reference.replace(/^store:\n(?: .*\n)+/m, other);
}

interface Setting {
  readonly path: string;
  readonly sentence: string | undefined;
}

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every setting of a JSON schema; of a list, those of its entries. */
function settings(schema: unknown, path: string[] = []): Setting[] {
  if (!isNode(schema)) return [];
  const own =
    path.length === 0 ? [] : [{ path: path.join('.'), sentence: schema['description']?.toString() }];
  const entry = isNode(schema['items']) && isNode(schema['items']['properties']) ? schema['items'] : {};
  const kinds = Array.isArray(schema['oneOf']) ? schema['oneOf'] : [];
  const properties = [schema, entry, ...kinds].flatMap((node) =>
    isNode(node['properties']) ? [node['properties']] : [],
  );
  return [
    ...own,
    ...properties.flatMap((part) =>
      Object.entries(part).flatMap(([key, node]) => settings(node, [...path, key])),
    ),
  ];
}

/** Every path of keys that the values hold; the entries of a list have that of the list. */
function paths(value: unknown, path: string[] = []): string[] {
  const parts: [string[], unknown][] = Array.isArray(value)
    ? value.map((entry) => [path, entry])
    : Object.entries(isNode(value) ? value : {}).map(([key, part]) => [[...path, key], part]);
  return [path.join('.'), ...parts.flatMap(([where, part]) => paths(part, where))];
}

describe('config/tollgate.yaml, the reference', () => {
  const shown = new Set([...paths(parse(REFERENCE)), ...paths(parse(withOtherStore(REFERENCE)))]);
  const comments = REFERENCE.replaceAll(/\n[ #-]*# /g, ' ').replaceAll(/\s+/g, ' ');

  test.each(settings(configJsonSchema()))('shows $path and says its sentence', ({ path, sentence }) => {
    expect(shown).toContain(path);
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(comments).toContain(sentence);
  });

  test('shows the defaults: all but the endpoints and upstreams is what a file without settings gets', () => {
    const { endpoints, forward, ...others } = loadConfig(`${ROOT}config/tollgate.yaml`, {});
    const { endpoints: _, forward: defaultForward, ...defaults } = parseConfig(MINIMAL, {}, 'minimal.yaml');
    expect(others).toEqual(defaults);
    expect(forward).toEqual(defaultForward);
    expect(endpoints.map(({ name }) => name)).toEqual(['users-by-id', 'users']);
  });

  test('shows the defaults of the other kind of store, in comments', () => {
    const { store } = parseConfig(withOtherStore(REFERENCE), {}, `${ROOT}config/tollgate.yaml`);
    expect(store).toEqual(parseConfig(`${MINIMAL}store: { kind: redis }`, {}, 'minimal.yaml').store);
  });
});

describe('the files that come along', () => {
  test('config/quickstart.yaml needs nothing else: one file, an upstream that is built in', () => {
    const { store, forward, endpoints, zone, limit } = loadConfig(`${ROOT}config/quickstart.yaml`, {});
    expect(store).toEqual({ kind: 'embedded', path: './data/quickstart.db' });
    expect(forward.upstreams).toMatchObject([{ name: 'echo', targets: ['builtin:echo'], paths: ['/'] }]);
    expect(zone.trustedProxies).toEqual(['127.0.0.0/8', '::1']);
    expect(limit.defaultPercentage).toBe(50);
    expect(endpoints).toEqual([
      { name: 'hello', match: ['GET /hello'], max: 1000, windowSeconds: 60, concurrent: null },
      { name: 'limited', match: ['GET /limited'], max: 6, windowSeconds: 60, concurrent: null },
    ]);
  });

  test('config/okta-endpoints.yaml can be named in endpointFiles', () => {
    const text = `${MINIMAL}endpointFiles: [./okta-endpoints.yaml]\n`;
    const { endpoints } = parseConfig(text, {}, `${ROOT}config/tollgate.yaml`);
    expect(endpoints.length).toBeGreaterThan(50);
  });

  test('every example in docs/configuration.md is a good configuration', () => {
    const page = readFileSync(`${ROOT}docs/configuration.md`, 'utf8');
    const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
    expect(examples.length).toBeGreaterThan(3);
    const env = { TOLLGATE_PEPPER: 'nUbKZP5L2cXqYw8mVt4RdHs7GfJe3aQ6' };
    for (const example of examples) {
      const whole = example.includes('forward:') ? example : MINIMAL + example;
      expect(() => parseConfig(whole, env, `${ROOT}config/example.yaml`), example).not.toThrow();
    }
  });
});

describe('config/tollgate.schema.json', () => {
  const written: unknown = JSON.parse(readFileSync(`${ROOT}config/tollgate.schema.json`, 'utf8'));

  test('is what src/config/write-json-schema.ts writes', () => {
    expect(written).toEqual(configJsonSchema());
  });

  const editor = z.fromJSONSchema(configJsonSchema());

  test.each(['tollgate.yaml', 'quickstart.yaml'])('lets an editor accept %s', (name) => {
    expect(editor.safeParse(parse(readFileSync(`${ROOT}config/${name}`, 'utf8'))).error).toBeUndefined();
  });

  test('lets an editor accept a reference to the environment wherever a value stands', () => {
    const text = `${MINIMAL}
workers: \${WORKERS:-1}
log: { access: "\${ACCESS}", level: "\${LEVEL}" }
listen: { proxy: "\${HOST}:8080", headTimeout: "\${TIMEOUT}" }
zone: { trustedProxies: "\${PROXIES}" }
`;
    expect(editor.safeParse(parse(text)).error).toBeUndefined();
  });

  test.each(['workerz: 1', 'workers: many', 'listen: { headTimeout: 5 }', 'log: { level: loud }'])(
    'lets an editor refuse %s',
    (text) => {
      expect(editor.safeParse(parse(MINIMAL + text)).success).toBe(false);
    },
  );
});
