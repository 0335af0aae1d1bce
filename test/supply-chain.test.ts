/** What comes with Tollgate from elsewhere, and what may. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<
    string,
    {
      version: string;
      license?: string;
      dev?: boolean;
      devOptional?: boolean;

      integrity?: string;
    }
  >;
};
const packages = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), ...entry }));
const shipped = packages.filter(({ dev, devOptional }) => dev !== true && devOptional !== true);

/** Licences under which a part of the product may stand: they ask for their text to stay, and for nothing else. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT'];

/** Bytes. */
const MOST_PRINTED = 64 * 1024 * 1024;

describe('the packages that Tollgate ships with', () => {
  it.each(shipped.map(({ name, license }) => [name, license ?? 'none']))(
    '%s is permissive: %s',
    (_, license) => {
      expect(PERMISSIVE).toContain(license);
    },
  );

  it('are listed with their licences in docs/licences.md, all of them, at their versions', () => {
    const rows = shipped.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`).sort();
    const listed = readFileSync(join(root, 'docs/licences.md'), 'utf8')
      .split('\n')
      .filter((line) => /^\| .+ \| \d/.test(line));
    expect(listed).toEqual([...new Set(rows)]);
  });
});

it('npm run sbom names every package that Tollgate ships with, and no other', () => {
  const printed = execFileSync(process.execPath, ['sbom.ts'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: MOST_PRINTED,
  });
  const { components } = JSON.parse(printed) as { components: { name: string; version: string }[] };
  const named = ({ name, version }: { name: string; version: string }) => `${name} ${version}`;
  expect(components.map(named).sort()).toEqual(shipped.map(named).sort());
});

it('every package is held to a checksum', () => {
  expect(packages.filter(({ integrity }) => integrity === undefined).map(({ name }) => name)).toEqual([]);
});
