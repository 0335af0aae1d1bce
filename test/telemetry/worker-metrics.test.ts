import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { Declare } from '../../src/telemetry/declare.ts';
import { Durations } from '../../src/telemetry/durations.ts';
import { openMetricsText } from '../../src/telemetry/open-metrics.ts';
import { type Snapshot, WorkerMetrics } from '../../src/telemetry/worker-metrics.ts';

let workers: Map<number, Registry>;
let silent: Set<number>;
let metrics: WorkerMetrics;
beforeEach(() => {
  workers = new Map();
  silent = new Set();
  metrics = new WorkerMetrics(new Registry(), {
    async snapshots() {
      const answers = new Map<number, Snapshot>();
      for (const [id, registry] of workers) {
        if (!silent.has(id)) answers.set(id, structuredClone(await registry.getMetricsAsJSON()));
      }
      return answers;
    },
    running: () => [...workers.keys()],
  });
});

/** A worker that has carried so many requests, each of 3 ms, and holds so many connections. */
function aWorker(id: number, requests: number, connections: number, storeAway: boolean): void {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'requests_total', help: '-', labelNames: ['way'], registers }).inc(
    { way: 'in' },
    requests,
  );
  new Gauge({ name: 'connections', help: '-', registers }).set(connections);
  new Gauge({ name: 'away', help: '-', aggregator: 'max', registers }).set(Number(storeAway));
  new Gauge({ name: 'unknown', help: '-', registers }).set(Number.NaN);
  const duration = new Histogram({ name: 'seconds', help: '-', buckets: [0.001, 0.01], registers });
  for (let request = 0; request < requests; request += 1) duration.observe(0.003);
  workers.set(id, registry);
}

async function series(name: string): Promise<string[]> {
  return (await metrics.metrics()).split('\n').filter((line) => new RegExp(`^${name}[ {]`).test(line));
}

describe('the metrics of several workers', () => {
  it('show the newest exemplar of each bucket, where they are written with exemplars', async () => {
    for (const [id, traceId, at] of [
      [1, 'older', 100],
      [2, 'newest', 300],
      [3, 'newer', 200],
    ] as const) {
      const requests = new Durations(1);
      requests.observe(0, 3);
      requests.exemplify(0, 3, traceId, at);
      const registry = new Registry();
      new Declare(registry).durations({ name: 'took', help: '-' }, () => [
        { labels: {}, reading: requests.read(0) },
      ]);
      workers.set(id, registry);
    }
    const text = await openMetricsText(await metrics.getMetricsAsJSON());
    const shown = text.split('\n').filter((line) => line.includes('trace_id'));
    expect(shown).toEqual(['took_bucket{le="0.005"} 3 # {trace_id="newest"} 0.003 300']);
  });

  it('are summed, series by series, or joined as their metric says', async () => {
    aWorker(1, 3, 10, false);
    aWorker(2, 4, 20, true);
    expect(await series('requests_total')).toEqual(['requests_total{way="in"} 7']);
    expect(await series('connections')).toEqual(['connections 30']);
    expect(await series('away')).toEqual(['away 1']);
    expect(await series('seconds_bucket')).toEqual([
      'seconds_bucket{le="0.001"} 0',
      'seconds_bucket{le="0.01"} 7',
      'seconds_bucket{le="+Inf"} 7',
    ]);
    expect(await series('unknown')).toEqual(['unknown Nan']);
  });

  it('never fall where they only rise: a worker that is gone counts with what it said last', async () => {
    aWorker(1, 3, 10, false);
    aWorker(2, 4, 20, false);
    await metrics.metrics();
    workers.delete(1);
    expect(await series('requests_total')).toEqual(['requests_total{way="in"} 7']);
    expect(await series('seconds_count')).toEqual(['seconds_count 7']);
    expect(await series('connections')).toEqual(['connections 20']);
    workers.delete(2);
    aWorker(3, 1, 0, false);
    expect(await series('requests_total')).toEqual(['requests_total{way="in"} 8']);
    expect(await series('requests_total')).toEqual(['requests_total{way="in"} 8']);
  });

  it('count a worker that does not answer in time with what it said before, without its gauges', async () => {
    aWorker(1, 3, 10, false);
    aWorker(2, 4, 20, false);
    await metrics.metrics();
    silent.add(2);
    expect(await series('requests_total')).toEqual(['requests_total{way="in"} 7']);
    expect(await series('connections')).toEqual(['connections 10']);
    silent.delete(2);
    expect(await series('connections')).toEqual(['connections 30']);
  });
});
