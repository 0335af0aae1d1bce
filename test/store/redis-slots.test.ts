import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SLOT_LEASE_MS } from '../../src/domain/slot-lease.ts';
import { Connection } from '../../src/store/redis/connection.ts';
import { RedisSlotSource, slotsKey } from '../../src/store/redis/slot-source.ts';
import { SimulatedSlots } from '../domain/simulated-slots.ts';
import { aServer, rawClient } from './redis-bench.ts';

const claim = fc.record({
  share: fc.integer({ min: 1, max: 60 }),
  keep: fc.nat(8),
  need: fc.nat(8),
  extra: fc.nat(20),
});
const statement = fc.record({
  gateway: fc.constantFrom('one', 'two', 'three'),
  max: fc.integer({ min: 1, max: 100 }),
  late: fc.boolean(),
  claims: fc.dictionary(fc.constantFrom('a', 'b', 'c'), claim),
});

it('slots in Redis are those that the simulation of a fleet is run with, and lapse alike', async () => {
  const server = await aServer();
  const raw = rawClient(server.url);
  const connection = new Connection({ url: server.url, commandTimeoutMs: 5_000, prefix: 'tg:' }, () => {});
  await connection.firstAttempt();
  const source = new RedisSlotSource(connection, 'tg:');
  const events = fc.array(
    fc.oneof({ weight: 8, arbitrary: statement }, { weight: 1, arbitrary: fc.constantFrom('one', 'two') }),
    { maxLength: 30 },
  );
  let made = 0;
  await fc.assert(
    fc.asyncProperty(events, async (happening) => {
      const endpoint = `endpoint-${made++}`;
      const model = new SimulatedSlots();
      let sequence = 1;
      for (const event of happening) {
        if (typeof event === 'string') {
          // The lease of that gateway runs out: its field in Redis says so.
          const field = await raw.hget(slotsKey('tg:', endpoint), event);
          if (field === null) continue;
          const lapsed = JSON.stringify({ ...JSON.parse(field), lapses: 1 });
          await raw.hset(slotsKey('tg:', endpoint), event, lapsed);
          model.lapse(endpoint, event);
          continue;
        }
        if (!event.late) sequence += 1;
        const claims = Object.entries(event.claims).map(([tokenId, { share, keep, need, extra }]) => ({
          tokenId,
          share,
          keep,
          need,
          want: need + extra,
        }));
        const { gateway, max } = event;
        const stated = { endpoint, max, gateway, sequence, claims };
        expect(await source.state(stated)).toEqual(model.state(stated, 0));
        expect(await source.count(endpoint, 'a')).toEqual(model.count(endpoint, 'a', 0));
      }
      const left = await raw.pttl(slotsKey('tg:', endpoint));
      expect(left).toBeLessThanOrEqual(SLOT_LEASE_MS);
    }),
    { numRuns: 60 },
  );
  connection.close();
});
