import { expect, it } from 'vitest';
import { quantile } from '../../bench/quantile.ts';
import { measureTokens } from '../../bench/tokens/measure.ts';

it('a gateway that has seen more tokens than its cache holds answers all of them, and holds no more', async () => {
  const extent = { tokens: 300, cacheSize: 50, connections: 4, alone: 50, gapSeconds: 0.1 };
  const measured = await measureTokens(extent, false, () => {});
  expect([measured.cold, measured.hot, measured.all].map(({ answered }) => answered)).toEqual([50, 50, 200]);
  expect(measured.cachedTokens).toBe(50);
  expect(measured.redisBytes).toBeGreaterThan(300 * 100);
  for (const { long, longest } of [measured.turns.late, measured.missed]) {
    expect(longest.clock).toBeGreaterThanOrEqual(longest.own);
    expect(long.clock).toBeGreaterThanOrEqual(long.own);
  }
  expect(measured.lookup.p99Ms).toBeGreaterThanOrEqual(measured.lookup.p50Ms);
});

it.each([
  { values: [3, 1, 2, 4], part: 0.5, wanted: 2 },
  { values: [3, 1, 2, 4], part: 1, wanted: 4 },
  { values: [3, 1, 2, 4], part: 0, wanted: 1 },
  { values: [], part: 0.5, wanted: Number.NaN },
])('the part $part of $values ends at $wanted', ({ values, part, wanted }) => {
  expect(quantile(values, part)).toBe(wanted);
});
