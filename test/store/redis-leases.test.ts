import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Grant, LeaseSource } from '../../src/domain/lease.ts';
import { LeasedLedger } from '../../src/domain/leased-ledger.ts';
import { Connection } from '../../src/store/redis/connection.ts';
import { RedisLeaseSource, windowKey } from '../../src/store/redis/lease-source.ts';
import { SimulatedWindows } from '../domain/simulated-windows.ts';
import { manualClock } from '../support/manual-clock.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

/** So long that none ends by itself while a test runs. */
const HOUR = 3600;

async function aSource(url: string): Promise<{ source: LeaseSource; close: () => void }> {
  const connection = new Connection({ url, prefix: 'tg:', commandTimeoutMs: 5_000 }, () => {});
  await connection.firstAttempt();
  return { source: new RedisLeaseSource(connection, 'tg:'), close: () => connection.close() };
}

it('leases in Redis are those that the simulation of a fleet is run with', async () => {
  const server = await aServer();
  const raw = rawClient(server.url);
  const { source, close } = await aSource(server.url);
  const ask = fc.record({
    tokenId: fc.constantFrom('a', 'b', 'c'),
    share: fc.integer({ min: 1, max: 400 }),
    need: fc.nat(30),
    extra: fc.nat(60),
  });
  const back = fc.record({ nth: fc.nat(20), part: fc.double({ min: 0, max: 1, noNaN: true }) });
  const question = fc.record({
    max: fc.integer({ min: 1, max: 600 }),
    // Also what was taken from a window that has ended, and the same more than once.
    backs: fc.array(back, { maxLength: 2 }),
    asked: fc.uniqueArray(ask, { maxLength: 3, selector: ({ tokenId }) => tokenId }),
  });
  const end = fc.constant('window ends' as const);
  const events = fc.array(fc.oneof({ weight: 8, arbitrary: question }, { weight: 1, arbitrary: end }), {
    maxLength: 30,
  });
  let made = 0;
  await fc.assert(
    fc.asyncProperty(events, async (happening) => {
      const name = `endpoint-${made++}`;
      const simulated = new SimulatedWindows();
      const clock = manualClock();
      // Longer each time, so that no two windows end at the same moment though they are made to end at once.
      let windowSeconds = HOUR;
      const taken: { tokenId: string; granted: number; there: number; here: number }[] = [];
      for (const event of happening) {
        if (event === 'window ends') {
          if ((await raw.exists(windowKey('tg:', name))) === 1)
            await raw.hset(windowKey('tg:', name), 'ends', 1);
          clock.advance(windowSeconds * 1000);
          windowSeconds += 1;
          continue;
        }
        const endpoint = { name, max: event.max, windowSeconds };
        const asks = event.asked.map(({ extra, ...each }) => ({
          endpoint,
          ...each,
          want: each.need + extra,
        }));
        const backs = event.backs.flatMap(({ nth, part }) => {
          const from = taken[nth % Math.max(1, taken.length)];
          return from === undefined ? [] : { ...from, count: Math.max(1, Math.ceil(part * from.granted)) };
        });
        const returnsTo = (side: 'there' | 'here') =>
          backs.map(({ tokenId, count, [side]: resetAt }) => ({ tokenId, count, resetAt }));
        const there = await source.exchange({ endpoint, asks, returns: returnsTo('there') });
        const here = simulated.exchange({ endpoint, asks, returns: returnsTo('here') }, clock.now());
        expect(there.map(countsOf)).toEqual(here.map(countsOf));
        for (const [at, { tokenId }] of asks.entries()) {
          const [grant, simulatedGrant] = [there[at], here[at]];
          if (grant === undefined || simulatedGrant === undefined) throw new Error('each ask has its grant');
          expect(grant.endsInMs).toBeGreaterThan((HOUR - 60) * 1000);
          expect(grant.endsInMs).toBeLessThanOrEqual(windowSeconds * 1000);
          const { granted, resetAt } = grant;
          taken.push({ tokenId, granted, there: resetAt, here: simulatedGrant.resetAt });
        }
      }
    }),
    { numRuns: 60 },
  );
  close();
});

function countsOf({ granted, all, own, allLooseMs, ownLooseMs }: Grant) {
  return { granted, all, own, allLoose: allLooseMs > 0, ownLoose: ownLooseMs > 0 };
}

