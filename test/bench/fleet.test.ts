import { expect, it } from 'vitest';
import { measureGateways } from '../../bench/fleet/gateways.ts';
import { SCENARIOS } from '../../bench/fleet/scenarios.ts';
import { callsIn } from '../../bench/fleet/script-calls.ts';
import { Samples } from '../../bench/prometheus.ts';

it('a fleet of whole gateways admits no more than the maximum, counted by the upstream', async () => {
  const extent = { gateways: 2, window: 2, connections: 4, maxima: [20], scenarios: SCENARIOS.slice(0, 1) };
  const [row, ...others] = await measureGateways(extent);
  expect(others).toEqual([]);
  expect(row?.admitted).toBeGreaterThan(0);
  // More than one window was open only where the machine was very slow.
  expect(row?.admitted).toBeLessThanOrEqual(20 * (row?.windows ?? 0));
  expect(row?.refused).toBeGreaterThan(0);
  expect(row?.askedRedis).toBeGreaterThan(0);
  // Where another gateway might have given something back when it was last asked, a gateway asks again; then it knows.
  expect(row?.refusing?.leaseAsks ?? 0).toBeLessThanOrEqual(2 * extent.gateways);
});

it('scripts are counted from what Redis tells', () => {
  expect(callsIn('cmdstat_get:calls=3\r\ncmdstat_evalsha:calls=12,usec=4\r\n')).toBe(12);
  expect(callsIn('')).toBe(0);
});

it('a scrape is read by name and labels, and a histogram by the bound below which a part of it lies', () => {
  const scrape = (counts: readonly number[]) =>
    new Samples(
      [
        '# HELP t_seconds a text with {braces="x"} 5',
        ...['0.1', '1', '+Inf'].map((le, at) => `t_seconds_bucket{le="${le}",stage="limit"} ${counts[at]}`),
        't_requests_total{endpoint="a",decision="forwarded"} 7',
        't_requests_total{endpoint="b",decision="forwarded"} 2',
      ].join('\n'),
    );
  const [before, after] = [scrape([10, 10, 10]), scrape([109, 110, 110])];
  expect(after.sum('t_requests_total', { decision: 'forwarded' })).toBe(9);
  expect([...after.by('t_requests_total', 'endpoint')]).toEqual([
    ['a', 7],
    ['b', 2],
  ]);
  expect(after.bound('t_seconds', { stage: 'limit' }, 0.99, before)).toBe(0.1);
  expect(after.bound('t_seconds', { stage: 'limit' }, 1, before)).toBe(1);
  expect(after.bound('t_seconds', { stage: 'zone' }, 0.99)).toBeNaN();
  expect(after.within('t_seconds', { stage: 'limit' }, 0.1, before)).toBe(0.99);
});
