import { describe, expect, it } from 'vitest';
import { LeasedLedger } from '../../../src/domain/leased-ledger.ts';
import { InProcessLedger } from '../../../src/domain/limit-window.ts';
import { LimitStage, type OnStoreAway } from '../../../src/gateway/limit/limit-stage.ts';
import { Breaker } from '../../../src/kernel/breaker.ts';
import { HeldSource } from '../../domain/held-source.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { aToken } from '../../support/records.ts';

const endpoint = { name: 'users', max: 6000, windowSeconds: 60 };
const credential = { token: aToken('00uOwner').token, owner: null, agent: null, share: null };

/** A stage whose ledger holds a lease, and whose store has just gone away. */
async function withoutStore(onStoreAway: OnStoreAway) {
  const clock = manualClock();
  const source = new HeldSource(clock);
  const breaker = new Breaker(clock, 1_000);
  const options = { defaultPercentage: 50, onStoreAway, gateways: 4 };
  const stage = new LimitStage(
    new LeasedLedger(source, clock, (task) => task()),
    new InProcessLedger(clock),
    clock,
    breaker,
    options,
  );
  for (let i = 0; i < 200; i++) {
    await stage.spend(credential, endpoint);
    clock.advance(1);
  }
  source.held = true;
  breaker.failed('as the test wants it');
  return { stage, source, breaker, clock };
}

describe('the limit stage whose store is away', () => {
  it('spends what is leased, and only then does as it was told', async () => {
    const { stage } = await withoutStore('deny');
    let leased = 0;
    let verdict = stage.spend(credential, endpoint);
    for (; verdict !== 'store-away'; verdict = stage.spend(credential, endpoint)) {
      expect(verdict).toMatchObject({ admitted: true, limit: 3000 });
      leased += 1;
    }
    expect(leased).toBeGreaterThan(0);
    expect(leased).toBeLessThanOrEqual(100);
  });

  it('counts for itself with an equal part of both budgets, once its lease is spent', async () => {
    const { stage, clock } = await withoutStore('local');
    clock.advance(500);
    expect(stage.spend(credential, endpoint)).toMatchObject({ admitted: true, limit: 750, remaining: 749 });
  });

  it('lets one request at a time try the store, and no request that needs no answer of it', async () => {
    const { stage, source, clock, breaker } = await withoutStore('deny');
    clock.advance(1_000);
    const asked = source.taken.length;
    const trial = stage.spend(credential, endpoint);
    expect(stage.spend(credential, endpoint)).toBe('store-away');
    expect(source.taken).toHaveLength(asked + 1);
    await source.answer();
    expect(await trial).toMatchObject({ admitted: true });
    expect(breaker.open).toBe(false);
  });
});
