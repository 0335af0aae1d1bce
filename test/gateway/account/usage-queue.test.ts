import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestCounts } from '../../../src/domain/request-counts.ts';
import { type Store, StoreAway, type Touch, type UsageSink } from '../../../src/domain/store.ts';
import { DEFAULT_TOKEN_WINDOW_SECONDS, unusable } from '../../../src/domain/token.ts';
import { UsageQueue } from '../../../src/gateway/account/usage-queue.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { aToken, aUser } from '../../support/records.ts';

const FLUSH = 1_000;
const TOUCH = 60_000;
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

/** A real store's sink that counts what reaches it and can be away. */
class SteeredSink implements UsageSink {
  readonly batches: (readonly Touch[])[] = [];
  readonly counts: RequestCounts[] = [];
  away = false;
  /** Whether counts are taken and the answer does not arrive. */
  losesAnswers = false;
  readonly #sink: UsageSink;

  constructor(sink: UsageSink) {
    this.#sink = sink;
  }

  async record(touches: readonly Touch[]): Promise<void> {
    if (this.away) throw new StoreAway('away, as the test wants it');
    this.batches.push(touches);
    await this.#sink.record(touches);
  }

  async count(counts: RequestCounts): Promise<void> {
    if (this.away) throw new StoreAway('away, as the test wants it');
    this.counts.push(counts);
    await this.#sink.count(counts);
    if (this.losesAnswers) throw new StoreAway('the answer was lost, as the test wants it');
  }
}

let clock: ManualClock;
let store: Store;
let sink: SteeredSink;
let queue: UsageQueue;
const owner = aUser();
const { token } = aToken(owner.id);

beforeEach(async () => {
  clock = manualClock();
  // The store's clock stands still: it looks for other writers ten times a second, and this test runs for months.
  store = await openEmbeddedStore({ path: ':memory:', clock: manualClock() });
  await store.commit([
    { put: 'user', user: owner },
    { put: 'token', token },
  ]);
  sink = new SteeredSink(store);
  queue = new UsageQueue(sink, clock, { flushEvery: FLUSH, touchEvery: TOUCH, size: 3 });
});

afterEach(async () => {
  sink.away = false;
  await queue.close();
  await store.close();
});

/** Moves time on and lets the write that the timer began come to its end. */
async function advance(ms: number): Promise<void> {
  clock.advance(ms);
  if (!sink.away) await queue.flush();
}

const lastUse = async () => (await store.token(token.id))?.token.lastUsedAt;

describe('last use', () => {
  it('is not written while the request is served, and is in the store after one interval', async () => {
    queue.note(token);
    expect(sink.batches).toEqual([]);
    await advance(FLUSH);
    expect(await lastUse()).toBe(clock.now() - FLUSH);
  });

  it('costs one write for each token and interval, however often the token is used', async () => {
    for (let second = 0; second < TOUCH / FLUSH; second++) {
      for (let request = 0; request < 100; request++) queue.note(token);
      await advance(FLUSH);
    }
    expect(sink.batches).toHaveLength(1);
    queue.note(token);
    await advance(FLUSH);
    expect(sink.batches).toHaveLength(2);
  });

  it('goes to the store in one call for all tokens that wait', async () => {
    for (let count = 0; count < 3; count++) queue.note(aToken(owner.id).token);
    await advance(FLUSH);
    expect(sink.batches.map((batch) => batch.length)).toEqual([3]);
  });

  it('is written at every flush for a token whose window is shorter than four intervals', async () => {
    const short = { ...token, windowSeconds: (TOUCH * 2) / 1000 };
    for (let second = 0; second < 3; second++) {
      queue.note(short);
      await advance(FLUSH);
    }
    expect(sink.batches).toHaveLength(3);
  });

  it('is written when the queue is closed', async () => {
    queue.note(token);
    await queue.close();
    expect(await lastUse()).toBe(clock.now());
  });
});

