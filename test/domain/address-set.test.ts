import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/domain/address.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { anyEntry, anyPoint, spellOut } from './address-oracle.ts';

function holds(entries: readonly string[], text: string): boolean {
  const address = parseAddress(text);
  if (address === null) throw new Error(`${text} is not an address`);
  return compileAddressSet(entries).has(address);
}

describe('a compiled set of addresses', () => {
  test('an empty set holds nothing', () => {
    expect(holds([], '192.0.2.1')).toBe(false);
    expect(holds([], '2001:db8::1')).toBe(false);
  });

  test('entries that overlap, touch, repeat or contain each other hold what they hold together', () => {
    const entries = [
      '10.0.0.8/29',
      '10.0.0.0/29',
      '10.0.0.4-10.0.0.9',
      '10.0.0.20',
      '10.0.0.20',
      '10.0.0.19-10.0.0.22',
    ];
    const held = Array.from({ length: 26 }, (_, i) => i).filter((i) => holds(entries, `10.0.0.${i}`));
    expect(held).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21, 22]);
  });

  test.each([
    ['::/0', '192.0.2.1', false],
    ['::/0', '::ffff:192.0.2.1', false],
    ['0.0.0.0/0', '::ffff:192.0.2.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['0.0.0.0/0', '::192.0.2.1', false],
    ['::ffff:0:0/96', '192.0.2.1', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '64:ff9b::192.0.2.1', false],
    ['192.0.2.1', '2002:c000:201::', false],
  ])('the families are apart: whether %s holds %s is %s', (entry, address, expected) => {
    expect(holds([entry], address)).toBe(expected);
  });

  test('it holds exactly the addresses that one of its entries holds', () => {
    fc.assert(
      fc.property(
        fc.array(anyEntry, { maxLength: 12 }),
        fc.array(anyPoint, { minLength: 1, maxLength: 20 }),
        (entries, points) => {
          const set = compileAddressSet(entries.map((entry) => entry.text));
          for (const point of points) {
            const address = parseAddress(spellOut(point));
            if (address === null)
              throw new Error(`the oracle wrote ${spellOut(point)}, which cannot be read`);
            expect(set.has(address)).toBe(entries.some((entry) => entry.holds(point)));
          }
        },
      ),
      { seed: 5, numRuns: 1000 },
    );
  });

  test('one bad entry among good ones refuses the set and is named', () => {
    expect(() => compileAddressSet(['10.0.0.0/8', '10.0.0.0/99'])).toThrow('"10.0.0.0/99"');
  });
});
