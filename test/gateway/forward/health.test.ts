import { describe, expect, it } from 'vitest';
import { Health } from '../../../src/gateway/forward/health.ts';

const OPTIONS = { failures: 3, ejectMs: 10_000 };

function ejected(): Health {
  const health = new Health(OPTIONS);
  for (const at of [1, 2, 3]) health.failed(at, true);
  return health;
}

describe('the health of a target', () => {
  it('is up at first, and while failures are fewer than configured', () => {
    const health = new Health(OPTIONS);
    health.failed(0, true);
    health.failed(0, true);
    expect([health.state, health.usable(0)]).toEqual(['up', true]);
  });

  it('is lost with so many failures in a row, for the configured time', () => {
    const health = ejected();
    expect(health.state).toBe('ejected');
    expect(health.usable(4)).toBe(false);
    expect(health.usable(10_002)).toBe(false);
    expect(health.usable(10_003)).toBe(true);
  });

  it('counts only failures in a row', () => {
    const health = new Health(OPTIONS);
    for (let round = 0; round < 5; round += 1) {
      health.failed(0, true);
      health.failed(0, true);
      health.answered();
    }
    expect(health.state).toBe('up');
  });

  it('is tried with one request at a time when the time is over', () => {
    const health = ejected();
    health.taken();
    expect(health.usable(20_000)).toBe(false);
    health.abandoned();
    expect(health.usable(20_000)).toBe(true);
  });

  it('comes back with the first answer', () => {
    const health = ejected();
    health.taken();
    health.answered();
    expect([health.state, health.usable(20_000)]).toEqual(['up', true]);
    health.failed(20_000, true);
    expect(health.state).toBe('up');
  });

  it('is lost again at once when the trial fails', () => {
    const health = ejected();
    health.taken();
    health.failed(20_000, true);
    expect(health.usable(29_999)).toBe(false);
    expect(health.usable(30_000)).toBe(true);
  });

  it('is never lost by the last one standing: a doubtful target is better than none', () => {
    const health = new Health(OPTIONS);
    for (let failure = 0; failure < 10; failure += 1) health.failed(failure, false);
    expect([health.state, health.usable(10)]).toEqual(['up', true]);
  });

  it('is down when so many probes in a row fail, and up with the first that is answered', () => {
    const health = new Health(OPTIONS);
    health.probed(false);
    health.probed(false);
    expect(health.state).toBe('up');
    health.probed(false);
    expect([health.state, health.usable(0)]).toEqual(['down', false]);
    health.probed(true);
    expect([health.state, health.usable(0)]).toEqual(['up', true]);
  });
});
