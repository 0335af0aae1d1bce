import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileEndpoints, parseMatch, sameClaim } from '../../src/domain/endpoint-match.ts';
import { oracle, oracleTie } from './endpoint-oracle.ts';

const FALLBACK = { name: 'fallback', match: [] };

/** One endpoint for each rule, named by it; answers with the winner's name, or `fallback`. */
function matcher(rules: readonly string[]): (method: string, path: string) => string {
  const endpoints = rules.map((rule) => ({ name: rule, match: [rule] }));
  const find = compileEndpoints(endpoints, FALLBACK);
  return (method, path) => find(method, path).name;
}

describe('a rule covers exactly what it says', () => {
  test.each([
    ['GET /x', 'GET', '/x', true],
    ['GET /x', 'PUT', '/x', false],
    ['GET /x', 'HEAD', '/x', true],
    ['PUT /x', 'HEAD', '/x', false],
    ['* /x', 'PROPFIND', '/x', true],
    ['GET /x', 'GET', '/x/', true],
    ['GET /x', 'GET', '/x/y', false],
    ['GET /x', 'GET', '/X', true],
    ['GET /Xy', 'GET', '/xY', true],
    ['GET /a{x}B', 'GET', '/A1b', true],
    ['GET /x', 'get', '/x', false],
    ['GET /x', 'GET', '/xy', false],
    ['GET /x', 'GET', '/', false],
    ['GET /', 'GET', '/', true],
    ['GET /', 'GET', '/x', false],
    ['* /**', 'GET', '/', true],
    ['* /**', 'GET', '/a/b/c', true],
    ['* /x/**', 'GET', '/x', true],
    ['* /x/**', 'GET', '/x/', true],
    ['* /x/**', 'GET', '/x/a/b', true],
    ['* /x/**', 'GET', '/xy', false],
    ['GET /x/{id}', 'GET', '/x/1', true],
    ['GET /x/{id}', 'GET', '/x/1/', true],
    ['GET /x/{id}', 'GET', '/x', false],
    ['GET /x/{id}', 'GET', '/x/', false],
    ['GET /x/{id}', 'GET', '/x/1/2', false],
    ['GET /x/{id}', 'GET', '/x//', false],
    ['GET /{id}/x', 'GET', '//x', false],
    ['GET /x/{id}', 'GET', '/x/__proto__', true],
    ['* /__proto__/**', 'GET', '/__proto__/a', true],
    ['* /x/**', 'GET', '/__proto__', false],
    ['* /x/**', 'GET', '/constructor', false],
    ['* /x/**', 'constructor', '/x', true],
    ['GET /office365{type}/a', 'GET', '/office365_gov/a', true],
    ['GET /office365{type}/a', 'GET', '/office365/a', true],
    ['GET /office365{type}/a', 'GET', '/office36/a', false],
    ['GET /ab{x}ba', 'GET', '/abba', true],
    ['GET /ab{x}ba', 'GET', '/aba', false],
    ['GET /caf%C3%A9', 'GET', '/caf%C3%A9', true],
  ])('%s covers %s %s: %s', (rule, method, path, covered) => {
    expect(matcher([rule])(method, path)).toBe(covered ? rule : 'fallback');
  });
});

describe('of two rules that match, the more specific wins, in whichever order they are given', () => {
  test.each([
    ['an exact path over a prefix', 'GET', '/x/me', '* /x/{id}', 'GET /x/me/**'],
    ['a longer prefix over a shorter', 'GET', '/a/b/c', '* /{x}/b/**', '* /a/**'],
    ['a literal over a variable', 'GET', '/x/me', '* /x/me', 'GET /x/{id}'],
    ['a literal at the first difference', 'GET', '/a/b', 'GET /a/{y}', 'GET /{x}/b'],
    ['the same between prefixes', 'GET', '/a/b/c', '* /a/{y}/**', '* /{x}/b/**'],
    ['more fixed text over less', 'GET', '/abc', 'GET /{x}bc', 'GET /a{x}'],
    ['as much fixed text, more of it in front', 'GET', '/abc', 'GET /ab{x}', 'GET /a{x}c'],
    ['fixed text over none', 'GET', '/abc', 'GET /a{x}', 'GET /{x}'],
    ['a literal over fixed text', 'GET', '/abc', 'GET /abc', 'GET /abc{x}'],
    ['a named method over any', 'GET', '/x/1', 'GET /x/{id}', '* /x/{id}'],
    ['HEAD for HEAD over GET', 'HEAD', '/x', 'HEAD /x', 'GET /x'],
    ['GET for HEAD over any', 'HEAD', '/x', 'GET /x', '* /x'],
    ['a path for HEAD by GET over a wider HEAD', 'HEAD', '/x/1', 'GET /x/{id}', 'HEAD /x/**'],
  ])('%s', (_, method, path, winner, loser) => {
    expect(matcher([winner, loser])(method, path)).toBe(winner);
    expect(matcher([loser, winner])(method, path)).toBe(winner);
    expect(matcher([loser])(method, path)).toBe(loser);
  });
});

test('a rule that does not cover the method leaves the request to a wider one that does', () => {
  expect(matcher(['GET /x/1', '* /x/{id}', 'GET /x/**'])('PUT', '/x/1')).toBe('* /x/{id}');
  expect(matcher(['GET,PUT /x/{id}', '* /x/**'])('PATCH', '/x/1')).toBe('* /x/**');
});

