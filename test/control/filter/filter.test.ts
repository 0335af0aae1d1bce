import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type Body, compileFilter } from '../../../src/control/filter/match.ts';
import { type Filter, FilterProblem, parseFilter } from '../../../src/control/filter/parse.ts';

function matches(text: string, body: Body): boolean {
  const filter = parseFilter(text);
  if (filter instanceof FilterProblem) throw new Error(filter.message);
  return compileFilter(filter)(body);
}

describe('a filter', () => {
  const body = {
    id: 'aB1',
    name: 'Head Office',
    count: 5,
    system: false,
    nothing: null,
    empty: '',
    tags: ['red', 'green'],
    owner: { Id: 'x9', login: 'ada@example.com' },
    parts: [{ kind: 'A', size: 1 }, { kind: 'B' }],
  };

  test.each<[string, boolean]>([
    ['name eq "Head Office"', true],
    ['NAME Eq "head office"', true],
    ['id eq "aB1"', true],
    ['id eq "ab1"', false],
    ['owner.id eq "x9"', true],
    ['owner.id eq "X9"', false],
    ['name co "OFF"', true],
    ['name sw "head"', true],
    ['name ew "ICE"', true],
    ['name sw "office"', false],
    ['name ne "Annexe"', true],
    ['name ne "HEAD OFFICE"', false],
    ['missing ne "x"', true],
    ['missing eq "x"', false],
    ['missing eq null', true],
    ['missing pr', false],
    ['nothing pr', false],
    ['empty pr', false],
    ['name pr', true],
    ['owner pr', true],
    ['system eq false', true],
    ['system eq true', false],
    ['system pr', true],
    ['count eq 5', true],
    ['count gt 4', true],
    ['count ge 5', true],
    ['count lt 5', false],
    ['count le 5.0', true],
    ['count gt "4"', false],
    ['name gt "Annexe"', true],
    ['name lt "Annexe"', false],
    ['tags eq "green"', true],
    ['tags eq "blue"', false],
    ['tags ne "green"', false],
    ['tags ne "blue"', true],
    ['parts.kind eq "B"', true],
    ['parts.size eq 1', true],
    ['parts.kind eq "C"', false],
    ['name.first eq "Head"', false],
    ['constructor pr', false],
    ['__proto__ pr', false],
    ['system eq true or count eq 5 and name pr', true],
    ['(system eq true or count eq 5) and missing pr', false],
    ['system eq true or (count eq 5 and missing pr)', false],
    ['not (system eq true) and not(missing pr)', true],
    ['NOT (name pr)', false],
    ['name eq "a \\"quoted\\" (name) and more"', false],
    ['(((name pr)))', true],
  ])('%s', (text, expected) => {
    // A field whose name begins with an underscore is none.
    if (text.startsWith('__')) expect(parseFilter(text)).toBeInstanceOf(FilterProblem);
    else expect(matches(text, body)).toBe(expected);
  });

  test.each([
    ['', 'End of input at position 0 but expected an attribute or a parenthesis'],
    ['name', 'End of input at position 4 but expected an attribute operator'],
    ['name eq', 'End of input at position 7 but expected a value for operator eq'],
    ['name eq Office', 'Invalid comparison value at position 8: Office'],
    ['name eq "Office', 'Invalid comparison value at position 8: "'],
    ['name eq {}', 'Invalid comparison value at position 8: {}'],
    ['name eq "a" "b"', `Unexpected characters '"b"' at position 12`],
    ['name eq "a" and', 'End of input at position 15 but expected an attribute or a parenthesis'],
    [
      'name eq "a" or or name pr',
      "Unrecognized attribute operator 'name' at position 18. Expected: eq,co,sw,pr,gt,ge,lt,le",
    ],
    ['(name pr', "End of input at position 8 but expected ')'"],
    ['(name pr and)', 'Expected an attribute reference at position 12: )'],
    ['name pr)', "Unexpected characters ')' at position 7"],
    [
      'not name pr',
      "Unrecognized attribute operator 'name' at position 4. Expected: eq,co,sw,pr,gt,ge,lt,le",
    ],
    ['1name pr', 'Expected an attribute reference at position 0: 1name'],
    ['parts[kind eq "A"]', 'Expected an attribute reference at position 0: parts[kind'],
    ['name xx "a"', "Unrecognized attribute operator 'xx' at position 5. Expected: eq,co,sw,pr,gt,ge,lt,le"],
    ['('.repeat(40), 'Nested too deeply at position 32'],
    ['x'.repeat(4097), 'It is longer than 4096 characters'],
  ])('that cannot be read says where: %s', (text, message) => {
    expect(parseFilter(text)).toEqual(expect.objectContaining({ kind: 'problem', message }));
  });

  it('never throws, whatever it is given', () => {
    const words = fc.constantFrom(
      'a',
      'eq',
      'and',
      'or',
      'not',
      '(',
      ')',
      '"',
      '"b"',
      'pr',
      '\\',
      '[',
      'true',
      ' ',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 20 }).map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const read = parseFilter(text);
        if (!(read instanceof FilterProblem)) expect(typeof compileFilter(read)({ a: 'b' })).toBe('boolean');
      }),
      { numRuns: 2_000, seed: 20_261_121 },
    );
  });

  it('means what its parentheses say, or else "and" before "or"', () => {
    const leaf = fc
      .record({ field: fc.constantFrom('a', 'b', 'c'), value: fc.boolean() })
      .map(({ field, value }): Filter => ({ kind: 'comparison', field, operator: 'eq', value }));
    const { tree } = fc.letrec<{ tree: Filter }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        tie('tree').map((filter): Filter => ({ kind: 'not', filter })),
        fc
          .tuple(fc.constantFrom('and' as const, 'or' as const), tie('tree'), tie('tree'))
          .map(([kind, first, second]): Filter => ({ kind, filters: [first, second] })),
      ),
    }));
    const body = fc.record({ a: fc.boolean(), b: fc.boolean(), c: fc.boolean() });
    fc.assert(
      fc.property(tree, body, (filter, values) => {
        expect(matches(written(filter), values)).toBe(truthOf(filter, values));
      }),
      { numRuns: 500, seed: 20_261_121 },
    );
  });
});

/** The filter as text, with no more parentheses than it needs. */
function written(filter: Filter): string {
  switch (filter.kind) {
    case 'comparison':
      return `${filter.field} ${filter.operator} ${filter.value}`;
    case 'not':
      return `not (${written(filter.filter)})`;
    case 'and':
      return filter.filters
        .map((part) => (part.kind === 'or' ? `(${written(part)})` : written(part)))
        .join(' and ');
    case 'or':
      return filter.filters.map(written).join(' or ');
  }
}

function truthOf(filter: Filter, values: Readonly<Record<string, boolean>>): boolean {
  switch (filter.kind) {
    case 'comparison':
      return values[filter.field] === filter.value;
    case 'not':
      return !truthOf(filter.filter, values);
    case 'and':
      return filter.filters.every((part) => truthOf(part, values));
    case 'or':
      return filter.filters.some((part) => truthOf(part, values));
  }
}
