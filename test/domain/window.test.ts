import fc from 'fast-check';
import { expect, test } from 'vitest';
import { windowEnd } from '../../src/domain/window.ts';

test.each([
  ['on a full second', '2026-01-01T00:00:00.000Z', 60, '2026-01-01T00:01:00.000Z'],
  ['a millisecond into a second', '2026-01-01T00:00:00.001Z', 60, '2026-01-01T00:01:00.000Z'],
  ['a millisecond before the next second', '2026-01-01T00:00:00.999Z', 60, '2026-01-01T00:01:00.000Z'],
  ['in the middle of a minute', '2026-01-01T00:00:37.250Z', 60, '2026-01-01T00:01:37.000Z'],
  ['for ten seconds', '2026-01-01T00:00:55.250Z', 10, '2026-01-01T00:01:05.000Z'],
  ['for one second', '2026-01-01T00:00:55.250Z', 1, '2026-01-01T00:00:56.000Z'],
  ['for an hour, over the end of a year', '2025-12-31T23:30:00.500Z', 3600, '2026-01-01T00:30:00.000Z'],
])('a window that opens %s ends at that second and its length', (_, now, seconds, end) => {
  expect(new Date(windowEnd(Date.parse(now), seconds)).toISOString()).toBe(end);
});

test('a window ends on a whole second, in the future, and lasts no longer than its length', () => {
  const now = fc.integer({ min: 0, max: 4e12 });
  const seconds = fc.integer({ min: 1, max: 86_400 });
  fc.assert(
    fc.property(now, seconds, (now, seconds) => {
      const end = windowEnd(now, seconds);
      expect(end % 1000).toBe(0);
      expect(end).toBeGreaterThan(now);
      expect(end - now).toBeLessThanOrEqual(seconds * 1000);
      expect(end - now).toBeGreaterThan((seconds - 1) * 1000);
    }),
    { seed: 20_250_101 },
  );
});
