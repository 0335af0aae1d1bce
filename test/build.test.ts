/** What `npm run build` makes: a program that needs node and nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../rolldown.config.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from './support/tollgate-process.ts';

const root = path.resolve(import.meta.dirname, '..');
let folder = '';

beforeAll(async () => {
  // Away from node_modules, where a package that is not inside would be found.
  folder = await mkdtemp(path.join(tmpdir(), 'tollgate-build-'));
  const { output, ...input } = config;
  const build = await rolldown({ ...input, cwd: root });
  await build.write({ ...output, dir: folder });
  await build.close();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the program that is built', () => {
  it('imports nothing but itself and what node brings', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.js'));
    const imported = files.flatMap((file) =>
      [
        ...readFileSync(path.join(folder, file), 'utf8').matchAll(
          /^(?:import|export) (?:.* from )?"([^"]+)";$/gm,
        ),
      ].map(([, name = '']) => name),
    );
    expect(imported.length).toBeGreaterThan(100);
    expect(imported.filter((name) => !name.startsWith('./') && !isBuiltin(name))).toEqual([]);
  });

  it('runs where there are no packages: it lets in, forwards, refuses and manages', async () => {
    const tollgate = new TollgateProcess(
      `
        store: { kind: embedded, path: ${path.join(folder, 'store.db')} }
        listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }
        forward: { upstreams: [{ name: echo, targets: ["builtin:echo"], paths: [/] }] }
      `,
      [],
      [],
      path.join(folder, 'main.js'),
    );
    await tollgate.ready();
    const headers = { authorization: `SSWS ${BOOTSTRAP_SECRET}` };
    const status = async (url: string, init?: RequestInit) => (await fetch(url, init)).status;
    expect(await status(tollgate.proxy, { headers })).toBe(200);
    expect(await status(tollgate.proxy)).toBe(403);
    // What is not plain goes through the other transport, with a library of its own.
    expect(
      await status(tollgate.proxy, {
        headers,
        method: 'POST',
        body: new Blob(['x']).stream(),
        duplex: 'half',
      }),
    ).toBe(200);
    expect(await status(`${tollgate.admin}/api/v1/api-tokens`, { headers })).toBe(200);
    expect(await status(`${tollgate.admin}/openapi.json`)).toBe(200);
    expect(await status(`${tollgate.metrics}/metrics`)).toBe(200);
    process.kill(tollgate.pid, 'SIGTERM');
    expect(await tollgate.ended).toBe(0);
  });

  it('has the licence of every package in it, all of which docs/licences.md lists', () => {
    const rule = '='.repeat(80);
    const notices = readFileSync(path.join(folder, 'LICENCES.txt'), 'utf8').split(`${rule}\n`);
    const inside = notices.flatMap(
      (text) => /^(\S+) (\d\S*): (.+)\n$/.exec(text)?.slice(1).join(' | ') ?? [],
    );
    const listed = readFileSync(path.join(root, 'docs/licences.md'), 'utf8');
    expect(inside.length).toBeGreaterThan(50);
    expect(inside.filter((row) => !listed.includes(`| ${row} |`))).toEqual([]);
    expect(notices.join('')).toContain('Permission is hereby granted, free of charge');
  });
});
