import { getHeapSpaceStatistics } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TurnoverMap, TurnoverSet } from '../../src/kernel/turnover.ts';
import { garbageCollector } from '../support/collect-garbage.ts';

const KEYS = 40;
const steps = fc.array(
  fc.record({ what: fc.constantFrom('set', 'set', 'delete', 'delete', 'clear'), key: fc.nat(KEYS) }),
  { minLength: 200, maxLength: 400 },
);

describe('a table of what comes and goes', () => {
  it('holds what a Map holds, in its order, after whatever came and went', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const table = new TurnoverMap<number, number>();
        const map = new Map<number, number>();
        for (const [at, { what, key }] of taken.entries()) {
          if (what === 'set') {
            table.set(key, at);
            map.set(key, at);
          } else if (what === 'delete') expect(table.delete(key)).toBe(map.delete(key));
          else if (key === 0) {
            table.clear();
            map.clear();
          }
          expect([table.size, table.get(key), table.has(key)]).toEqual([
            map.size,
            map.get(key),
            map.has(key),
          ]);
        }
        expect([...table.keys()]).toEqual([...map.keys()]);
        expect([...table.values()]).toEqual([...map.values()]);
      }),
      { seed: 34, numRuns: 25 },
    );
  });

  it('holds what a Set holds, in its order, after whatever came and went', () => {
    const table = new TurnoverSet<number>();
    const set = new Set<number>();
    for (let at = 0; at < 2_000; at += 1) {
      table.add(at);
      set.add(at);
      const gone = at - 1 - ((at * 7) % 50);
      expect(table.delete(gone)).toBe(set.delete(gone));
      expect([table.has(at), table.has(gone), table.size]).toEqual([true, false, set.size]);
    }
    expect([...table]).toEqual([...set]);
  });

  it('can be gone through while what is met is taken out and put behind', () => {
    const table = new TurnoverSet<number>();
    for (let at = 0; at < 300; at += 1) table.add(at);
    const met: number[] = [];
    for (const entry of table) {
      if (met.length === 300) break;
      met.push(entry);
      table.delete(entry);
      table.add(entry);
    }
    expect(met).toEqual(Array.from({ length: 300 }, (_, at) => at));
    expect(table.size).toBe(300);
  });

  it('has nothing that has gone, when it is gone through while much goes', () => {
    const table = new TurnoverMap<number, number>();
    for (let at = 0; at < 300; at += 1) table.set(at, at);
    const met: number[] = [];
    for (const key of table.keys()) {
      met.push(key);
      for (let other = key; other < 300; other += 2) table.delete(other);
    }
    expect(met).toEqual([0, 1]);
    expect([...table.values()]).toEqual([]);
  });

  it('does not make old objects of what has gone, once it is an old object itself', () => {
    const collect = garbageCollector();
    const table = new TurnoverMap<number, unknown>();
    const [many, bytes] = [20_000, 1_000];
    table.set(-1, 'is there from the beginning');
    collect('major');
    const before = oldBytes();
    for (let at = 0; at < many; at += 1) {
      table.set(at, new Array(bytes / 8).fill(at));
      table.delete(at - 10);
      if (at % 1_000 === 0) collect('minor');
    }
    // With a Map, half of what passed or more.
    expect(oldBytes() - before).toBeLessThan((many * bytes) / 8);
  });
});

function oldBytes(): number {
  const old = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space');
  return old?.space_used_size ?? Number.NaN;
}
