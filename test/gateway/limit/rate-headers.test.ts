import { describe, expect, it } from 'vitest';
import { crowdedHeaders, rateHeaders, secondsUntil } from '../../../src/gateway/limit/rate-headers.ts';
import { MADE_AT } from '../../support/records.ts';

const SPENT = {
  admitted: true,
  scope: 'endpoint',
  limit: 10,
  remaining: 0,
  resetAt: MADE_AT + 60_000,
} as const;

describe('the limit headers', () => {
  it("are Okta's three, whole numbers, the reset in seconds of the epoch", () => {
    expect(rateHeaders(SPENT, 60, MADE_AT).slice(0, 6)).toEqual([
      ...['X-Rate-Limit-Limit', '10', 'X-Rate-Limit-Remaining', '0'],
      ...['X-Rate-Limit-Reset', String(MADE_AT / 1000 + 60)],
    ]);
  });

  it('are the structured pair, which names the budget by its scope', () => {
    expect(rateHeaders(SPENT, 60, MADE_AT + 500).slice(6)).toEqual([
      ...['RateLimit-Policy', '"endpoint";q=10;w=60'],
      ...['RateLimit', '"endpoint";r=0;t=60'],
    ]);
  });

  it('leave the window out where it is not known', () => {
    expect(rateHeaders(SPENT, null, MADE_AT)).toContain('"endpoint";q=10');
  });
});

describe('the seconds until a moment', () => {
  it.each([
    [1000, 0, 1],
    [1001, 0, 2],
    [999, 0, 1],
    [1000, 1000, 0],
    [1000, 5000, 0],
  ])('at %i ms seen from %i ms are %i', (moment, now, seconds) => {
    expect(secondsUntil(moment, now)).toBe(seconds);
  });
});

it('too many requests under way are shown as Okta shows them: 0 of 0, and when to come back', () => {
  expect(crowdedHeaders({ scope: 'token', limit: 37 }, 1, 1_700_000_000_500)).toEqual([
    'X-Rate-Limit-Limit',
    '0',
    'X-Rate-Limit-Remaining',
    '0',
    'X-Rate-Limit-Reset',
    '1700000002',
    'RateLimit-Policy',
    '"concurrent-token";q=37;qu="concurrent-requests"',
    'RateLimit',
    '"concurrent-token";r=0;t=1',
  ]);
});
