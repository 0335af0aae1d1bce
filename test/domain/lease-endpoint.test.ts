import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/domain/held-lease.ts';
import { EndpointLeases } from '../../src/domain/lease-endpoint.ts';
import { momentOf } from '../../src/kernel/moment.ts';
import { manualClock } from '../support/manual-clock.ts';

const endpoint = { name: 'users', max: 1_000_000, windowSeconds: 60 };
const TOKENS = 2_000;
const AT_ONCE = 500;

function remembering(tokens: number) {
  const clock = manualClock();
  const leases = new EndpointLeases(endpoint, clock);
  const spends = Array.from({ length: tokens }, (_, at) => ({
    endpoint,
    tokenId: `token ${at}`,
    share: 1_000,
  }));
  for (const spend of spends) leases.holdingOf(spend);
  return { clock, leases, spends };
}

describe('tokens that nobody asks about any more', () => {
  it('are forgotten, some at a time', () => {
    const { leases, clock } = remembering(TOKENS);
    const left: number[] = [];
    for (let time = 0; time < TOKENS / AT_ONCE; time += 1) {
      leases.forget(clock.monotonic(), AT_ONCE);
      left.push(leases.tokens);
    }
    expect(left).toEqual([1_500, 1_000, 500, 0]);
  });

  it('are looked for from the beginning when all were looked at', () => {
    const { leases, clock, spends } = remembering(10);
    leases.forget(clock.monotonic(), AT_ONCE);
    for (const spend of spends) leases.holdingOf(spend);
    leases.forget(clock.monotonic(), AT_ONCE);
    expect(leases.tokens).toBe(0);
  });

  it('are remembered while a question about them is under way, or something of theirs is leased', () => {
    const { leases, clock, spends } = remembering(10);
    const [asking, leased] = spends;
    if (asking === undefined || leased === undefined) throw new Error('there are ten');
    leases.ask(leases.holdingOf(asking), asking);
    const grant = { granted: 5, all: 5, own: 5, resetAt: 0, endsInMs: 60_000, allLooseMs: 0, ownLooseMs: 0 };
    leases.keep(leases.holdingOf(leased), new Lease(leased, momentOf(clock), grant));
    for (let time = 0; time < 3; time += 1) leases.forget(clock.monotonic(), AT_ONCE);
    expect(leases.tokens).toBe(2);
  });
});
