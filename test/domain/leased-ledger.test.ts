import { beforeEach, describe, expect, it } from 'vitest';
import { LeasedLedger } from '../../src/domain/leased-ledger.ts';
import type { Spend, Spent } from '../../src/domain/limit-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { HeldSource, settled } from './held-source.ts';

const endpoint = { name: 'users', max: 6000, windowSeconds: 60 };
const ofMany: Spend = { endpoint: { ...endpoint, max: 60_000 }, tokenId: 'a', share: 30_000 };
const ofA: Spend = { endpoint, tokenId: 'a', share: 3000 };

let clock: ManualClock;
let source: HeldSource;
let ledger: LeasedLedger;
beforeEach(() => {
  clock = manualClock();
  source = new HeldSource(clock);
  ledger = new LeasedLedger(source, clock, now);
});

/** Each question goes out the moment there is one. */
const now = (task: () => void) => task();

/** A token that asks steadily, once in a millisecond, until the ledger holds a lease for it. */
async function steadily(spend: Spend, requests: number): Promise<Spent[]> {
  const answers: Spent[] = [];
  for (let i = 0; i < requests; i++) {
    answers.push(await ledger.spend(spend));
    clock.advance(1);
  }
  return answers;
}

describe('the leased ledger', () => {
  it('asks for one request at first, and for about 50 ms of demand when there is some', async () => {
    await steadily(ofA, 400);
    const sizes = source.taken.map(({ need, want }) => want - need);
    expect(sizes[0]).toBe(0);
    expect(Math.max(...sizes)).toBeGreaterThanOrEqual(45);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(55);
    expect(source.taken.length).toBeLessThan(400 / 15);
  });

  it('answers from a lease at once, and nobody waits for the next one while demand is steady', async () => {
    await steadily(ofA, 200);
    for (let i = 0; i < 300; i++) {
      expect(ledger.spend(ofA)).not.toBeInstanceOf(Promise);
      clock.advance(1);
      await settled();
    }
  });

  it('asks once for all requests of a token that come at once, and needs no second question for those that wait', async () => {
    source.held = true;
    const first = ledger.spend(ofA);
    const others = Array.from({ length: 9 }, () => ledger.spend(ofA));
    expect(source.taken.map(({ need }) => need)).toEqual([1]);
    await source.answer();
    expect(source.taken.map(({ need }) => need)).toEqual([1, 9]);
    await source.answer();
    const answers = await Promise.all([first, ...others]);
    expect(answers.map(({ remaining }) => remaining)).toEqual([
      2999, 2998, 2997, 2996, 2995, 2994, 2993, 2992, 2991, 2990,
    ]);
  });

  it('asks for slow tokens together, so that few of their requests ask or wait', async () => {
    let waited = 0;
    const second = async () => {
      // Each of 100 tokens ten times a second, in turn.
      for (let i = 0; i < 1000; i++) {
        const spent = ledger.spend({ ...ofMany, tokenId: `t${i % 100}` });
        if (spent instanceof Promise) waited += 1;
        await spent;
        clock.advance(1);
      }
    };
    await second();
    const before = source.questions.length;
    waited = 0;
    for (let i = 0; i < 5; i++) await second();
    expect(source.questions.length - before).toBeLessThan(0.03 * 5000);
    expect(waited).toBeLessThan(0.02 * 5000);
  });

  it('asks for fewer than 5 in 100 requests of slow tokens that come at random', async () => {
    const random = seededRandom(1);
    const second = async () => {
      // 600 requests, of any of 100 tokens, at any time: some tokens stay away for longer than a lease lives.
      for (let i = 0; i < 600; i++) {
        await ledger.spend({ ...ofMany, tokenId: `t${random.whole(0, 99)}` });
        clock.advance(random.between(0, 2000 / 600));
      }
    };
    await second();
    const before = source.questions.length;
    for (let i = 0; i < 10; i++) await second();
    expect(source.questions.length - before).toBeLessThan(0.05 * 6000);
  });

  /** One request each of so many tokens, one after the other. @returns what was asked for each, need and want in turn */
  async function passersBy(tokens: number, everyMs: number): Promise<string[]> {
    for (let i = 0; i < tokens; i++) {
      await ledger.spend({ ...ofMany, tokenId: `t${i}` });
      clock.advance(everyMs);
    }
    const asked = Map.groupBy(source.taken, ({ tokenId }) => tokenId);
    return [...asked.values()].map((asks) => asks.flatMap(({ need, want }) => [need, want]).join(' '));
  }

  it('asks once along with others for a token that came but once', async () => {
    expect(new Set(await passersBy(300, 1))).toEqual(new Set(['1 1 0 2', '1 1']));
  });

  it('asks for no more than is needed where tokens come but once and seldom', async () => {
    expect(new Set(await passersBy(50, 60))).toEqual(new Set(['1 1']));
    expect(source.questions).toHaveLength(50);
  });

  it('asks for and gives back at most 100 tokens in one question, however many there are', async () => {
    const turn = () => Promise.all(tokens.map((tokenId) => ledger.spend({ ...ofMany, tokenId })));
    const tokens = Array.from({ length: 450 }, (_, i) => `t${i}`);
    const turnEnds: (() => void)[] = [];
    ledger = new LeasedLedger(source, clock, (task) => turnEnds.push(task));
    for (let i = 0; i < 4; i++) {
      const answers = turn();
      for (const end of turnEnds.splice(0)) end();
      await answers;
      clock.advance(100);
    }
    await ledger.close();
    expect(source.questions.filter(({ asks }) => asks.length > 100)).toEqual([]);
    expect(source.questions.filter(({ returns }) => returns.length > 100)).toEqual([]);
    expect(source.questions[0]?.asks).toHaveLength(100);
    expect(new Set(source.returned.map(({ tokenId }) => tokenId)).size).toBe(450);
  });

  it('gives back along with what it asks, and by itself only where nothing is asked soon', async () => {
    await steadily(ofA, 200);
    // The lease of this token grows too old while the other one goes on asking.
    await steadily({ ...ofA, tokenId: 'b' }, 700);
    const withReturns = source.questions.filter(({ returns }) => returns.length > 0);
    expect(withReturns).toHaveLength(1);
    expect(new Set(source.returned.map(({ tokenId }) => tokenId))).toEqual(new Set(['a']));
    expect(withReturns[0]?.asks).not.toEqual([]);
  });

  it('takes small budgets request by request, so that what is shown as left is exact', async () => {
    const small: Spend = { endpoint: { ...endpoint, max: 20 }, tokenId: 'a', share: 10 };
    const answers = await steadily(small, 10);
    expect(answers.map(({ remaining }) => remaining)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(source.taken).toHaveLength(10);
  });

  it('asks nothing for a refused request once the budget is spent, until the window ends', async () => {
    const small: Spend = { endpoint: { ...endpoint, max: 20 }, tokenId: 'a', share: 2 };
    const admitted = await steadily(small, 2);
    await ledger.spend(small);
    const asked = source.taken.length;
    for (let i = 0; i < 1000; i++) {
      expect(ledger.spend(small)).toMatchObject({ admitted: false, scope: 'token', remaining: 0 });
      clock.advance(50);
    }
    expect(source.taken).toHaveLength(asked);
    clock.advance((admitted[0]?.resetAt ?? 0) - clock.now());
    expect(await ledger.spend(small)).toMatchObject({ admitted: true, remaining: 1 });
  });

  it('asks nothing for any token once the endpoint is spent', async () => {
    const one = { ...endpoint, max: 1 };
    await ledger.spend({ endpoint: one, tokenId: 'a', share: 1 });
    for (const tokenId of ['b', 'c', 'd']) {
      expect(ledger.spend({ endpoint: one, tokenId, share: 1 })).toMatchObject({
        admitted: false,
        scope: 'endpoint',
        limit: 1,
      });
    }
    expect(source.taken).toHaveLength(1);
  });

  it('asks again, soon and once, while another gateway may give something back', async () => {
    const other = new LeasedLedger(source, clock, now);
    const tight: Spend = { endpoint: { ...endpoint, max: 200 }, tokenId: 'a', share: 200 };
    for (let i = 0; i < 60; i++) {
      await other.spend(tight);
      clock.advance(1);
    }
    let last = await ledger.spend(tight);
    while (last.admitted) last = await ledger.spend(tight);
    const held = source.taken.length;
    expect(await ledger.spend(tight)).toMatchObject({ admitted: false });
    expect(source.taken).toHaveLength(held);
    await other.close();
    clock.advance(250);
    expect(await ledger.spend(tight)).toMatchObject({ admitted: true });
  });

  it('gives back what is not spent within seven tenths of a second', async () => {
    await steadily(ofA, 200);
    const shown = (await ledger.spend(ofA)).remaining;
    clock.advance(700);
    await settled();
    expect(source.returned.length).toBeGreaterThan(0);
    expect(await new LeasedLedger(source, clock, now).spend(ofA)).toMatchObject({ remaining: shown - 1 });
  });

  it('gives back what it is granted while it closes', async () => {
    await steadily(ofMany, 200);
    const before = ledger.leases.asked;
    source.held = true;
    while (ledger.leases.asked === before) await ledger.spend(ofMany);
    const { granted, returned } = ledger.leases;
    const closed = ledger.close();
    await source.answer();
    source.held = false;
    await source.answer();
    await closed;
    expect(ledger.leases.granted).toBeGreaterThan(granted);
    expect(ledger.leases.returned - returned).toBeGreaterThanOrEqual(ledger.leases.granted - granted);
  });

  it('gives back everything when it is closed', async () => {
    await steadily(ofA, 200);
    const { remaining } = await ledger.spend(ofA);
    await ledger.close();
    expect(await new LeasedLedger(source, clock, now).spend(ofA)).toMatchObject({ remaining: remaining - 1 });
  });

  it('spends nothing of a lease from the moment that it is told of another share or maximum', async () => {
    await steadily(ofA, 200);
    for (const changed of [
      { ...ofA, share: 150 },
      { ...ofA, endpoint: { ...endpoint, max: 150 } },
    ]) {
      await steadily(ofA, 200);
      expect(await ledger.spend(changed)).toMatchObject({ admitted: false, limit: 150, remaining: 0 });
    }
  });

  it('never spends what an answer that was lost may have granted', async () => {
    source.held = true;
    const lost = ledger.spend(ofA);
    await Promise.all([expect(lost).rejects.toThrow(StoreAway), source.answer('lost')]);
    source.held = false;
    expect(await ledger.spend(ofA)).toMatchObject({ admitted: true, remaining: 2998 });
  });

  it('admits nothing from an answer that is read after its window ended, and asks the next one', async () => {
    source.held = true;
    const waiting = ledger.spend(ofA);
    clock.advance(60_000);
    await source.answer();
    expect(source.taken).toHaveLength(2);
    await source.answer();
    expect((await waiting).resetAt).toBeGreaterThan(clock.now());
  });

  it('says that the store is away where every answer comes after the end of its window', async () => {
    source.held = true;
    const refused = expect(ledger.spend(ofA)).rejects.toThrow(StoreAway);
    for (let i = 0; i < 3; i++) {
      clock.advance(60_000);
      await source.answer();
    }
    await refused;
    expect(source.taken).toHaveLength(3);
  });

  const pauses = {
    'is stopped and goes on': { wall: 60_000, monotonic: 60_000 },
    'is suspended with its machine, and its monotonic clock with it': { wall: 60_000, monotonic: 0 },
    'goes on while its wall clock is set back by an hour': { wall: -3_600_000, monotonic: 60_000 },
  };
  for (const [when, passed] of Object.entries(pauses)) {
    it(`holds no lease over the end of its window where the process ${when}`, async () => {
      const jump = { wall: 0, monotonic: 0 };
      // No timer runs: the next thing that the process does is to spend.
      const jumping = {
        ...clock,
        now: () => clock.now() + jump.wall,
        monotonic: () => clock.monotonic() + jump.monotonic,
        every: () => () => {},
      };
      const paused = new LeasedLedger(source, jumping, now);
      ledger = paused;
      await steadily(ofA, 200);
      expect(paused.spendHere(ofA)).toMatchObject({ admitted: true });
      Object.assign(jump, passed);
      expect(paused.spendHere(ofA)).toBeNull();
    });
  }
});
