import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, type Problem, parseConfig } from '../../src/config/config.ts';
import { parseDuration, parseSize } from '../../src/config/units.ts';
import { anyText } from '../support/any-text.ts';

const UPSTREAM = { name: 'api', targets: ['http://127.0.0.1:9001'], paths: ['/'] };

/** The problems of a text; any other exception is a bug and goes through. */
function problems(text: string, env: Record<string, string> = {}): readonly Problem[] {
  try {
    parseConfig(text, env, 'test.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

const sectionName = fc.constantFrom(
  'listen',
  'store',
  'resolve',
  'zone',
  'limit',
  'endpointFiles',
  'endpoints',
  'forward',
  'refusals',
  'account',
  'log',
  'workers',
  '__proto__',
);
const settingName = fc.constantFrom(
  'kind',
  'name',
  'match',
  'max',
  'window',
  'upstreams',
  'targets',
  'paths',
  'proxy',
  'schemes',
  'header',
  'toString',
);
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(
    settingName,
    fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(fc.dictionary(settingName, fc.jsonValue({ maxDepth: 1 })), { maxLength: 3 }),
    ),
    { maxKeys: 6 },
  ),
  fc.array(fc.dictionary(settingName, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }), { maxLength: 3 }),
);

test('whatever values a file holds, it is read or refused with problems that name a line', () => {
  fc.assert(
    fc.property(fc.dictionary(sectionName, anything, { maxKeys: 6 }), (values) => {
      for (const { line, message } of problems(stringify(values))) {
        expect(line).toBeGreaterThan(0);
        expect(message).not.toBe('');
      }
    }),
    { seed: 20261121, numRuns: 300 },
  );
});

test('whatever text a file holds, it is read or refused with problems', () => {
  const piece = fc.constantFrom(
    'forward:',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '${',
    `\${A}`,
    ':',
    '&a',
    '*a',
    '!!map',
    '#',
    '|',
    '>',
    '\t',
    '\u0000',
    '\ufeff',
    '---',
    '%YAML',
    'a',
    '1',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      expect(problems(pieces.join('')).length).toBeGreaterThan(0);
    }),
    { seed: 20261121, numRuns: 1000 },
  );
});

test('text that nests without end is refused', () => {
  for (const text of ['['.repeat(20_000), '{"a":'.repeat(20_000), '- '.repeat(20_000)]) {
    expect(problems(text).length).toBeGreaterThan(0);
  }
});

test('whatever a variable holds, it is the value of one setting and changes no other', () => {
  const text = stringify({
    forward: { upstreams: [UPSTREAM] },
    resolve: { pepper: `\${SECRET}` },
    limit: { defaultPercentage: 7 },
  });
  const secret = fc.oneof(anyText({ minLength: 1 }), fc.string({ minLength: 32, unit: 'grapheme-ascii' }));
  fc.assert(
    fc.property(secret, (SECRET) => {
      const found = problems(text, { SECRET });
      if (found.length > 0) {
        expect(found.map(({ path }) => path)).toEqual(['resolve.pepper']);
        return;
      }
      const { resolve, limit } = parseConfig(text, { SECRET }, 'test.yaml');
      expect(resolve.pepper).toBe(SECRET);
      expect(limit.defaultPercentage).toBe(7);
    }),
    { seed: 20261121, numRuns: 200 },
  );
});

test('a duration or a size is a whole number and a unit, and nothing else', () => {
  const units = fc.constantFrom(
    'ms',
    's',
    'm',
    'h',
    'd',
    'B',
    'KiB',
    'MiB',
    'GiB',
    'TiB',
    'us',
    'S',
    'kb',
    'KB',
    'M',
    '',
  );
  const factors: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
  const sizes: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
  fc.assert(
    fc.property(fc.nat(999_999_999), units, (count, unit) => {
      const factor = factors[unit];
      const size = sizes[unit];
      expect(parseDuration(`${count}${unit}`)).toBe(factor === undefined ? null : count * factor);
      expect(parseSize(`${count}${unit}`)).toBe(size === undefined ? null : count * size);
    }),
    { seed: 20261121 },
  );
  for (const text of [
    '',
    's',
    '-5s',
    '+5s',
    '1.5s',
    '5 s',
    ' 5s',
    '5s ',
    '1m30s',
    '5s\n',
    '٥s',
    '1e3s',
    '0x5s',
  ]) {
    expect(parseDuration(text), text).toBeNull();
    expect(parseSize(text.replace('s', 'B')), text).toBeNull();
  }
});
