import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StoreAway } from '../../src/domain/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { controlSources } from '../../src/telemetry/control-metrics.ts';
import { DURATION_BOUNDS, Durations } from '../../src/telemetry/durations.ts';
import type { GatewaySources } from '../../src/telemetry/gateway-metrics.ts';
import { RequestMeasures } from '../../src/telemetry/request-measures.ts';
import { StoreCalls } from '../../src/telemetry/store-calls.ts';
import { manualClock } from '../support/manual-clock.ts';
import { metricsOf } from '../support/metrics.ts';

const decimal = (bound: number) => bound.toFixed(6).replace(/\.?0+$/, '');

function gatewaySources(): GatewaySources {
  const requests = new RequestMeasures();
  requests.know(['api']);
  return {
    requests,
    underway: () => 3,
    openConnections: () => 4,
    peers: { trusted: 1, private: 2, public: 3 },
    targets: () => [
      { upstream: 'api', health: 'up' },
      { upstream: 'api', health: 'up' },
      { upstream: 'api', health: 'ejected' },
    ],
    lookups: { hit: 1 },
    cachedTokens: () => 5,
    changeLag: new Durations(1),
    storeAway: { resolve: () => false, limit: () => true },
    leases: { asked: 3, failed: 1, granted: 10, returned: 2, wasted: 1 },
    usage: { depth: 0, dropped: 0, droppedCounts: 0 },
    events: { depth: 0, dropped: 0 },
    traces: { dropped: 0 },
  };
}

/** A forwarded request, in milliseconds since the gate was asked. */
const request = {
  arrival: { times: { began: 0, resolved: 0.02, zoned: 0.03, limited: 0.1875, answered: 1.18 } },
  decision: 'forwarded' as const,
  permit: {},
  upstream: 'api',
  bytesIn: 10,
  bytesOut: 20,
  tries: 1,
};

/** Name, type, labels and aggregator of each of our metrics, as documented and as declared. */
function documented(): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
  const rows = text.matchAll(/^\| `(tollgate_\w+)` \| (\w+) \| ([^|]*)\| (\w*) ?\| [^|]+\|$/gm);
  return [...rows].map(([, name, type, labels, workers]) => {
    const names = [...(labels ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label);
    return [name, type, names.join(','), workers === '' ? 'sum' : workers].join(' ');
  });
}

function declared(): string[] {
  const workers = { running: () => [], died: () => 0, silent: () => 0 };
  const metrics = metricsOf(gatewaySources(), controlSources(), undefined, workers).getMetricsAsArray();
  return metrics
    .filter(({ name }) => name.startsWith('tollgate_'))
    .map((metric) => {
      const labels = 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];
      return [metric.name, metric.type, labels.join(','), metric.aggregator].join(' ');
    });
}

describe('docs/metrics.md', () => {
  it('lists every metric with its type, labels and what becomes of it among workers, and no other', () => {
    expect(documented().length).toBeGreaterThan(25);
    expect(documented().sort()).toEqual(declared().sort());
  });

  it('lists the buckets of durations', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8').replaceAll(
      '\n',
      ' ',
    );
    expect(text).toContain(DURATION_BOUNDS.map(decimal).join(', '));
  });
});

