import { afterAll, it as every } from 'vitest';
import { type SeededRandom, seededRandom } from '../../support/seeded-random.ts';

let each = 1;
let random: SeededRandom = seededRandom(0);

/**
 * From now on this file of tests takes one of every `count` rows of each list, the seed says which; no list is left out.
 * Call it at the top of the file; the files that the same process runs after it take all rows again.
 */
export function takeOneOf(count: number, seed: number): void {
  each = count;
  random = seededRandom(seed);
  afterAll(() => {
    each = 1;
  });
}

/** The rows that this file of tests takes: all, or one of every few. */
export function taken<T>(rows: readonly T[]): readonly T[] {
  if (each === 1) return rows;
  const few = Array.from({ length: Math.ceil(rows.length / each) }, (_, at) => at * each);
  return few.map((from) => random.pick(rows.slice(from, from + each)));
}

/** vitest's `it`, whose lists can be made shorter for a transport that the whole of them has been through otherwise. */
export const it: typeof every = new Proxy(every, {
  get(target, key, receiver) {
    if (key !== 'each') return Reflect.get(target, key, receiver);
    return (rows: readonly unknown[]) => every.each(taken(rows));
  },
});
