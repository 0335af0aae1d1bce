import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const page = readFileSync(join(import.meta.dirname, '../../../docs/threats.md'), 'utf8');
const tables = readdirSync(join(import.meta.dirname, 'tables'));
const here = readdirSync(import.meta.dirname);
const rows = [...page.matchAll(/^\| ([AB]\d+) \|.*\| ([^|]+) \|$/gm)].map(([, id = '', tests = '']) => ({
  id,
  tests,
}));
const numbered = (letter: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${letter}${at + 1}`);

describe('docs/threats.md', () => {
  it('has a row for each threat', () => {
    expect(rows.map(({ id }) => id)).toEqual([...numbered('A', 13), ...numbered('B', 15)]);
  });

  const faults = [...page.matchAll(/^\| (C\d+) \|.*\| ([^|]+) \|$/gm)].map(([, id = '', tests = '']) => ({
    id,
    files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  }));
  it.each(faults)('names for $id tests that are there', ({ files }) => {
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(existsSync(join(import.meta.dirname, '../..', file))).toBe(true);
  });

  it.each(rows)('names for $id tests that are there and name it', ({ id, tests }) => {
    if (id === 'B15') {
      expect(tests).toBe('none');
      return;
    }
    const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const path = tables.includes(file) ? join('tables', file) : file;
      expect([...tables, ...here]).toContain(file);
      expect(covered(readFileSync(join(import.meta.dirname, path), 'utf8'))).toContain(id);
    }
  });
});

/** The threats that a table says it covers: `A1–A7, A10`. */
function covered(source: string): string[] {
  const said = /\(([AB][^)]*) of docs\/threats\.md\)/.exec(source)?.[1] ?? '';
  return said.split(', ').flatMap((part) => {
    const [first = '', last = first] = part.split('–');
    const letter = first.charAt(0);
    const from = Number(first.slice(1));
    return Array.from({ length: Number(last.slice(1)) - from + 1 }, (_, at) => `${letter}${from + at}`);
  });
}
