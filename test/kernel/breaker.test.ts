import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/kernel/breaker.ts';
import { manualClock } from '../support/manual-clock.ts';

const RETRY = 1_000;

function breakers() {
  const clock = manualClock();
  const told: string[] = [];
  const note = (name: string) => (reason: string | null) => told.push(`${name}: ${reason ?? 'closed'}`);
  const outer = new Breaker(clock, RETRY, note('outer'));
  const inner = new Breaker(clock, RETRY, note('inner'), outer);
  return { clock, told, outer, inner };
}

describe('a breaker', () => {
  it('lets one caller a second try while it is open, and everybody again after a success', () => {
    const { clock, outer } = breakers();
    outer.failed('a');
    expect(outer.allows()).toBe(false);
    clock.advance(RETRY);
    expect([outer.allows(), outer.allows()]).toEqual([true, false]);
    outer.succeeded();
    expect([outer.allows(), outer.allows()]).toEqual([true, true]);
  });

  it('tells once that it opened, however often it fails, and once that it closed', () => {
    const { told, inner } = breakers();
    for (const reason of ['a', 'b']) inner.failed(reason);
    for (let i = 0; i < 2; i++) inner.succeeded();
    expect(told).toEqual(['inner: a', 'inner: closed']);
  });
});

describe('a breaker within another', () => {
  it('opens and closes with it, tells so, and lets nobody try meanwhile', () => {
    const { clock, told, outer, inner } = breakers();
    outer.failed('a');
    clock.advance(RETRY);
    expect([inner.open, inner.reason, inner.allows()]).toEqual([true, 'a', false]);
    outer.succeeded();
    expect([inner.open, inner.allows()]).toEqual([false, true]);
    expect(told).toEqual(['outer: a', 'inner: a', 'outer: closed', 'inner: closed']);
  });

  it('tells nothing twice when both fail, and stays open until both have closed', () => {
    const { told, outer, inner } = breakers();
    inner.failed('a');
    outer.failed('b');
    outer.succeeded();
    expect(inner.open).toBe(true);
    inner.succeeded();
    expect(told).toEqual(['inner: a', 'outer: b', 'outer: closed', 'inner: closed']);
  });
});
