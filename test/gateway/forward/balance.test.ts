import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lessBusyOfTwo } from '../../../src/gateway/forward/balance.ts';

/** A random source that gives these numbers in turn. */
function drawn(...numbers: number[]): () => number {
  return () => numbers.shift() ?? 0;
}

describe('the choice between targets', () => {
  it('is none when there are none, and the only one when there is one', () => {
    expect(lessBusyOfTwo([], Math.random)).toBeUndefined();
    const only = { busy: 99 };
    expect(lessBusyOfTwo([only], Math.random)).toBe(only);
  });

  it('falls on the less busy of two different ones, whatever is drawn', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const loads = fc.array(fc.record({ busy: fc.nat(5) }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(loads, unit, unit, (targets, one, other) => {
        const chosen = lessBusyOfTwo(targets, drawn(one, other));
        const first = Math.floor(one * targets.length);
        const others = targets.filter((target) => target !== targets[first] && target !== chosen);
        if (chosen === undefined) throw new Error('nothing chosen');
        expect(chosen.busy).toBeLessThanOrEqual(targets[first]?.busy ?? Number.NaN);
        // It was compared with one of the others, so at most the rest are less busy.
        const lessBusy = others.filter(({ busy }) => busy < chosen.busy);
        expect(lessBusy.length).toBeLessThanOrEqual(targets.length - 2);
      }),
    );
  });

  it('never falls on the busiest of all, when only one is', () => {
    const targets = [{ busy: 9 }, { busy: 1 }, { busy: 1 }];
    for (let draw = 0; draw < 300; draw += 1) {
      expect(lessBusyOfTwo(targets, Math.random)?.busy).toBe(1);
    }
  });

  it('falls on every one of equals', () => {
    const targets = [{ busy: 0 }, { busy: 0 }, { busy: 0 }];
    const chosen = [0, 0.4, 0.7].map((number) => lessBusyOfTwo(targets, drawn(number, 0)));
    expect(new Set(chosen).size).toBe(3);
  });
});
