import { beforeEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/domain/token.ts';
import { type Permit, permit } from '../../src/gateway/decision.ts';
import { LiveStreams, type StreamEnd } from '../../src/gateway/live-streams.ts';
import { manualClock } from '../support/manual-clock.ts';
import { aToken, aUser } from '../support/records.ts';

const endpoint = { name: 'feed', max: null, windowSeconds: 60 };

function aPermit(owner = aUser()): Permit {
  const { token } = aToken(owner.id);
  return permit({
    credential: { token, owner, agent: null, share: null },
    endpoint,
    client: '192.0.2.1',
    spent: null,
  });
}

let streams: LiveStreams;
let ended: [string, StreamEnd][];

beforeEach(() => {
  streams = new LiveStreams();
  ended = [];
});

const open = (name: string, of: Permit) => streams.add(of, (why) => ended.push([name, why]));
const allBut =
  (...refused: Permit[]) =>
  (credential: Credential) =>
    !refused.some((each) => each.credential.token.hash === credential.token.hash);

describe('live streams', () => {
  it('end with their token, all of them, and no others', async () => {
    const [mine, theirs] = [aPermit(), aPermit()];
    open('mine 1', mine);
    open('theirs', theirs);
    open('mine 2', mine);
    expect(streams.size).toBe(3);
    expect(await streams.recheck(allBut(mine))).toBe(2);
    expect(ended).toEqual([
      ['mine 1', 'token-unusable'],
      ['mine 2', 'token-unusable'],
    ]);
    expect(streams.size).toBe(1);
  });

  it('are ended once, and not after they are over', async () => {
    const mine = aPermit();
    const over = open('over', mine);
    open('open', mine);
    over();
    over();
    await streams.recheck(allBut(mine));
    await streams.recheck(allBut(mine));
    streams.endAll('shutdown');
    expect(ended).toEqual([['open', 'token-unusable']]);
  });

  it('may leave in the moment they are ended', async () => {
    const mine = aPermit();
    const leave: (() => void)[] = [];
    for (const name of ['a', 'b', 'c']) {
      leave.push(
        streams.add(mine, (why) => {
          ended.push([name, why]);
          for (const go of leave) go();
        }),
      );
    }
    expect(await streams.recheck(() => false)).toBe(1);
    expect(ended).toEqual([['a', 'token-unusable']]);
    expect(streams.size).toBe(0);
  });

  it('tell two streams with the same end apart', () => {
    const mine = aPermit();
    const end = () => {};
    const first = streams.add(mine, end);
    streams.add(mine, end);
    first();
    expect(streams.size).toBe(1);
  });

  it('are asked for once for each token, however many there are', async () => {
    const permits = [aPermit(), aPermit(), aPermit()];
    for (const each of permits) for (let count = 0; count < 10; count += 1) open('stream', each);
    const asked: string[] = [];
    await streams.recheck(({ token }) => {
      asked.push(token.id);
      return true;
    });
    expect(asked.sort()).toEqual(permits.map(({ credential }) => credential.token.id).sort());
  });

  it('are asked for only where the change may concern them', async () => {
    const owner = aUser();
    const [mine, theirs] = [aPermit(owner), aPermit()];
    open('mine', mine);
    open('theirs', theirs);
    await streams.recheck(
      () => false,
      ({ token }) => token.userId === owner.id,
    );
    expect(ended).toEqual([['mine', 'token-unusable']]);
  });

  it.each<[string, () => boolean | Promise<boolean>]>([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('bug'))],
  ])('end when the verdict %s: what cannot be told is not let through', async (_, verdict) => {
    open('stream', aPermit());
    expect(await streams.recheck(verdict)).toBe(1);
    expect(ended).toEqual([['stream', 'token-unusable']]);
  });

  it('wait for at most 32 verdicts at a time, and for all of them', async () => {
    const permits = Array.from({ length: 100 }, () => aPermit());
    for (const each of permits) open(each.credential.token.id, each);
    let waiting = 0;
    let most = 0;
    await streams.recheck(async () => {
      waiting += 1;
      most = Math.max(most, waiting);
      await new Promise((resolve) => setImmediate(resolve));
      waiting -= 1;
      return false;
    });
    expect(most).toBe(32);
    expect(ended).toHaveLength(100);
  });

  it('that open while a verdict is waited for are not ended by it, when the token had none left', async () => {
    const mine = aPermit();
    const leave = open('old', mine);
    let answer: (stay: boolean) => void = () => {};
    const rechecked = streams.recheck(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    leave();
    open('new', mine);
    answer(false);
    await rechecked;
    expect(ended).toEqual([]);
    expect(streams.size).toBe(1);
  });

  it('are asked for again on every tick, by one timer, and not while the tick before is still waiting', async () => {
    const clock = manualClock();
    let asked = 0;
    let answer: (stay: boolean) => void = () => {};
    const stop = streams.recheckEvery(1_000, clock, () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    clock.advance(5_000);
    expect(asked).toBe(0);
    open('stream', aPermit());
    clock.advance(3_000);
    expect(asked).toBe(1);
    answer(true);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
    expect(asked).toBe(2);
    answer(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual([['stream', 'token-unusable']]);
    open('late', aPermit());
    stop();
    clock.advance(5_000);
    expect(asked).toBe(2);
  });

  it('all end on shutdown', () => {
    open('a', aPermit());
    open('b', aPermit());
    streams.endAll('shutdown');
    expect(ended).toEqual([
      ['a', 'shutdown'],
      ['b', 'shutdown'],
    ]);
    expect(streams.size).toBe(0);
  });
});
