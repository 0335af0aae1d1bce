import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig, type Problem, parseConfig } from '../../src/config/config.ts';

const FORWARD = "forward: { upstreams: [{ name: api, targets: ['http://127.0.0.1:9001'], paths: [/] }] }\n";

function config(text: string, env: Record<string, string> = {}) {
  return parseConfig(FORWARD + text, env, 'test.yaml');
}

function problems(text: string, env: Record<string, string> = {}): readonly Problem[] {
  try {
    parseConfig(text, env, 'test.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

describe('values', () => {
  test('durations become milliseconds', () => {
    const { resolve, listen, forward } = config(`
listen: { drainTimeout: 1h, idleTimeout: 2m }
resolve: { freshFor: 250ms, staleFor: 1d }
`);
    expect([listen.drainTimeout, listen.idleTimeout]).toEqual([3_600_000, 120_000]);
    expect([resolve.freshFor, resolve.staleFor]).toEqual([250, 86_400_000]);
    expect(forward.connectTimeout).toBe(2000);
  });

  test('sizes become bytes', () => {
    const { listen } = config(
      'listen: { headSize: 64KiB, targetSize: 512B, bodySize: 10MiB, bodyMinRate: null }',
    );
    expect([listen.headSize, listen.targetSize, listen.bodySize]).toEqual([65_536, 512, 10_485_760]);
    expect(listen.bodyMinRate).toBeNull();
    expect(config('listen: { bodySize: 1TiB }').listen.bodySize).toBe(1024 ** 4);
  });

  test('listeners become host and port, of IPv4 and of IPv6', () => {
    const { listen } = config("listen: { proxy: 0.0.0.0:80, admin: '[::1]:8081', metrics: 127.0.0.1:0 }");
    expect(listen.proxy).toEqual({ host: '0.0.0.0', port: 80 });
    expect(listen.admin).toEqual({ host: '::1', port: 8081 });
    expect(listen.metrics).toEqual({ host: '127.0.0.1', port: 0 });
  });

  test('two listeners may both take any free port', () => {
    const { listen } = config('listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }');
    expect(listen.admin).toEqual(listen.metrics);
  });

  test('an endpoint has the form that the domain takes: a list of rules, null for unlimited, seconds', () => {
    const { endpoints, limit } = config(`
limit: { unmatched: { max: unlimited, window: 1m } }
endpoints:
  - { name: one, match: 'GET /a/{id}', max: 10, window: 2m, concurrent: 75 }
  - { name: more, match: ['GET /b', 'POST /b'], max: unlimited }
`);
    expect(endpoints).toEqual([
      { name: 'one', match: ['GET /a/{id}'], max: 10, windowSeconds: 120, concurrent: 75 },
      { name: 'more', match: ['GET /b', 'POST /b'], max: null, windowSeconds: 60, concurrent: null },
    ]);
    expect(limit.unmatched).toEqual({ max: null, windowSeconds: 60, concurrent: null });
  });

  test('a target becomes its origin, and the built-in echo stays a name', () => {
    const { forward } = parseConfig(
      `forward:
  upstreams:
    - name: a
      targets: ['https://API.example.com:443/', 'http://[::1]:9001', 'http://10.0.0.1']
      paths: [/]
    - { name: b, targets: ['builtin:echo'], paths: [/echo] }
`,
      {},
      'test.yaml',
    );
    expect(forward.upstreams.map(({ targets }) => targets)).toEqual([
      ['https://api.example.com', 'http://[::1]:9001', 'http://10.0.0.1'],
      ['builtin:echo'],
    ]);
  });

  test('a header for tokens is in small letters, as headers are compared', () => {
    expect(config('resolve: { header: X-API-Key }').resolve.header).toBe('x-api-key');
  });

  test('the configuration cannot be changed, at any depth', () => {
    const { listen, endpoints, forward } = config('endpoints: [{ name: a, match: GET /a, max: 1 }]');
    for (const part of [
      listen,
      listen.proxy,
      endpoints,
      endpoints[0],
      endpoints[0]?.match,
      forward.upstreams,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe('the environment', () => {
  test('gives any value: text, number, true, null, a word, a duration, and a list as text with commas', () => {
    const read = config(
      `
listen: { maxConnections: "\${CONNECTIONS}", headTimeout: "\${TIMEOUT}" }
resolve: { pepper: "\${PEPPER}", header: "\${HEADER:-null}" }
zone: { trustedProxies: "\${PROXIES}" }
log: { level: "\${LEVEL:-warn}", access: "\${ACCESS}" }
endpoints:
  - { name: a, match: GET /a, max: "\${MAX}" }
`,
      {
        CONNECTIONS: '7',
        TIMEOUT: '3s',
        PEPPER: '12345678901234567890123456789012',
        PROXIES: '10.0.0.0/8, ::1',
        ACCESS: 'true',
        MAX: 'unlimited',
      },
    );
    expect(read.listen).toMatchObject({ maxConnections: 7, headTimeout: 3000 });
    expect(read.resolve).toMatchObject({ pepper: '12345678901234567890123456789012', header: null });
    expect(read.zone.trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect(read.log).toEqual({ level: 'warn', access: true, accessSample: 1 });
    expect(read.endpoints[0]?.max).toBeNull();
  });

  test('gives a part of a value, several times in one', () => {
    const { listen } = config(`listen:\n  proxy: \${HOST}:\${PORT:-8088}\n`, { HOST: '10.1.2.3' });
    expect(listen.proxy).toEqual({ host: '10.1.2.3', port: 8088 });
  });

  test('needs no quotes outside of braces and brackets', () => {
    expect(config(`workers: \${WORKERS:-1}`).workers).toBe(1);
  });

  test('stands in with the default for a variable that is empty, as a shell does', () => {
    expect(config(`log: { level: "\${LEVEL:-debug}" }`, { LEVEL: '' }).log.level).toBe('debug');
    expect(problems(`${FORWARD}log: { level: "\${LEVEL}" }`, { LEVEL: '' })).toMatchObject([
      { path: 'log.level', message: expect.stringContaining('LEVEL is empty') },
    ]);
  });

  test('is not looked at for what a variable holds', () => {
    const found = problems(`${FORWARD}endpoints: [{ name: "\${A}", match: GET /a, max: 1 }]`, {
      A: `\${B}`,
      B: 'b',
    });
    expect(found).toMatchObject([
      { path: 'endpoints[0].name', message: expect.stringContaining(`not "\${B}"`) },
    ]);
  });

  test('cannot add a setting, whatever a variable holds', () => {
    const found = problems(`${FORWARD}log:\n  level: \${LEVEL}\n`, { LEVEL: 'info\nworkers: 7' });
    expect(found).toMatchObject([{ path: 'log.level' }]);
  });

  test('is asked only where a value stands, not in comments', () => {
    expect(config(`# \${NOT_SET}\nworkers: 1 # \${NOT_SET}\n`).workers).toBe(1);
  });

  test('names the Redis of the store, in place of any other store', () => {
    const env = { TOLLGATE_REDIS_URL: 'rediss://10.0.0.9:6380/2' };
    expect(config('store: { kind: embedded, path: ./x.db }', env).store).toMatchObject({
      kind: 'redis',
      url: 'rediss://10.0.0.9:6380/2',
      prefix: 'tg:',
      commandTimeout: 250,
    });
    expect(
      config("store: { kind: redis, url: 'redis://10.0.0.1', prefix: 'other:' }", env).store,
    ).toMatchObject({
      url: 'rediss://10.0.0.9:6380/2',
      prefix: 'other:',
    });
    expect(config('', { TOLLGATE_REDIS_URL: '' }).store.kind).toBe('embedded');
  });

  test('is named when the Redis that it gives is refused', () => {
    expect(problems(FORWARD, { TOLLGATE_REDIS_URL: 'http://10.0.0.9' })).toMatchObject([
      { path: 'store.url', line: 1, message: expect.stringMatching(/redis:\/\/.*\(TOLLGATE_REDIS_URL\)$/) },
    ]);
  });
});

describe('problems', () => {
  test('are all told at once, in the order of the lines, those between settings too', () => {
    const found = problems(`listen:
  proxy: 8080
  headSize: 4KiB
  targetSize: 4KiB
resolve:
  freshfor: 5s
endpoints:
  - { name: a, match: GET /a, max: 0 }
  - { name: a, match: GET /a, max: 10, window: 60 }
forward:
  upstreams:
    - { name: api, targets: [ftp://127.0.0.1], paths: [/] }
    - { name: api, targets: ['http://127.0.0.1:9001'], paths: [/] }
workers: 0
`);
    expect(found.map(({ line, path }) => `${line} ${path}`)).toEqual([
      '2 listen.proxy',
      '4 listen.targetSize',
      '6 resolve.freshfor',
      '8 endpoints[0].max',
      '9 endpoints[1].name',
      '9 endpoints[1].match',
      '9 endpoints[1].window',
      '12 forward.upstreams[0].targets[0]',
      '13 forward.upstreams[1].name',
      '13 forward.upstreams[1].paths',
      '14 workers',
    ]);
  });

  test('are told one for each unknown key of a section', () => {
    const found = problems(`${FORWARD}log: { levle: info, acces: true, colour: red }`);
    expect(found.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'log.levle there is no such setting; did you mean level?',
      'log.acces there is no such setting; did you mean access?',
      'log.colour there is no such setting here; there are level, access, accessSample',
    ]);
  });

  test('name the text that was written for a list, not an entry it does not have', () => {
    expect(problems(`${FORWARD}zone: { trustedProxies: '10.0.0.0/8, nowhere' }`)).toMatchObject([
      { path: 'zone.trustedProxies' },
    ]);
  });

  test('never show a secret', () => {
    const secret = 'hunter2-hunter2';
    const text = `
store: { kind: redis, url: 'redis://user:${secret}@127.0.0.1:6379/x/y' }
resolve: { pepper: ${secret} }
forward: { upstreams: [{ name: a, targets: ['http://user:${secret}@127.0.0.1:9001'], paths: [/] }] }
`;
    const found = problems(text);
    expect(found.map(({ path }) => path)).toEqual([
      'store.url',
      'resolve.pepper',
      'forward.upstreams[0].targets[0]',
    ]);
    expect(JSON.stringify(found)).not.toContain('hunter2');
    expect(JSON.stringify(problems(`store: 'redis://user:${secret}@127.0.0.1'\n`))).not.toContain('hunter2');
  });

  test('are the message of the error, one line each', () => {
    expect(() => config('workers: 0\nlog: { access: 1 }')).toThrow(
      /^test\.yaml:2:1 workers: must be .*\ntest\.yaml:3:8 log\.access: must be true or false, not 1$/,
    );
  });
});

describe('endpoint files', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tollgate-config-'));
    writeFileSync(
      join(folder, 'more.yaml'),
      `endpoints: [{ name: more, match: GET /more, max: "\${MORE:-5}" }]\n`,
    );
    writeFileSync(join(folder, 'most.yaml'), 'endpoints:\n  - { name: most, match: GET /most, max: 9 }\n');
    writeFileSync(
      join(folder, 'bad.yaml'),
      'endpoints:\n  - { name: fine, match: GET /fine, max: 9 }\n  - { name: most, match: GET /most, max: x }\n',
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function load(text: string, env: Record<string, string> = {}) {
    writeFileSync(join(folder, 'main.yaml'), FORWARD + text);
    return loadConfig(join(folder, 'main.yaml'), env);
  }

  test('add their endpoints behind those of the file that names them, relative to it', () => {
    const { endpoints } = load(
      'endpointFiles: [./more.yaml, most.yaml]\nendpoints: [{ name: own, match: GET /, max: 1 }]',
      {
        MORE: '6',
      },
    );
    expect(endpoints.map(({ name, max }) => [name, max])).toEqual([
      ['own', 1],
      ['more', 6],
      ['most', 9],
    ]);
  });

  test('may be named by their whole path', () => {
    expect(load(`endpointFiles: ['${join(folder, 'more.yaml')}']`).endpoints).toHaveLength(1);
  });

  test('are judged with all others, and problems are told in the file that has them', () => {
    expect(() => load('endpointFiles: [most.yaml, bad.yaml]\nworkers: 0')).toThrow(ConfigError);
    try {
      load('endpointFiles: [most.yaml, bad.yaml]\nworkers: 0');
    } catch (error) {
      const found = error instanceof ConfigError ? error.problems : [];
      expect(found.map(({ file, line, path }) => `${file.slice(folder.length + 1)}:${line} ${path}`)).toEqual(
        [
          'main.yaml:3 workers',
          'bad.yaml:3 endpoints[1].name',
          'bad.yaml:3 endpoints[1].match',
          'bad.yaml:3 endpoints[1].max',
        ],
      );
    }
  });
});

test('a configuration file that is not there is a problem with its name', () => {
  expect(() => loadConfig('/nowhere/tollgate.yaml', {})).toThrow(
    /^\/nowhere\/tollgate\.yaml:1:1 cannot be read: ENOENT/,
  );
});
