import { describe, expect, it } from 'vitest';
import { LeasedSlots } from '../../../src/domain/leased-slots.ts';
import { InProcessSlots } from '../../../src/domain/slot-count.ts';
import type { SlotSource, SlotStatement } from '../../../src/domain/slot-lease.ts';
import { isSlot, type Slot } from '../../../src/domain/slot-ledger.ts';
import { StoreAway } from '../../../src/domain/store.ts';
import type { Credential } from '../../../src/domain/token.ts';
import { ConcurrencyStage, type SlotVerdict } from '../../../src/gateway/limit/concurrency-stage.ts';
import type { OnStoreAway } from '../../../src/gateway/limit/limit-stage.ts';
import { Breaker } from '../../../src/kernel/breaker.ts';
import { SimulatedSlots } from '../../domain/simulated-slots.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { aShare, aToken } from '../../support/records.ts';

const GATEWAYS = 4;
const endpoint = { name: 'reports', max: null, windowSeconds: 60, concurrent: 40 };
const { token } = aToken('00uOwner');
const credential: Credential = { token, owner: null, agent: null, share: null };

/** A stage whose store can be away; the endpoint has 40 slots, of which the token has 20. */
function aStage(onStoreAway: OnStoreAway) {
  const clock = manualClock();
  const model = new SimulatedSlots();
  const store = { away: false, asked: 0 };
  const source: SlotSource = {
    async state(statement: SlotStatement) {
      store.asked += 1;
      if (store.away) throw new StoreAway('away, as the test wants it');
      return model.state(statement, clock.now());
    },
    async count(name, tokenId) {
      return model.count(name, tokenId, clock.now());
    },
  };
  const breaker = new Breaker(clock, 1_000);
  const options = { defaultPercentage: 50, onStoreAway, gateways: GATEWAYS };
  const fallback = new InProcessSlots();
  const stage = new ConcurrencyStage(new LeasedSlots(source, clock), fallback, breaker, options);
  const hold = (who = credential) => stage.hold(who, endpoint);
  const underWay = () => fallback.count(endpoint, token.id);
  return { clock, store, breaker, hold, underWay };
}

function slotOf(verdict: SlotVerdict): Slot {
  if (verdict === 'store-away' || !isSlot(verdict)) throw new Error(`refused: ${JSON.stringify(verdict)}`);
  return verdict;
}

describe('the slots of a stage whose store is away', () => {
  it('are an equal part of the maximum and of the share, counted here, where the policy is local', async () => {
    const { store, hold, underWay } = aStage('local');
    store.away = true;
    const slots: Slot[] = [];
    for (let held = 0; held < 20 / GATEWAYS; held += 1) slots.push(slotOf(await hold()));
    expect(await hold()).toEqual({ scope: 'token', limit: 20 / GATEWAYS });
    const other = { ...credential, token: aToken('00uOther').token };
    for (let held = 0; held < 20 / GATEWAYS; held += 1) slots.push(slotOf(await hold(other)));
    const third = { ...credential, token: aToken('00uThird').token };
    expect(await hold(third)).toEqual({ scope: 'endpoint', limit: 40 / GATEWAYS });
    for (const slot of slots) slot.release();
    expect(underWay()).toEqual({ all: 0, own: 0 });
    slotOf(await hold());
  });

  it('are none where the policy is deny', async () => {
    const { store, hold } = aStage('deny');
    store.away = true;
    expect(await hold()).toBe('store-away');
    expect(hold()).toBe('store-away');
  });

  it('are as many as are asked for where the policy is allow', async () => {
    const { store, hold } = aStage('allow');
    store.away = true;
    for (let held = 0; held <= endpoint.concurrent; held += 1) slotOf(await hold()).release();
  });

  it('are none for a token of 0 per cent, whatever the policy', async () => {
    const { store, hold } = aStage('allow');
    store.away = true;
    const none = { ...credential, share: aShare(token.id, { concurrencyPercentage: 0 }) };
    expect(hold(none)).toEqual({ scope: 'token', limit: 0 });
  });

  it('are first those that are leased, without asking, and none of them when the lease has run out', async () => {
    const { clock, store, hold } = aStage('deny');
    const first = slotOf(await hold());
    store.away = true;
    // What was held ready is handed out; then the store would have to be asked.
    let verdict = await hold();
    while (verdict !== 'store-away') {
      slotOf(verdict);
      verdict = await hold();
    }
    first.release();
    slotOf(await hold()).release();
    clock.advance(3_000);
    await expect(Promise.resolve(hold())).resolves.toBe('store-away');
  });

  it('are asked for by one request at a time until it is back, and then exact again', async () => {
    const { clock, store, breaker, hold } = aStage('deny');
    store.away = true;
    expect(await hold()).toBe('store-away');
    const asked = store.asked;
    expect(hold()).toBe('store-away');
    expect(store.asked).toBe(asked);
    store.away = false;
    clock.advance(1_000);
    const trial = hold();
    expect(hold()).toBe('store-away');
    slotOf(await trial);
    expect(breaker.open).toBe(false);
    for (let held = 1; held < 20; held += 1) slotOf(await hold());
    expect(await hold()).toEqual({ scope: 'token', limit: 20 });
  });
});
