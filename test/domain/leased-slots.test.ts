import { beforeEach, describe, expect, it } from 'vitest';
import { LeasedSlots } from '../../src/domain/leased-slots.ts';
import { SLOT_LEASE_MS, type SlotSource, type SlotStatement } from '../../src/domain/slot-lease.ts';
import { isSlot, type Slot, type SlotRefusal } from '../../src/domain/slot-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { settled } from './held-source.ts';
import { SimulatedSlots } from './simulated-slots.ts';

let clock: ManualClock;
let source: SimulatedSlots;
beforeEach(() => {
  clock = manualClock();
  source = new SimulatedSlots();
});

/** The way of one gateway to the source: counts what it carries, and can be cut. */
class Link implements SlotSource {
  statements = 0;
  away = false;

  async state(statement: SlotStatement) {
    this.statements += 1;
    if (this.away) throw new StoreAway('away, as the test wants it');
    return source.state(statement, clock.now());
  }

  async count(endpoint: string, tokenId: string) {
    return source.count(endpoint, tokenId, clock.now());
  }
}

/** A gateway with a clock of its own, which stands still when the gateway does. */
function aGateway(name: string) {
  const link = new Link();
  let running = true;
  const own = { ...clock, every: (ms: number, task: () => void) => clock.every(ms, () => running && task()) };
  const slots = new LeasedSlots(link, own, name);
  const hold = async (tokenId = 'a', max = 10, share = max) =>
    await slots.hold({ endpoint: endpointOf(max), tokenId, share });
  return {
    link,
    slots,
    hold,
    async fill(count: number, tokenId = 'a', max = 10): Promise<Slot[]> {
      const held: Slot[] = [];
      for (let i = 0; i < count; i++) held.push(slotOf(await hold(tokenId, max)));
      return held;
    },
    /** Crashed, or stopped: it does nothing by itself any more. */
    stop() {
      running = false;
    },
    resume() {
      running = true;
    },
  };
}

const endpointOf = (concurrent: number) => ({ name: 'users', max: null, windowSeconds: 60, concurrent });

function slotOf(held: Slot | SlotRefusal): Slot {
  if (!isSlot(held)) throw new Error(`refused by the ${held.scope}`);
  return held;
}

/** Lets time pass, and everybody do what falls due. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(50);
    await settled();
  }
}

describe('slots that gateways share', () => {
  it('are no more for all together than for one', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    await one.fill(6);
    await other.fill(4);
    expect(await one.hold()).toEqual({ scope: 'token', limit: 10 });
    expect(await other.hold('b')).toEqual({ scope: 'endpoint', limit: 10 });
  });

  it('are free for another gateway soon after they became so here', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    const held = await one.fill(10);
    for (const slot of held.slice(0, 4)) slot.release();
    await pass(100);
    await other.fill(4);
    expect(isSlot(await other.hold())).toBe(false);
  });

  it('are handed from one token to another at once within a gateway', async () => {
    const one = aGateway('one');
    const [first] = await one.fill(10);
    expect(await one.hold('b')).toEqual({ scope: 'endpoint', limit: 10 });
    first?.release();
    slotOf(await one.hold('b'));
  });

  it('of a gateway that crashed come back by themselves when its lease has run out, and not before', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    await one.fill(10);
    one.stop();
    await pass(SLOT_LEASE_MS - 100);
    expect(isSlot(await other.hold())).toBe(false);
    await pass(200);
    await other.fill(10);
  });

  it('stay with a gateway for as long as their requests last', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    await one.fill(10);
    await pass(10 * SLOT_LEASE_MS);
    expect(isSlot(await other.hold())).toBe(false);
    expect(one.link.statements).toBeLessThan(50);
  });

  it('are not believed in by a gateway that stood still for longer than its lease: what it has under way is all that is too much', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    const [first] = await one.fill(10);
    one.stop();
    await pass(SLOT_LEASE_MS + 50);
    await other.fill(10);
    one.resume();
    first?.release();
    expect(isSlot(await one.hold())).toBe(false);
    await pass(100);
    expect(source.count('users', 'a', clock.now())).toEqual({ all: 19, own: 19 });
  });

  it('are handed out at once, without a promise, while some stand ready, and ask the source seldom', async () => {
    const one = aGateway('one');
    for (let round = 0; round < 20; round++) {
      for (const slot of await one.fill(200, 'a', 10_000)) slot.release();
    }
    const before = one.link.statements;
    const held = one.slots.hold({ endpoint: endpointOf(10_000), tokenId: 'a', share: 10_000 });
    expect(held).not.toBeInstanceOf(Promise);
    for (let request = 0; request < 4_000; request++) slotOf(await one.hold('a', 10_000)).release();
    expect(one.link.statements - before).toBeLessThanOrEqual(4);
  });

  it('cost the source nothing for those who are refused, but one question in 50 ms', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    await one.fill(10);
    for (let request = 0; request < 1_000; request++) await other.hold('b');
    expect(other.link.statements).toBe(1);
    clock.advance(50);
    for (let request = 0; request < 1_000; request++) await other.hold('b');
    expect(other.link.statements).toBe(2);
  });

  it('that are held ready serve on while the source is away, until the lease has run out', async () => {
    const one = aGateway('one');
    for (const slot of await one.fill(200, 'a', 10_000)) slot.release();
    one.link.away = true;
    slotOf(await one.hold('a', 10_000)).release();
    await pass(SLOT_LEASE_MS);
    await expect(one.hold('a', 10_000)).rejects.toThrow(StoreAway);
    one.link.away = false;
    slotOf(await one.hold('a', 10_000));
  });

  it('are known again to a source that lost them, as soon as their gateway speaks', async () => {
    const one = aGateway('one');
    const other = aGateway('other');
    await one.fill(10);
    source.lose();
    await pass(1_100);
    expect(isSlot(await other.hold())).toBe(false);
  });

  it('are all given back when a gateway ends in good order', async () => {
    const one = aGateway('one');
    const held = await one.fill(7);
    for (const slot of held) slot.release();
    await one.slots.close();
    expect(source.count('users', 'a', clock.now())).toEqual({ all: 0, own: 0 });
  });
});
