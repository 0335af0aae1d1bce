import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { percentageFor, shareOf } from '../../src/domain/share.ts';
import type { Share } from '../../src/domain/token.ts';
import { aShare } from '../support/records.ts';

describe('a share is the floor of its percentage, and at least 1 unless the percentage is 0', () => {
  test.each([
    [1, 0, 0],
    [1, 1, 1],
    [1, 50, 1],
    [1, 99, 1],
    [1, 100, 1],
    [2, 0, 0],
    [2, 49, 1],
    [2, 50, 1],
    [2, 75, 1],
    [2, 100, 2],
    [3, 0, 0],
    [3, 50, 1],
    [3, 66, 1],
    [3, 67, 2],
    [3, 75, 2],
    [3, 100, 3],
    [20, 50, 10],
    [40, 5, 2],
    [99, 50, 49],
    [100, 29, 29],
    [120, 50, 60],
    [1200, 0, 0],
    [1200, 5, 60],
    [1200, 50, 600],
    [1200, 75, 900],
    [1200, 99, 1188],
    [1200, 100, 1200],
    [10_000, 1, 100],
    [1_000_000_007, 50, 500_000_003],
  ])('of %i requests, %i %% are %i', (max, percentage, share) => {
    expect(shareOf(max, percentage)).toBe(share);
  });

  test('of any maximum, the share is whole, within it, and grows with the percentage', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e12 }), fc.integer({ min: 1, max: 100 }), (max, percentage) => {
        const share = shareOf(max, percentage);
        expect(Number.isInteger(share) && share >= 1 && share <= max).toBe(true);
        expect(share).toBeGreaterThanOrEqual(shareOf(max, percentage - 1));
        expect(share).toBe(Math.max(1, Number((BigInt(max) * BigInt(percentage)) / 100n)));
      }),
      { seed: 20_250_101 },
    );
  });
});

describe("a token's percentage at an endpoint is its override there, else its own, else the default", () => {
  const share = (percentage: number | null, byEndpoint: Record<string, number> = {}): Share =>
    aShare('00T1gtr35t8ZbfBfV1d7', { percentage, byEndpoint });

  test.each([
    ['no share', null, 'users', 50],
    ['a share that says nothing', share(null), 'users', 50],
    ['its own', share(75), 'users', 75],
    ['its own, of 0', share(0), 'users', 0],
    ['an override here', share(75, { users: 10 }), 'users', 10],
    ['an override here, of 0', share(75, { users: 0 }), 'users', 0],
    ['an override here alone', share(null, { users: 10 }), 'users', 10],
    ['an override elsewhere', share(75, { apps: 10 }), 'users', 75],
    ['an override elsewhere alone', share(null, { apps: 10 }), 'users', 50],
    ['its own, at an endpoint named as what every object has', share(75), 'constructor', 75],
    ['its own, at an endpoint named __proto__', share(75), '__proto__', 75],
    ['an override for __proto__', share(75, JSON.parse('{"__proto__": 10}')), '__proto__', 10],
  ])('%s', (_, given, endpoint, percentage) => {
    expect(percentageFor(given, endpoint, 50)).toBe(percentage);
  });
});