it('what many tokens ask of one endpoint at once is one command, and each is answered as if it were alone', async () => {
  const server = await aServer();
  const raw = rawClient(server.url);
  const { store } = await open(server.url);
  const endpoint = { name: 'users', max: 60, windowSeconds: HOUR };
  await store.ledger.spend({ endpoint, tokenId: 'first', share: 1 });
  const before = await scriptCalls(raw);
  const answers = await Promise.all(
    Array.from({ length: 80 }, (_, i) =>
      store.ledger.spend({ endpoint, tokenId: `t${i}`, share: 1 + (i % 2) }),
    ),
  );
  expect((await scriptCalls(raw)) - before).toBe(1);
  expect(answers.map(({ admitted }) => admitted)).toEqual(answers.map((_, i) => i < 59));
  expect(answers[0]).toMatchObject({ scope: 'token', limit: 1, remaining: 0 });
  expect(answers[59]).toMatchObject({ admitted: false, scope: 'endpoint', limit: 60, remaining: 0 });
});

it('a store that is closed gives back what it has leased and not spent', async () => {
  const server = await aServer();
  const { store, clock } = await open(server.url);
  const spend = { endpoint: { name: 'users', max: 6000, windowSeconds: HOUR }, tokenId: 'a', share: 6000 };
  for (let i = 0; i < 100; i++) {
    await store.ledger.spend(spend);
    clock.advance(1);
  }
  const raw = rawClient(server.url);
  const leased = async () => Number(await raw.hget(windowKey('tg:', 'users'), 'all'));
  expect(await leased()).toBeGreaterThan(100);
  await store.close();
  expect(await leased()).toBe(100);
});

/** Who shares one budget, and how many commands a request may cost. */
const FLEETS = [
  { who: 'one hot token', tokens: 1, share: 4500, everyMs: 0.2, commands: 0.2 },
  { who: '50 slow tokens', tokens: 50, share: 300, everyMs: 1, commands: 0.25 },
];

for (const { who, tokens, share, everyMs, commands } of FLEETS) {
  it(`gateways that spend one budget for ${who} over real connections admit exactly that, for a fraction of a command each`, async () => {
    const server = await aServer();
    const raw = rawClient(server.url);
    const clocks = Array.from({ length: 4 }, () => manualClock());
    const sources = await Promise.all(clocks.map(() => aSource(server.url)));
    const ledgers = sources.map(
      ({ source }, i) => new LeasedLedger(source, clocks[i] ?? manualClock(), setImmediate),
    );
    const endpoint = { name: 'users', max: 6000, windowSeconds: HOUR };
    const possible = Math.min(6000, tokens * share);
    const admittedTo = new Map<string, number>();
    const total = () => [...admittedTo.values()].reduce((sum, each) => sum + each, 0);
    let refused = 0;
    const ask = async (ledger: LeasedLedger, tokenId: string) => {
      const { admitted } = await ledger.spend({ endpoint, tokenId, share });
      if (admitted) admittedTo.set(tokenId, (admittedTo.get(tokenId) ?? 0) + 1);
      else refused += 1;
      return admitted;
    };
    const callsBefore = await scriptCalls(raw);
    const gateway = async (ledger: LeasedLedger, at: number) => {
      for (let turn = at; refused < 400; turn++) {
        await ask(ledger, `t${turn % tokens}`);
        clocks[at]?.advance(everyMs);
      }
    };
    await Promise.all(ledgers.map(gateway));
    // What one gave back last, another may still use.
    for (const ledger of ledgers) await ledger.close();
    const fresh = new LeasedLedger((await aSource(server.url)).source, manualClock(), setImmediate);
    // Who asks for one token may be leased something for another, so until nobody is admitted any more.
    for (let before = -1; before < total(); ) {
      before = total();
      for (let token = 0; token < tokens; token++) while (await ask(fresh, `t${token}`)) {}
    }
    expect(total()).toBe(possible);
    expect(Math.max(...admittedTo.values())).toBeLessThanOrEqual(share);
    expect((await scriptCalls(raw)) - callsBefore).toBeLessThan(commands * possible);
    for (const { close } of sources) close();
  });
}

async function scriptCalls(raw: ReturnType<typeof rawClient>): Promise<number> {
  const stats = await raw.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
