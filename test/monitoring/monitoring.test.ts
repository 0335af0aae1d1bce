/**
 * What Prometheus and Grafana are given: every query of the dashboard is put to a real Prometheus that scrapes a gateway
 * under load, and the alert for the store fires and clears while a real Redis stands still and goes on.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Serving, serve } from '../../src/cli/serve.ts';
import { REJECTIONS } from '../../src/domain/rejection.ts';
import { mintSecret } from '../../src/domain/secret.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { hasPrometheus, Prometheus } from './prometheus-server.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

const RULES = 'helm/tollgate/alerts/tollgate.yaml';
const { groups } = parse(read(RULES)) as {
  groups: { rules: { alert: string; expr: string; for: string; annotations: Record<string, string> }[] }[];
};
const rules = groups.flatMap((group) => group.rules);

const dashboard = JSON.parse(read('helm/tollgate/dashboards/tollgate.json')) as {
  panels: { title: string; targets?: { expr: string }[] }[];
};
/** The variables of Grafana, as it would fill them in. */
const filledIn = (expr: string) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, query: filledIn(expr) })),
);

/** Names of metrics in a query. */
const metricsIn = (query: string) =>
  [...query.matchAll(/\b(?:tollgate|nodejs|process)_\w+/g)].map(([name]) => name);

