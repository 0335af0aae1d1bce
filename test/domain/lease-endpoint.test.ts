import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/domain/held-lease.ts';
import { EndpointLeases } from '../../src/domain/lease-endpoint.ts';
import type { Spend } from '../../src/domain/limit-ledger.ts';
import { momentOf } from '../../src/kernel/moment.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

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

/** Has a token come, be granted one request, and spend it. @returns how much it asked for */
function come(leases: EndpointLeases, clock: ManualClock, spend: Spend): number {
  const holding = leases.holdingOf(spend);
  holding.waiters.push({ spend, answer: () => {}, fail: () => {} });
  leases.ask(holding, spend);
  const sent = momentOf(clock);
  const request = leases.questions(sent).flatMap(({ question }) => question.asks)[0];
  if (request?.tokenId !== spend.tokenId) throw new Error('who asks comes first');
  const grant = { granted: 1, all: 1, own: 1, resetAt: 0, endsInMs: 60_000, allLooseMs: 0, ownLooseMs: 0 };
  holding.asking = false;
  holding.waiters = [];
  holding.learn(request, grant);
  leases.joins(holding);
  holding.spend(spend, new Lease(spend, sent, grant));
  return request.want;
}

describe('tokens that came once', () => {
  const once: Spend = { endpoint, tokenId: 'once', share: 1_000 };
  const another: Spend = { endpoint, tokenId: 'another', share: 1_000 };

  function startWithOne() {
    const clock = manualClock();
    const leases = new EndpointLeases(endpoint, clock);
    come(leases, clock, once);
    return { clock, leases, before: leases.holdingOf(once) };
  }

  it('are held no more when they are not in demand, and are still remembered', () => {
    const { clock, leases, before } = startWithOne();
    clock.advance(60);
    come(leases, clock, another);
    expect(leases.tokens).toBe(2);
    expect(leases.holdingOf(once)).not.toBe(before);
  });

  it('are held for as long as they are in demand', () => {
    const { clock, leases, before } = startWithOne();
    clock.advance(40);
    come(leases, clock, another);
    expect(leases.holdingOf(once)).toBe(before);
  });

  it('ask for as much when they come again as if they had been held', () => {
    for (const waitMs of [60, 90, 100, 125, 250, 490, 500, 510, 1_000, 1_990, 2_010, 4_000]) {
      const asked = [false, true].map((isLetGo) => {
        const { clock, leases, before } = startWithOne();
        clock.advance(55);
        if (isLetGo) come(leases, clock, another);
        clock.advance(waitMs - 55);
        const wants = [come(leases, clock, once)];
        expect(leases.holdingOf(once) === before).toBe(!isLetGo);
        for (const next of [70, 80, 300]) {
          clock.advance(next);
          wants.push(come(leases, clock, once));
        }
        return wants;
      });
      expect(asked[1], `after ${waitMs} ms`).toEqual(asked[0]);
    }
  });

  it('are forgotten like all others', () => {
    const { clock, leases } = startWithOne();
    clock.advance(60);
    come(leases, clock, another);
    leases.forget(clock.monotonic() - 60, AT_ONCE);
    expect(leases.tokens).toBe(2);
    leases.forget(clock.monotonic() - 59, AT_ONCE);
    leases.forget(clock.monotonic() - 59, AT_ONCE);
    expect(leases.tokens).toBe(1);
  });
});
