import { describe, expect, it } from 'vitest';
import { newRequestId } from '../../../src/gateway/listen/request-id.ts';
import { traceStarter } from '../../../src/gateway/listen/trace-start.ts';

const SPAN = '00f067aa0ba902b7';
const parent = (flags: string, traceId = newRequestId()) => `00-${traceId}-${SPAN}-${flags}`;

describe('which traces are sampled', () => {
  it.each([0, 0.1, 1])('is a part of %d of those that begin here', (sample) => {
    const start = traceStarter({ sample, parentBased: true });
    const count = 4000;
    const sampled = Array.from({ length: count }, () => start(newRequestId(), null, null).sampled);
    const part = sampled.filter(Boolean).length / count;
    // Six standard deviations of a draw of so many.
    expect(Math.abs(part - sample)).toBeLessThanOrEqual(6 * Math.sqrt((sample * (1 - sample)) / count));
  });

  it.each([0, 1])('is what callers say of theirs, whatever the part: %d', (sample) => {
    const start = traceStarter({ sample, parentBased: true });
    expect(start(newRequestId(), parent('01'), null).sampled).toBe(true);
    expect(start(newRequestId(), parent('00'), null).sampled).toBe(false);
  });

  it('is not what callers say where they are not believed, and the same at every gateway', () => {
    const one = traceStarter({ sample: 0.5, parentBased: false });
    const other = traceStarter({ sample: 0.5, parentBased: false });
    const decided = Array.from({ length: 100 }, () => {
      const traceId = newRequestId();
      const here = one(newRequestId(), parent('01', traceId), null).sampled;
      expect(other(newRequestId(), parent('00', traceId), null).sampled).toBe(here);
      return here;
    });
    expect(new Set(decided)).toEqual(new Set([true, false]));
  });
});
