import { expect, test } from 'vitest';
import { BASE62, type IdPrefix, newId, randomBase62 } from '../../src/domain/ids.ts';

test.each<IdPrefix>(['00T', '00u', 'nzo', 'a53', 'prl'])(
  'an id is %s and 17 letters and digits',
  (prefix) => {
    const id = newId(prefix);
    expect(id).toMatch(/^[0-9A-Za-z]{20}$/);
    expect(id.startsWith(prefix)).toBe(true);
  },
);

test('no two of ten thousand ids are the same', () => {
  expect(new Set(Array.from({ length: 10_000 }, () => newId('00T'))).size).toBe(10_000);
});

test('random text has the length asked for, and every one of the 62 characters comes up', () => {
  expect(randomBase62(0)).toBe('');
  const text = randomBase62(20_000);
  expect(text).toHaveLength(20_000);
  expect([...new Set(text)].sort().join('')).toBe(BASE62);
});