describe('the metrics of requests', () => {
  it('tell a request of 150 to 200 µs in the gate from a slower and a faster one', async () => {
    const sources = gatewaySources();
    sources.requests.measure(request, 'users', 2);
    const text = await metricsOf(sources).metrics();
    expect(text).toContain('tollgate_stage_duration_seconds_bucket{stage="gate",le="0.00015"} 0');
    expect(text).toContain('tollgate_stage_duration_seconds_bucket{stage="gate",le="0.0002"} 1');
    expect(text).toContain('tollgate_stage_duration_seconds_bucket{stage="gate",le="+Inf"} 1');
    expect(text).toContain('tollgate_stage_duration_seconds_count{stage="gate"} 1');
    expect(text).toContain('tollgate_stage_duration_seconds_sum{stage="gate"} 0.0001875');
    expect(text).toContain('tollgate_stage_duration_seconds_sum{stage="whole"} 0.002');
    expect(text).toContain('tollgate_upstream_duration_seconds_bucket{upstream="api",le="0.001"} 1');
  });

  it('put what lasts longer than a minute in the last bucket, and what is just as long as a bound below it', async () => {
    const sources = gatewaySources();
    sources.requests.measure(request, 'users', 60_000);
    sources.requests.measure(request, 'users', 60_001);
    const text = await metricsOf(sources).metrics();
    expect(text).toContain('tollgate_stage_duration_seconds_bucket{stage="whole",le="60"} 1');
    expect(text).toContain('tollgate_stage_duration_seconds_bucket{stage="whole",le="+Inf"} 2');
  });

  it('count no time for a stage that the request did not reach', async () => {
    const sources = gatewaySources();
    const times = { began: 0, resolved: 1, zoned: Number.NaN, limited: Number.NaN, answered: Number.NaN };
    const refused = { ...request, arrival: { times }, decision: 'resolve.unknown' as const, permit: null };
    sources.requests.measure({ ...refused, upstream: null, tries: 0 }, 'none', 2);
    const text = await metricsOf(sources).metrics();
    for (const [stage, count] of Object.entries({
      resolve: 1,
      zone: 0,
      limit: 0,
      gate: 1,
      forward: 0,
      whole: 1,
    })) {
      expect(text).toContain(`tollgate_stage_duration_seconds_count{stage="${stage}"} ${count}`);
    }
    expect(text).toContain('tollgate_requests_total{endpoint="none",decision="resolve.unknown"} 1');
  });

  it('count what the upstream failed, and not what it answered or the caller did wrong', async () => {
    const sources = gatewaySources();
    sources.requests.measure({ ...request, decision: 'forward.reset', tries: 3 }, 'users', 2);
    sources.requests.measure({ ...request, decision: 'listen.timeout' }, 'users', 2);
    const text = await metricsOf(sources).metrics();
    expect(text.match(/^tollgate_upstream_errors_total.*/gm)).toEqual([
      'tollgate_upstream_errors_total{upstream="api",code="forward.reset"} 1',
    ]);
    expect(text).toContain('tollgate_upstream_retries_total{upstream="api"} 2');
    expect(text).toContain('tollgate_response_body_bytes_total 40');
    expect(text).toContain('tollgate_upstream_targets{upstream="api",health="ejected"} 1');
    expect(text).toContain('tollgate_upstream_targets{upstream="api",health="down"} 0');
  });

  it('say nothing of the targets of an upstream that a reload took away', async () => {
    const sources = gatewaySources();
    sources.requests.know(['api', 'gone']);
    const text = await metricsOf(sources).metrics();
    expect(text).toContain('tollgate_upstream_targets{upstream="api",health="up"} 2');
    expect(text).not.toContain('tollgate_upstream_targets{upstream="gone"');
  });

  it('read the same a second time: a scrape changes nothing', async () => {
    const sources = gatewaySources();
    sources.requests.measure(request, 'users', 2);
    const registry = metricsOf(sources);
    const ours = async () => (await registry.metrics()).match(/^tollgate_.*$/gm);
    expect(await ours()).toEqual(await ours());
  });
});

describe('the metrics of the store', () => {
  it('time each operation, and tell a store that is away from one that refuses', async () => {
    const clock = manualClock();
    const calls = new StoreCalls(clock);
    const real = await openEmbeddedStore({ path: ':memory:', clock });
    const store = calls.timed(real);
    await store.zones();
    await store.findByHash('0'.repeat(64));
    const failing = calls.timed(
      Object.assign(Object.create(real), { zones: () => Promise.reject(new StoreAway('away')) }),
    );
    await expect(failing.zones()).rejects.toThrow('away');
    const text = await metricsOf(null, null, calls).metrics();
    expect(text).toContain('tollgate_store_duration_seconds_count{operation="zones"} 2');
    expect(text).toContain('tollgate_store_duration_seconds_count{operation="findByHash"} 1');
    expect(text).not.toContain('operation="commit"');
    expect(text).toContain('tollgate_store_errors_total{operation="zones",error="away"} 1');
    await store.close();
  });
});
