import { expect, it } from 'vitest';
import { ServerClock } from '../../src/store/redis/server-clock.ts';
import { manualClock } from '../support/manual-clock.ts';

const HOUR = 3_600_000;

/** A server whose clock is that far off, and which takes so long to hear a question, and so long to be heard. */
async function asked(skewMs: number, thereMs = 0, backMs = 0) {
  const clock = manualClock();
  const server = { thereMs, backMs, answers: true };
  const ask = async () => {
    if (!server.answers) throw new Error('away');
    clock.advance(server.thereMs);
    const time = clock.now() + skewMs;
    clock.advance(server.backMs);
    return time;
  };
  const serverClock = new ServerClock(clock, ask);
  await serverClock.learn();
  /** What is said of something that happened there `ms` ago. */
  const saidOf = (ms: number) => serverClock.longestSince(clock.now() - ms + skewMs);
  return { clock, server, serverClock, saidOf };
}

for (const [skew, ms] of [
  ['with the same clock', 0],
  ['whose clock is an hour ahead', HOUR],
  ['whose clock is an hour behind', -HOUR],
] as const) {
  it(`what happened on a server ${skew} is as long ago as it is`, async () => {
    const { saidOf } = await asked(ms);
    expect(saidOf(0)).toBe(0);
    expect(saidOf(25)).toBe(25);
  });
}

it('is never said to be less long ago than it is, and too long by no more than an answer takes', async () => {
  for (const [thereMs, backMs] of [
    [8, 0],
    [0, 8],
    [5, 3],
  ] as const) {
    const { saidOf } = await asked(HOUR, thereMs, backMs);
    expect(saidOf(20)).toBeGreaterThanOrEqual(20);
    expect(saidOf(20)).toBeLessThanOrEqual(28);
  }
});

it('of several answers the one that took least counts, for a minute', async () => {
  const { clock, server, serverClock, saidOf } = await asked(0, 2);
  server.thereMs = 50;
  await serverClock.learn();
  expect(saidOf(10)).toBe(12);
  clock.advance(60_000);
  await serverClock.learn();
  expect(saidOf(10)).toBe(60);
  server.thereMs = 1;
  await serverClock.learn();
  expect(saidOf(10)).toBe(11);
});

it('an answer that does not come changes nothing', async () => {
  const { server, serverClock, saidOf } = await asked(HOUR);
  server.answers = false;
  await serverClock.learn();
  expect(saidOf(10)).toBe(10);
});

it('nothing is said before the server was asked, or once it may be another', async () => {
  const { serverClock, saidOf } = await asked(0);
  serverClock.forget();
  expect(saidOf(10)).toBeNull();
});
