import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/domain/ids.ts';
import { PartedMap } from '../../src/kernel/parted-map.ts';
import { partOf, partsFor } from '../../src/kernel/parts.ts';

describe('a table of very many entries', () => {
  it('is one part while it is small, and in parts of about 4,096 when it is not', () => {
    expect([1, 4_096, 4_097, 100_000, 1_000_000].map(partsFor)).toEqual([1, 1, 2, 32, 256]);
    expect(partsFor(1e9)).toBe(4_096);
  });

  it.each([
    ['hashes', () => randomBytes(32).toString('hex')],
    ['ids', () => newId('00T')],
  ])('has parts of nearly the same size, of %s', (_, key) => {
    const sizes = new Array<number>(32).fill(0);
    for (let i = 0; i < 32_000; i++) {
      const part = partOf(key(), 32);
      sizes[part] = (sizes[part] ?? 0) + 1;
    }
    // Six deviations of what chance does.
    for (const size of sizes) expect(Math.abs(size - 1_000)).toBeLessThan(190);
  });
});

it('a map in parts holds what a Map holds', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('set', 'delete'), fc.integer({ min: 0, max: 20 })));
  fc.assert(
    fc.property(steps, (all) => {
      const [parted, plain] = [new PartedMap<number>(100_000), new Map<string, number>()];
      for (const [at, [step, key]] of all.entries()) {
        if (step === 'set') {
          parted.set(`key ${key}`, at);
          plain.set(`key ${key}`, at);
        } else {
          parted.delete(`key ${key}`);
          plain.delete(`key ${key}`);
        }
      }
      expect(parted.size).toBe(plain.size);
      expect(new Map(parted)).toEqual(plain);
      for (let key = 0; key <= 20; key++) {
        expect([parted.get(`key ${key}`), parted.has(`key ${key}`)]).toEqual([
          plain.get(`key ${key}`),
          plain.has(`key ${key}`),
        ]);
      }
    }),
  );
});