test('an endpoint with several rules covers what any of them covers', () => {
  const users = { name: 'users', match: ['* /users/**', 'POST /users/me'] };
  const one = { name: 'one', match: ['* /users/{id}'] };
  const find = compileEndpoints([users, one], FALLBACK);
  expect(find('POST', '/users/me')).toBe(users);
  expect(find('GET', '/users/me')).toBe(one);
  expect(find('GET', '/users')).toBe(users);
});

test('two endpoints with the same claim are refused', () => {
  const endpoints = [
    { name: 'a', match: ['GET /x/{id}'] },
    { name: 'b', match: ['GET,PUT /x/{name}'] },
  ];
  expect(() => compileEndpoints(endpoints, FALLBACK)).toThrow(
    "another endpoint already claims what 'GET,PUT /x/{name}' does: give it to one of them",
  );
});

test('two endpoints whose claims differ in the case of letters alone are refused', () => {
  expect(() => matcher(['GET /x/{id}/Y', 'GET /X/{id}/y'])).toThrow('another endpoint already claims');
});

test('an endpoint may say the same twice', () => {
  const twice = { name: 'a', match: ['GET /x/{id}', 'GET,PUT /x/{name}'] };
  expect(compileEndpoints([twice], FALLBACK)('PUT', '/x/1')).toBe(twice);
});

test('a path of a hundred thousand segments is matched no deeper than the rules go', () => {
  const find = matcher(['* /{a}/{b}/**', '* /{a}/{b}/{c}/x']);
  expect(find('GET', '/a'.repeat(100_000))).toBe('* /{a}/{b}/**');
});

// Few words, so that generated rules and paths meet often.
const variable = fc.constantFrom('{}', '{}', 'a{}', '{}b', 'ab{}', 'a{}b', '{}ab', 'ab{}ba');
const literal = fc.constantFrom('a', 'b', 'ab', 'aab', 'aB', '__proto__', 'constructor');
const methods = fc.oneof(
  fc.constant('*'),
  fc.subarray(['GET', 'HEAD', 'POST'], { minLength: 1 }).map((names) => names.join(',')),
);
const rule = fc
  .record({
    methods,
    segments: fc.array(fc.oneof(literal, variable), { maxLength: 4 }),
    below: fc.boolean(),
    names: fc.constantFrom('p', 'q'),
  })
  .map(({ methods, segments, below, names }) => {
    const parts = segments.map((segment, index) => segment.replace('{}', `{${names}${index}}`));
    if (below) parts.push('**');
    return `${methods} /${parts.join('/')}`;
  });
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE');
const pathSegment = fc.oneof(literal, fc.constantFrom('aba', 'abb', 'abba', 'c', 'A', 'b%C3%A9', 'toString'));

interface Near {
  readonly rule: number;
  readonly fill: string;
  readonly more: readonly string[];
  readonly slash: string;
}
const near: fc.Arbitrary<Near> = fc.record({
  rule: fc.nat(),
  fill: fc.constantFrom('', 'a', 'b', 'x', 'me'),
  more: fc.array(pathSegment, { maxLength: 2 }),
  slash: fc.constantFrom('', '', '/'),
});

/** A path that the rule covers, or is a step beside: its braces filled, or dropped, and something added. */
function pathNear(rules: readonly string[], { rule, fill, more, slash }: Near): string {
  const [, shape = '/'] = rules[rule % Math.max(1, rules.length)]?.split(' ') ?? [];
  const parts = shape.split('/').filter((part) => part !== '**');
  const segments = [...parts.map((part) => part.replace(/\{\w+\}/, fill)), ...more].filter(
    (part) => part !== '',
  );
  return segments.length === 0 ? '/' : `/${segments.join('/')}${slash}`;
}

const RUNS = { numRuns: 1_000, seed: 20_250_101 };

test('the compiled matcher answers as the oracle does, which tries every rule and sorts', () => {
  const rules = fc
    .array(rule, { maxLength: 14 })
    .map((all) => all.filter((one, index) => !all.slice(0, index).some((other) => oracleTie(one, other))));
  const requests = fc.array(fc.tuple(method, near), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(rules, requests, (rules, requests) => {
      const find = matcher(rules);
      const asked = requests.map(([method, near]) => ({ method, path: pathNear(rules, near) }));
      expect(asked.map(({ method, path }) => ({ method, path, winner: find(method, path) }))).toEqual(
        asked.map(({ method, path }) => ({
          method,
          path,
          winner: oracle(rules, method, path) ?? 'fallback',
        })),
      );
    }),
    RUNS,
  );
});

test('two rules claim the same exactly when the oracle finds no order between them', () => {
  fc.assert(
    fc.property(rule, rule, (a, b) => {
      expect(sameClaim(parseMatch(a), parseMatch(b))).toBe(oracleTie(a, b));
    }),
    { ...RUNS, numRuns: 5_000 },
  );
});

test('rules compile exactly when no two of them claim the same', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), (rules) => {
      const tie = rules.some((one, index) => rules.slice(0, index).some((other) => oracleTie(one, other)));
      if (tie) expect(() => matcher(rules)).toThrow('another endpoint already claims');
      else expect(() => matcher(rules)).not.toThrow();
    }),
    RUNS,
  );
});
