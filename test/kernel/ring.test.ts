import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ring } from '../../src/kernel/ring.ts';
import { garbageCollector } from '../support/collect-garbage.ts';

const steps = fc.array(fc.constantFrom('push', 'push', 'push', 'shift', 'shift'), {
  minLength: 200,
  maxLength: 400,
});

describe('a ring', () => {
  it('gives back what an array would that is pushed to and shifted from', () => {
    fc.assert(
      fc.property(steps, fc.nat(400), (taken, clearedAt) => {
        const ring = new Ring<number>();
        const array: number[] = [];
        for (const [at, what] of taken.entries()) {
          if (what === 'push') {
            ring.push(at);
            array.push(at);
          } else expect(ring.shift()).toBe(array.shift());
          if (at === clearedAt) {
            ring.clear();
            array.length = 0;
          }
          expect(ring.size).toBe(array.length);
        }
        for (const left of array) expect(ring.shift()).toBe(left);
        expect(ring.shift()).toBeUndefined();
      }),
      { seed: 34, numRuns: 50 },
    );
  });

  it('keeps nothing of what has left it', async () => {
    const collect = garbageCollector();
    const [shifting, clearing] = [new Ring<object>(), new Ring<object>()];
    const left = [shifting, clearing].map((ring) => new WeakRef(pushedTo(ring)));
    shifting.shift();
    clearing.clear();
    // What a WeakRef was made of stays until the turn is over.
    await setImmediate();
    collect('major');
    expect(left.map((entry) => entry.deref())).toEqual([undefined, undefined]);
    expect([shifting.size, clearing.size]).toEqual([0, 0]);
  });
});

function pushedTo(ring: Ring<object>): object {
  const entry = {};
  ring.push(entry);
  return entry;
}
