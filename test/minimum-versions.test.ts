/**
 * Versions below which a package has a known hole on a path that Tollgate uses. Registries' audit services may be
 * out of reach where this is built, so the floor is held here.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { version?: string; hasInstallScript?: boolean }>;
};

const FLOORS: ReadonlyArray<readonly [name: string, floor: string, why: string]> = [
  ['node', '24.18.1', 'earlier parsers hide headers past the 2,000th while obeying them (CVE-2026-58044)'],
  [
    'undici',
    '7.29.0 or 8.9.0',
    'earlier retries could desynchronise a connection (CVE-2026-16728, CVE-2026-15157)',
  ],
  ['http-proxy-3', '2.0.1', 'carries WebSocket upgrades; must not fall behind'],
  ['ws', '8.21.1', 'fragment memory (CVE-2026-48779, CVE-2026-62389)'],
  ['ioredis', '6.0.0', 'earlier clusters could be polluted through a MOVED reply'],
  ['ipaddr.js', '2.5.0', 'reads only checked text here; must not fall behind'],
  ['fastify', '5.8.3', 'a baseline of the benchmarks; trustProxy hole (CVE-2026-3635)'],
  ['@fastify/http-proxy', '11.4.4', 'a baseline of the benchmarks; Connection strip (CVE-2026-33805)'],
];

const numbers = (version: string) => version.split('-')[0]?.split('.').map(Number) ?? [];

/** Where several majors are kept up, each has its own floor: `7.29.0 or 8.9.0`. */
function atLeast(version: string, floors: string): boolean {
  const each = floors.split(' or ');
  const ofSameMajor = each.find((floor) => numbers(floor)[0] === numbers(version)[0]);
  return atLeastFloor(version, ofSameMajor ?? each.at(-1) ?? '');
}

function atLeastFloor(version: string, floor: string): boolean {
  const [have, want] = [numbers(version), numbers(floor)];
  for (let index = 0; index < want.length; index++) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Every installed version of a package, nested ones too. */
function installed(name: string): string[] {
  return Object.entries(lock.packages)
    .filter(([path]) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`))
    .map(([, entry]) => entry.version ?? '0.0.0');
}

describe('minimum versions', () => {
  it.each(FLOORS)('%s is locked at %s or later: %s', (name, floor) => {
    const versions = installed(name);
    expect(versions.length).toBeGreaterThan(0);
    for (const version of versions) expect(atLeast(version, floor), `${name} ${version}`).toBe(true);
  });

  it('this process runs on a Node that has the parser fix', () => {
    expect(atLeast(process.versions.node, '24.18.1')).toBe(true);
  });

  it('only the package that brings Node runs a script when it is installed', () => {
    const scripted = Object.entries(lock.packages).filter(([, entry]) => entry.hasInstallScript);
    expect(scripted.map(([path]) => path)).toEqual(['node_modules/node']);
  });

  it('the lock file names no registry', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved":/);
  });
});
