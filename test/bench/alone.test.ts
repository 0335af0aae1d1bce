import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const bench = path.join(root, 'bench');
const IMPORT = /(?:from|import)\s*\(?\s*'([^']+)'/g;

/** Every file that is read when this one is, and every package. */
function reached(file: string, known = new Set<string>()): Set<string> {
  if (known.has(file)) return known;
  known.add(file);
  for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    if (name.startsWith('.')) reached(path.resolve(path.dirname(file), name), known);
    else known.add(name);
  }
  return known;
}

const commands = readdirSync(bench).filter((name) => name.endsWith('.ts'));

test.each(commands)('bench/%s runs without the test runner', (command) => {
  expect(reached(path.join(bench, command))).not.toContain('vitest');
});

test('every benchmark that package.json or a page names exists', () => {
  const pages = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(root, 'docs', name));
  const named = [path.join(root, 'package.json'), ...pages].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/node (bench\/[\w/-]+\.ts)/g)].map(([, script = '']) => script),
  );
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((script) => !existsSync(path.join(root, script)))).toEqual([]);
});
