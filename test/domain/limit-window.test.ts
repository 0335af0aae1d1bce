import { describe, expect, it } from 'vitest';
import { InProcessLedger, judge } from '../../src/domain/limit-window.ts';
import { manualClock } from '../support/manual-clock.ts';

const endpoint = { name: 'users', max: 10, windowSeconds: 60 };

describe('a request', () => {
  // share, admitted from everybody before, with this token before → verdict
  const table: readonly [number, number, number, boolean, 'token' | 'endpoint', number, number][] = [
    [5, 0, 0, true, 'token', 5, 4],
    [5, 4, 4, true, 'token', 5, 0],
    [5, 5, 5, false, 'token', 5, 0],
    [5, 9, 0, true, 'endpoint', 10, 0],
    [5, 10, 0, false, 'endpoint', 10, 0],
    [10, 0, 0, true, 'token', 10, 9],
    [10, 10, 10, false, 'token', 10, 0],
    [5, 7, 2, true, 'token', 5, 2],
    [5, 8, 2, true, 'endpoint', 10, 1],
    [0, 0, 0, false, 'token', 0, 0],
    [2, 15, 3, false, 'token', 2, 0],
  ];
  for (const [share, all, own, admitted, scope, limit, remaining] of table) {
    it(`by a token with ${own} of ${share} spent, and ${all} of 10 by everybody, is ${admitted ? 'admitted' : 'refused'}: ${remaining} of ${limit} left (${scope})`, () => {
      expect(judge({ endpoint, tokenId: 'a', share }, all, own, 1000)).toEqual({
        admitted,
        scope,
        limit,
        remaining,
        resetAt: 1000,
      });
    });
  }
});

describe('the ledger in this process', () => {
  it('ends a window at its whole second, not a millisecond earlier', () => {
    const clock = manualClock(1_000_000_400);
    const ledger = new InProcessLedger(clock);
    const spend = () => ledger.spend({ endpoint: { ...endpoint, max: 1 }, tokenId: 'a', share: 1 });
    expect(spend()).toMatchObject({ admitted: true, resetAt: 1_000_060_000 });
    clock.advance(59_599);
    expect(spend()).toMatchObject({ admitted: false, resetAt: 1_000_060_000 });
    clock.advance(1);
    expect(spend()).toMatchObject({ admitted: true, resetAt: 1_000_120_000 });
  });

  it('refuses for no longer than a window where the wall clock is set back', () => {
    const clock = manualClock();
    let setBackMs = 0;
    const ledger = new InProcessLedger({ ...clock, now: () => clock.now() - setBackMs });
    const spend = () => ledger.spend({ endpoint: { ...endpoint, max: 1 }, tokenId: 'a', share: 1 });
    expect(spend().admitted).toBe(true);
    setBackMs = 3_600_000;
    clock.advance(59_999);
    expect(spend().admitted).toBe(false);
    expect(ledger.count(endpoint, 'a')).toMatchObject({ all: 1 });
    clock.advance(1);
    expect(ledger.count(endpoint, 'a')).toMatchObject({ all: 0 });
    expect(spend()).toMatchObject({ admitted: true, resetAt: clock.now() - setBackMs + 60_000 });
  });
});
