import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decimal } from '../../../src/gateway/limit/decimal.ts';

it.each([
  0, 1, 9, 10, 99, 100, 999, 1_000, 1_001, 1_099, 1_100, 9_999, 10_000, 999_999, 1_000_000, 1_000_001,
])('%i is written with its own digits', (count) => expect(decimal(count)).toBe(`${count}`));

it('every whole number is written as JavaScript writes it', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (count) => {
      expect(decimal(count)).toBe(String(count));
    }),
  );
});