describe('how often a token was used', () => {
  const busiest = () => store.busiestTokens(clock.now() - HOUR, clock.now(), 10);

  it('is in the store when the interval is over, in one call for all tokens, and nothing of it before', async () => {
    const other = aToken(owner.id).token;
    for (let request = 0; request < 5; request++) queue.note(token);
    for (let request = 0; request < 7; request++) queue.note(other);
    await advance(TOUCH - FLUSH);
    expect(sink.counts).toEqual([]);
    await advance(FLUSH);
    expect(sink.counts).toHaveLength(1);
    expect(await busiest()).toEqual([
      { tokenId: other.id, requests: 7 },
      { tokenId: token.id, requests: 5 },
    ]);
    await advance(TOUCH);
    expect(sink.counts).toHaveLength(1);
  });

  it('is written when the queue is closed', async () => {
    queue.note(token);
    queue.note(token);
    await queue.close();
    expect(await busiest()).toEqual([{ tokenId: token.id, requests: 2 }]);
  });

  it('waits while the store is away, and is added once though the answer was lost', async () => {
    queue.note(token);
    sink.away = true;
    for (let second = 0; second < TOUCH / FLUSH; second++) await advance(FLUSH);
    sink.away = false;
    sink.losesAnswers = true;
    await expect(queue.flush()).rejects.toThrow(StoreAway);
    sink.losesAnswers = false;
    await queue.flush();
    expect(sink.counts.map(({ id }) => id)).toEqual([sink.counts[0]?.id, sink.counts[0]?.id]);
    expect(await busiest()).toEqual([{ tokenId: token.id, requests: 1 }]);
  });
});

describe('very many tokens', () => {
  const many = Array.from({ length: 2_500 }, () => aToken(owner.id).token);
  beforeEach(async () => {
    await queue.close();
    queue = new UsageQueue(sink, clock, { flushEvery: FLUSH, touchEvery: TOUCH, size: 1_000 });
  });

  it('are counted in calls of a thousand at the most, each token once', async () => {
    for (const each of many) {
      queue.note(each);
      if (queue.depth === 1_000) await advance(FLUSH);
    }
    await queue.close();
    expect(sink.counts.map(({ tokens }) => tokens.length)).toEqual([1_000, 1_000, 500]);
    const counted = sink.counts.flatMap(({ tokens }) => tokens.map(({ tokenId }) => tokenId));
    expect(counted.toSorted()).toEqual(many.map(({ id }) => id).toSorted());
    expect(queue.dropped).toBe(0);
  });

  it('are not remembered for an interval: as many as may wait end it', async () => {
    for (const each of many) {
      queue.note(each);
      if (queue.depth === 1_000) await advance(FLUSH);
    }
    await advance(FLUSH);
    // A minute is not over, and yet the first two thousands were told.
    expect(sink.counts).toHaveLength(2);
  });
});

describe('while the store is away', () => {
  it('nothing that fits the queue is lost, and it is written when the store is back', async () => {
    queue.note(token);
    sink.away = true;
    const usedAt = clock.now();
    for (let second = 0; second < 30; second++) await advance(FLUSH);
    expect(queue.depth).toBe(1);
    sink.away = false;
    await advance(FLUSH);
    expect(await lastUse()).toBe(usedAt);
    expect(queue.depth).toBe(0);
  });

  it('what does not fit the queue is dropped and counted, and what is in it stays', () => {
    sink.away = true;
    queue.note(token);
    for (let count = 0; count < 5; count++) queue.note(aToken(owner.id).token);
    expect(queue.depth).toBe(3);
    expect(queue.dropped).toBe(3);
  });

  it('the counts of an interval that find no room are dropped, and counted by token', async () => {
    const many = 60_000;
    const tokens = Array.from({ length: many }, (_, n) => ({ ...token, id: `00T${n}` }));
    await queue.close();
    queue = new UsageQueue(sink, clock, { flushEvery: TOUCH, touchEvery: TOUCH, size: many });
    sink.away = true;
    for (const each of tokens) queue.note(each);
    await advance(TOUCH);
    expect(queue.droppedCounts).toBe(0);
    for (const each of tokens) queue.note(each);
    await advance(TOUCH);
    expect([queue.droppedCounts, queue.dropped]).toEqual([many, 0]);
  });
});

describe('a token of 30 days', () => {
  beforeEach(async () => {
    await queue.close();
    // Months of seconds are many: an hour between writes is as good here.
    queue = new UsageQueue(sink, clock, { flushEvery: HOUR, touchEvery: HOUR, size: 3 });
  });

  const usable = async () => {
    const credential = await store.token(token.id);
    return credential !== null && unusable(credential, clock.now()) === null;
  };

  it('that is used every day never dies', async () => {
    for (let day = 0; day < 100; day++) {
      await advance(DAY);
      expect(await usable(), `day ${day}`).toBe(true);
      queue.note(token);
    }
  });

  it('that is not used dies when its window is over', async () => {
    queue.note(token);
    await advance(HOUR);
    await advance(DEFAULT_TOKEN_WINDOW_SECONDS * 1000 - HOUR - 1);
    expect(await usable()).toBe(true);
    await advance(1);
    expect(await usable()).toBe(false);
  });
});
