import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, type OpenMetricsContentType, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { YieldingRegistry } from '../../src/telemetry/yielding-registry.ts';

const METRICS = 40;

/** Metrics that are the same wherever they are declared. */
function declareInto<R extends Registry>(registry: R): R {
  for (let at = 0; at < METRICS; at++) {
    const counter = { name: `requests_${at}_total`, help: 'Requests.', labelNames: ['endpoint'] };
    new Counter({ ...counter, registers: [registry] }).inc({ endpoint: 'us"ers' }, at);
  }
  const later = new Gauge({ name: 'set_by_the_next', help: 'Late.', registers: [] });
  new Gauge({ name: 'first', help: 'Sets another.', registers: [registry], collect: () => later.set(7) });
  registry.registerMetric(later);
  return registry;
}

/** @returns how many turns of the event loop others had before it was done */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  let turns = 0;
  for (; !isDone; turns++) await setImmediate();
  await done;
  return turns;
}

/** A clock by which each metric takes so long. */
const each = (ms: number) => {
  let now = 0;
  return () => {
    now += ms / 2;
    return now;
  };
};

it('a scrape says what prom-client says of the same metrics', async () => {
  const [ours, theirs] = [declareInto(new YieldingRegistry()), declareInto(new Registry())];
  expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(await ours.metrics()).toContain('set_by_the_next 7');
  expect(await ours.getMetricsAsJSON()).toEqual(await theirs.getMetricsAsJSON());
});

it('a scrape in the form of OpenMetrics says what prom-client says of the same metrics', async () => {
  const ours = new YieldingRegistry<OpenMetricsContentType>();
  const theirs = new Registry<OpenMetricsContentType>();
  for (const registry of [ours, theirs]) {
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    new Gauge({ name: 'first', help: 'A gauge.', registers: [registry] }).set(1);
    new Gauge({ name: 'second', help: 'A gauge.', registers: [registry] }).set(2);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
});

it('a scrape lets the event loop turn after each millisecond that it takes', async () => {
  const slow = declareInto(new YieldingRegistry(each(2)));
  expect(await turnsDuring(slow.metrics())).toBeGreaterThan(METRICS);
  expect(await turnsDuring(slow.getMetricsAsJSON())).toBeGreaterThan(METRICS);
});

it('a scrape that takes no time is over in a turn', async () => {
  const quick = declareInto(new YieldingRegistry(() => 0));
  expect(await turnsDuring(quick.metrics())).toBe(1);
});

it('scrapes at the same time say the same', async () => {
  const registry = declareInto(new YieldingRegistry(each(2)));
  const [one, other] = await Promise.all([registry.metrics(), registry.metrics()]);
  expect(one).toBe(other);
});
