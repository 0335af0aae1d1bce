/**
 * The shape of the code, held by a test: which part may import which, and which third-party package belongs
 * where. Each rule stands beside its reason. A rule that names a folder or package that is gone fails too.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const src = join(root, 'src');

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(src, name));

interface Import {
  readonly from: string;
  readonly specifier: string;
}

const imports: readonly Import[] = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({
    from: relative(src, file),
    specifier: match[1] ?? '',
  })),
);

/** The file that a relative import names, from `src`. */
const target = ({ from, specifier }: Import) => relative(src, join(src, dirname(from), specifier));
const part = (file: string) => file.split('/').slice(0, 1).join('/');
const isRelative = ({ specifier }: Import) => specifier.startsWith('.') && !isManifest(specifier);
/** `package.json`, which says the version. */
const isManifest = (specifier: string) => basename(specifier) === 'package.json';

const MAY_IMPORT: Readonly<Record<string, { readonly parts: readonly string[]; readonly because: string }>> =
  {
    kernel: { parts: [], because: 'time and life cycle know nothing of tokens' },
    domain: { parts: ['kernel'], because: 'rules are pure: no socket, no store, no configuration file' },
    config: {
      parts: ['domain', 'kernel'],
      because: 'a configuration is checked by the rules, and starts nothing',
    },
    telemetry: { parts: ['domain', 'kernel'], because: 'what is observed does not steer' },
    store: { parts: ['domain', 'kernel'], because: 'an adapter serves the ports and knows neither plane' },
    gateway: { parts: ['domain', 'kernel'], because: 'the data plane reaches a store through ports alone' },
    control: {
      parts: ['domain', 'kernel'],
      because: 'management reaches the store and the gate through ports alone',
    },
    cli: {
      parts: ['config', 'control', 'domain', 'gateway', 'kernel', 'store', 'telemetry'],
      because: 'commands put the parts together',
    },
  };

const PACKAGES: Readonly<Record<string, { readonly in: readonly string[]; readonly because: string }>> = {
  '@opentelemetry/api': { in: ['telemetry/traces/'], because: 'only those who trace load OpenTelemetry' },
  '@opentelemetry/exporter-trace-otlp-proto': { in: ['telemetry/traces/'], because: 'the same' },
  '@opentelemetry/resources': { in: ['telemetry/traces/'], because: 'the same' },
  '@opentelemetry/sdk-trace': { in: ['telemetry/traces/'], because: 'the same' },
  commander: { in: ['main.ts', 'cli/'], because: 'only the command line parses arguments' },
  fastify: { in: ['control/'], because: 'only the management API is a web application' },
  'http-proxy-3': {
    in: ['gateway/transport/general/websocket'],
    because: 'it can be made to smuggle ordinary requests, so it carries WebSocket upgrades alone',
  },
  ioredis: { in: ['store/redis/'], because: 'a store is a port; Redis is one adapter of it' },
  'node:sqlite': { in: ['store/embedded/'], because: 'a store is a port; SQLite is one adapter of it' },
  'ipaddr.js': {
    in: ['domain/address', 'domain/zone'],
    because: 'it reads octal and short forms of addresses, so it sees only text that was checked first',
  },
  'lru-cache': { in: ['gateway/resolve/'], because: 'caching what the store said is the resolve stage' },
  pino: { in: ['telemetry/'], because: 'one place decides what a log line may hold' },
  'prom-client': { in: ['telemetry/'], because: 'every metric is declared in one place' },
  undici: {
    in: ['gateway/forward/', 'gateway/transport/general/'],
    because: 'only the general transport forwards with it',
  },
  yaml: { in: ['config/', 'cli/'], because: 'files for people are read where configuration is read' },
  zod: {
    in: ['config/', 'cli/', 'control/'],
    because: 'shapes of files and of request bodies are declared where they are read',
  },
};

describe('the parts', () => {
  for (const [name, { parts, because }] of Object.entries(MAY_IMPORT)) {
    it(`${name} imports only itself and [${parts.join(', ')}]: ${because}`, () => {
      expect(existsSync(join(src, name))).toBe(true);
      const allowed = new Set([...parts, name]);
      const offenders = imports
        .filter((each) => isRelative(each) && part(each.from) === name && !allowed.has(part(target(each))))
        .map((each) => `${each.from} imports ${target(each)}`);
      expect(offenders).toEqual([]);
    });
  }

  it('has a rule for every folder of src', () => {
    const folders = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map((folder) => folder.name).sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it('lets only the gate make a permit, so that nothing is forwarded undecided', () => {
    const makers = files
      .filter((file) => /\bpermit\(/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(src, file));
    expect(makers.sort()).toEqual(['gateway/decision.ts', 'gateway/gate.ts']);
  });
});

describe('third-party packages', () => {
  for (const [name, rule] of Object.entries(PACKAGES)) {
    it(`${name} is used in [${rule.in.join(', ')}] only: ${rule.because}`, () => {
      const users = imports.filter(({ specifier }) => specifier === name || specifier.startsWith(`${name}/`));
      expect(users.length).toBeGreaterThan(0);
      const offenders = users.filter(({ from }) => !rule.in.some((place) => from.startsWith(place)));
      expect(offenders.map(({ from }) => from)).toEqual([]);
    });
  }

  it('are declared here with the place they belong to, every one of them', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const declared = Object.keys(PACKAGES).filter((name) => !name.startsWith('node:'));
    expect(Object.keys(manifest.dependencies).sort()).toEqual(declared.sort());
  });
});