const runbook = read('docs/runbook.md');
const headings = [...runbook.matchAll(/^##+ (.+)$/gm)].map(([, title = '']) => title);

describe('the alerts', () => {
  it.each(rules.map(({ alert, annotations }) => [alert, annotations]))(
    '%s has its section in the runbook',
    (alert, annotations) => {
      expect(annotations['runbook']).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(headings).toContain(alert);
    },
  );

  it('are all that the runbook has alerts for', () => {
    const described = headings.filter((title) => title.startsWith('Tollgate'));
    expect(described.sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  it('ask only for metrics that docs/metrics.md describes', () => {
    const described = read('docs/metrics.md');
    for (const query of [...rules.map(({ expr }) => expr), ...queries.map(({ query: expr }) => expr)]) {
      for (const name of metricsIn(query)) {
        const metric = name.replace(/_(?:bucket|count|sum)$/, '');
        // Those of prom-client are named as a family there.
        if (metric.startsWith('tollgate')) expect(described, query).toContain(`\`${metric}\``);
      }
    }
  });
});

it('the runbook says what to do for every code of a refusal', () => {
  const rows = [...runbook.matchAll(/^\| \[`([\w.-]+)`\]\(refusals\.md#/gm)].map(([, code]) => code);
  expect(rows.sort()).toEqual(Object.keys(REJECTIONS).sort());
});

describe.skipIf(!hasPrometheus)(
  'by promtool (Debian’s package prometheus: test/monitoring/install-tools.sh)',
  () => {
    it('the rules are well-formed', () => {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', path.join(root, RULES)], {
        encoding: 'utf8',
      });
      expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
    });

    it('each alert fires on what it is for, and none on what is usual', () => {
      const file = path.join(import.meta.dirname, 'alerts.yaml');
      const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
      expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
    });

    it('every alert is tried there', () => {
      const tried = read('test/monitoring/alerts.yaml');
      for (const { alert } of rules) expect(tried).toMatch(new RegExp(`alertname[:=] ?"?${alert}"?`));
    });
  },
);

describe.skipIf(!hasPrometheus)(
  'in a real Prometheus (Debian’s package prometheus: test/monitoring/install-tools.sh)',
  () => {
    const secret = mintSecret('tg').replace(/^tg_/, 'bootstrap-');
    const authorization = `SSWS ${secret}`;
    let redis: RedisServer;
    let upstream: Server;
    let serving: Serving;
    let prometheus: Prometheus;
    let load: Promise<void>;
    let over = false;

    beforeAll(async () => {
      redis = await startRedis();
      upstream = createServer((_, response) => response.end('{}'));
      await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
      const file = path.join(redis.directory, 'tollgate.yaml');
      writeFileSync(file, settings(redis.url, (upstream.address() as AddressInfo).port));
      serving = await serve(file, { TOLLGATE_BOOTSTRAP_TOKEN: secret }, { write() {} }, 'all');
      // A minute is long for a test; what the alert says stays as it is.
      const quick = {
        groups: groups.map((group) => ({
          ...group,
          rules: group.rules.map((rule) => ({ ...rule, for: '1s' })),
        })),
      };
      prometheus = await Prometheus.start(`127.0.0.1:${serving.metrics?.port}`, quick);
      load = keepAsking();
    });

    afterAll(async () => {
      over = true;
      await load;
      await prometheus?.stop();
      await serving?.stop();
      upstream?.close().closeAllConnections();
      const { directory } = redis;
      await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    /** One of everything that leaves a trace in the metrics, again and again. */
    async function keepAsking(): Promise<void> {
      const proxy = `http://127.0.0.1:${serving.proxy?.port}`;
      const admin = `http://127.0.0.1:${serving.admin?.port}`;
      const headers = { authorization };
      while (!over) {
        await Promise.allSettled([
          fetch(`${proxy}/hello`, { headers, method: 'POST', body: 'x' }),
          fetch(`${proxy}/limited`, { headers }),
          fetch(`${proxy}/broken`, { headers }),
          fetch(`${proxy}/flaky`, { headers }),
          fetch(`${proxy}/hello`, { headers: { authorization: `SSWS ${mintSecret('tg')}` } }),
          fetch(`${admin}/api/v1/zones`, {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body: JSON.stringify({
              type: 'IP',
              name: mintSecret('z').slice(0, 20),
              gateways: [{ type: 'CIDR', value: '192.0.2.0/24' }],
            }),
          }),
        ]);
        // Often enough for every scrape, and the processor is left to others.
        await after(100);
      }
    }

    const firing = async () =>
      (await prometheus.alerts())
        .filter(({ state }) => state === 'firing')
        .map(({ labels }) => labels['alertname']);

    it('the alert for the store fires while Redis stands still, and clears when it goes on', async () => {
      await expect
        .poll(() => prometheus.query('max(tollgate_store_away)').then(([sample]) => sample?.value[1]))
        .toBe('0');
      expect(await firing()).not.toContain('TollgateStoreAway');
      redis.pause();
      await expect.poll(firing).toContain('TollgateStoreAway');
      redis.resume();
      await expect.poll(firing).not.toContain('TollgateStoreAway');
    });

    it('every query of the dashboard has an answer', async () => {
      expect(queries.length).toBeGreaterThan(40);
      const unanswered = async () => {
        const answers = await Promise.all(queries.map(({ query }) => prometheus.query(query)));
        return queries
          .filter((_, at) => answers[at]?.length === 0)
          .map(({ title, query }) => `${title}: ${query}`);
      };
      await expect.poll(unanswered, { interval: 500 }).toEqual([]);
    });
  },
);

function settings(redisUrl: string, port: number): string {
  const working = `http://127.0.0.1:${port}`;
  return JSON.stringify({
    listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    store: { kind: 'redis', url: redisUrl },
    endpoints: [
      { name: 'limited', match: 'GET /limited', max: 2 },
      { name: 'hello', match: '* /hello', max: 1_000_000 },
      { name: 'broken', match: '* /broken', max: 1_000_000 },
      { name: 'flaky', match: '* /flaky', max: 1_000_000 },
    ],
    control: { sweepEvery: '1s', limit: { max: 1_000_000 } },
    forward: {
      upstreams: [
        { name: 'api', targets: [working], paths: ['/'] },
        // Nothing listens on port 9.
        { name: 'broken', targets: ['http://127.0.0.1:9'], paths: ['/broken'] },
        { name: 'flaky', targets: [working, 'http://127.0.0.1:9'], paths: ['/flaky'] },
      ],
      health: { ejectFor: '100ms' },
    },
    // Nothing takes the spans, so that some are dropped.
    telemetry: { otlp: { endpoint: 'http://127.0.0.1:9', timeout: '100ms' }, sample: 1 },
    log: { level: 'silent' },
  });
}
