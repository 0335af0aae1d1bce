/** Generated spellings of one path, more than a table could hold (B5 of docs/threats.md). */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Endpoint } from '../../../src/domain/endpoint.ts';
import { compileEndpoints } from '../../../src/domain/endpoint-match.ts';
import { tightestReading } from '../../../src/domain/endpoint-readings.ts';
import { normalTarget } from '../../../src/gateway/listen/target.ts';
import { LIMITED, READERS } from './tables/target.ts';

interface TestEndpoint extends Endpoint {
  readonly match: readonly string[];
}

const limited: TestEndpoint = { name: 'limited', match: [`* ${LIMITED}`], max: 1, windowSeconds: 60 };
const below: TestEndpoint = { name: 'below', match: ['* /api/**'], max: 100, windowSeconds: 60 };
const rest: TestEndpoint = { name: 'rest', match: [], max: null, windowSeconds: 60 };
const endpointOf = tightestReading(compileEndpoints([limited, below], rest));

const escaped = (character: string) => `%${character.charCodeAt(0).toString(16)}`;

/** Ways to write one character of a path. */
const SPELLINGS: readonly ((character: string) => string)[] = [
  (character) => character,
  (character) => character,
  (character) => character,
  (character) => character.toUpperCase(),
  escaped,
  (character) => escaped(character).toUpperCase(),
  (character) => escaped(character.toUpperCase()),
  (character) => escaped(character).replace('%', '%25'),
  (character) => `%25%${escaped(character).charCodeAt(1).toString(16)}${escaped(character).charAt(2)}`,
];
/** What may stand between two characters without meaning anything to somebody. */
const FILLERS = [
  ...[
    '',
    '',
    '',
    '',
    '',
    '',
    '/',
    '//',
    '/.',
    '/./',
    '/x/..',
    '/x/../',
    '\\',
    '%2f',
    '%5c',
    ';',
    ';x=y',
    '%3b',
    '%3Bx',
  ],
  ...[
    '/..;/',
    '%20',
    '%09',
    '%c2%a0',
    '%00',
    '%23',
    '%23x',
    '%3f',
    '%3Fx',
    '#',
    '?',
    '?x',
    '%2e',
    '.',
    '%252f',
    '%253b',
  ],
];

const spelling = fc
  .array(fc.tuple(fc.constantFrom(...SPELLINGS), fc.constantFrom(...FILLERS)), {
    minLength: LIMITED.length,
    maxLength: LIMITED.length,
  })
  .chain((parts) =>
    // Few changes at a time, or nothing is left of the path.
    fc.subarray([...parts.keys()], { maxLength: 3 }).map((changed) =>
      [...LIMITED]
        .map((character, at) => {
          const [spell, filler] = parts[at] ?? [String, ''];
          return changed.includes(at) ? spell(character) + filler : character;
        })
        .join(''),
    ),
  );

it('no spelling that some server reads as a limited path is matched as another', () => {
  let refused = 0;
  let limitedBySpelling = 0;
  fc.assert(
    fc.property(spelling, (url) => {
      const target = normalTarget(url);
      if (target === null) {
        refused += 1;
        return;
      }
      if (!READERS.some((read) => read(target.path) === LIMITED)) return;
      expect(endpointOf('GET', target.path).name).toBe('limited');
      if (target.path !== LIMITED) limitedBySpelling += 1;
    }),
    { numRuns: 5_000, seed: 4 },
  );
  expect(refused).toBeGreaterThan(500);
  expect(limitedBySpelling).toBeGreaterThan(50);
});
