import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig, problemLine } from '../../src/config/config.ts';

const FOLDER = fileURLToPath(new URL('./bad/', import.meta.url));
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

/** A bad file begins with the line that is said about it. */
function expectedLine(name: string): string {
  const [first = ''] = readFileSync(FOLDER + name, 'utf8').split('\n');
  return first.replace(/^# /, '');
}

function problemLines(name: string): string[] {
  try {
    loadConfig(FOLDER + name, {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => problemLine(problem).replaceAll(FOLDER, ''));
  }
}

describe('a mistake in the file is refused once, with its place and what would be right', () => {
  test.each(FILES)('%s', (name) => {
    expect(problemLines(name)).toEqual([expectedLine(name)]);
  });
});
