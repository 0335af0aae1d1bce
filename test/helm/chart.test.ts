import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { judge } from './schemas.ts';
import { CHART, helm, KUBERNETES, type Resource, render, schemaFolders } from './tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-chart-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The values that stand beside the chart: from the least to everything. */
const EXAMPLES = readdirSync(join(CHART, 'ci'));
const example = (name: string) => join(CHART, 'ci', name);
const LEAST = example('least.yaml');
const EVERYTHING = example('everything.yaml');

/** What each of these changes in the least values. */
const SWITCHES: readonly (readonly string[])[] = [
  ['--set', 'gateway.autoscaling.enabled=false'],
  ['--set', 'control.enabled=false'],
  ['--set', 'networkPolicy.enabled=false'],
  ['--set', 'serviceAccount.create=false'],
  ['--set', 'gateway.podDisruptionBudget.maxUnavailable=25%'],
  ['--set', 'gateway.service.type=NodePort'],
  ['--set-json', 'networkPolicy.egress=[]'],
  ['--set', 'gateway.ingress.enabled=true,gateway.ingress.hosts={a.example.com,b.example.com}'],
  ['--set', 'redis.url=redis+sentinel://:p@a:26379\\,b:26379/main'],
  ['--set', 'redis.url=rediss+cluster://u:p@a:7000\\,b:7001'],
  ['--set', 'nameOverride=gate,config.workers=8,config.limit.gateways=3'],
];

const TLS_ON_METRICS = [
  '-f',
  LEAST,
  '--set',
  'config.listen.tls.certificates={/t/tls.crt},config.listen.tls.keys={/t/tls.key}',
  '--set',
  'config.listen.tls.listeners={proxy,metrics},monitoring.serviceMonitor.enabled=true',
];

const named = (resources: readonly Resource[], kind: string, name: string) => {
  const found = resources.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};

/** The parts of a Deployment that the tests ask for. */
interface Deployment extends Resource {
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly metadata: {
        readonly annotations: Readonly<Record<string, string>>;
        readonly labels: Readonly<Record<string, string>>;
      };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: object;
        readonly containers: readonly {
          readonly args: readonly string[];
          readonly env: readonly { readonly name: string; readonly valueFrom: object }[];
          readonly securityContext: object;
          readonly livenessProbe: { readonly httpGet: { readonly scheme: string } };
          readonly readinessProbe: { readonly httpGet: { readonly scheme: string } };
          readonly startupProbe: { readonly httpGet: { readonly scheme: string } };
          readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
        }[];
      };
    };
  };
}
const deployment = (resources: readonly Resource[], name: string) =>
  named(resources, 'Deployment', name) as unknown as Deployment;

function configOf(resources: readonly Resource[], name: string, env: Record<string, string> = {}) {
  const { data } = named(resources, 'ConfigMap', name) as unknown as { data: Record<string, string> };
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, data['tollgate.yaml'] ?? '');
  return loadConfig(file, {
    TOLLGATE_REDIS_URL: 'redis://redis:6379',
    TOLLGATE_PEPPER: '0123456789abcdef0123456789abcdef',
    API_HOST: 'api',
    ...env,
  });
}

describe.skipIf(helm === null)('the chart (needs helm: test/helm/install-tools.sh builds it)', () => {
  it.each(EXAMPLES)('passes helm lint with the values of %s', (name) => {
    const { stdout, status } = spawnSync(helm ?? 'helm', ['lint', '--strict', CHART, '-f', example(name)], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('0 chart(s) failed'),
    });
  });

  it.each(EXAMPLES)('makes a configuration that Tollgate takes, with the values of %s', (name) => {
    const resources = render('-f', example(name));
    const [config] = resources.filter(({ kind }) => kind === 'ConfigMap');
    expect(configOf(resources, config?.metadata.name ?? '').store.kind).toBe('redis');
  });

  it('refuses values without a Redis, without an upstream, with what is the chart’s own, and with unknown names', () => {
    const refusals: readonly (readonly [args: readonly string[], words: RegExp])[] = [
      [[], /say where Redis is; the chart brings none/],
      [['--set', 'redis.url=redis://r:6379'], /say where requests go/],
      [['-f', LEAST, '--set', 'config.store.kind=embedded'], /config\.store is the chart's/],
      [['-f', LEAST, '--set', 'config.listen.proxy=0.0.0.0:80'], /config\.listen\.proxy is the chart's/],
      [['-f', LEAST, '--set', 'gateway.replica=3'], /additional properties 'replica' not allowed/],
      [['-f', LEAST, '--set', 'bootstrap.token=short'], /bootstrap/],
      [['-f', LEAST, '--set', 'gateway.ingress.enabled=true'], /name at least one host/],
      [['-f', LEAST, '--set', 'gateway.httpRoute.enabled=true'], /name at least one Gateway/],
      [['-f', LEAST, '--kube-version', '1.29.0'], /kubeVersion/],
      [
        ['-f', LEAST, '--set', 'config.listen.drainTimeout=5m'],
        /gateway\.terminationGracePeriodSeconds: must be more than 305/,
      ],
      [
        ['-f', LEAST, '--set', 'config.listen.drainTimeout=10s,control.terminationGracePeriodSeconds=15'],
        /control\.terminationGracePeriodSeconds: must be more than 15/,
      ],
      [
        [...TLS_ON_METRICS, '--set', 'config.listen.tls.clientCertificates=required'],
        /the kubelet's probes show no certificate/,
      ],
    ];
    for (const [args, words] of refusals) expect(() => render(...args), args.join(' ')).toThrow(words);
  });

  it('runs without root, without a writable file, without privileges and without a token of the cluster', () => {
    for (const plane of ['gateway', 'control']) {
      const { spec } = deployment(render('-f', EVERYTHING), `edge-${plane}`).spec.template;
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65532 },
      });
      expect(spec.containers[0]?.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('has running Pods take the files that machines write, unless the values say otherwise', () => {
    const checkEvery = (...args: readonly string[]) =>
      configOf(render('-f', LEAST, ...args), 'r-tollgate').reload.checkEvery;
    expect(checkEvery()).toBe(10_000);
    expect(checkEvery('--set', 'config.reload.checkEvery=1m')).toBe(60_000);
  });

  it('keeps every secret out of the configuration and out of the Pods’ own description', () => {
    const secrets = ['a-redis-password', 'p'.repeat(40), 'b'.repeat(40)];
    const resources = render(
      '-f',
      LEAST,
      '--set',
      `redis.url=redis://:${secrets[0]}@r:6379,pepper.value=${secrets[1]},bootstrap.token=${secrets[2]}`,
    );
    for (const resource of resources) {
      const text = JSON.stringify(resource);
      for (const secret of secrets)
        expect(text.includes(secret), resource.kind).toBe(resource.kind === 'Secret');
    }
  });

  it('takes secrets from elsewhere where told, and then makes none of its own', () => {
    const resources = render('-f', EVERYTHING);
    expect(resources.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const env = (plane: string) =>
      deployment(resources, `edge-${plane}`).spec.template.spec.containers[0]?.env;
    const redis = {
      name: 'TOLLGATE_REDIS_URL',
      valueFrom: { secretKeyRef: { name: 'redis', key: 'address' } },
    };
    const pepper = { name: 'TOLLGATE_PEPPER', valueFrom: { secretKeyRef: { name: 'pepper', key: 'value' } } };
    const first = {
      name: 'TOLLGATE_BOOTSTRAP_TOKEN',
      valueFrom: { secretKeyRef: { name: 'first-administrator', key: 'token' } },
    };
    expect(env('gateway')).toEqual([redis, pepper, { name: 'API_HOST', value: 'api.default.svc' }]);
    expect(env('control')).toEqual([redis, pepper, { name: 'API_HOST', value: 'api.default.svc' }, first]);
  });

  it('rolls the Pods when the configuration changes or a secret of its own does, and else leaves them', () => {
    const annotations = (...args: readonly string[]) =>
      deployment(render('-f', LEAST, ...args), 'r-tollgate-gateway').spec.template.metadata.annotations;
    const before = annotations();
    expect(annotations('--set', 'gateway.service.port=81')).toEqual(before);
    expect(annotations('--set', 'config.log.level=debug')['checksum/config']).not.toBe(
      before['checksum/config'],
    );
    expect(annotations('--set', 'redis.url=redis://elsewhere:6379')['checksum/secret']).not.toBe(
      before['checksum/secret'],
    );
  });

  it('tells gateways of how many they may be one, workers counted, unless the values say', () => {
    const gateways = (...args: readonly string[]) =>
      configOf(render('-f', LEAST, ...args), 'r-tollgate').limit.gateways;
    expect(gateways()).toBe(10);
    expect(gateways('--set', 'gateway.autoscaling.maxReplicas=7,config.workers=4')).toBe(28);
    expect(gateways('--set', 'gateway.autoscaling.enabled=false,gateway.replicas=2')).toBe(2);
    expect(gateways('--set', 'config.limit.gateways=5')).toBe(5);
  });

  it('asks port 9090 over TLS where the configuration makes it speak TLS, and plainly elsewhere', () => {
    const schemes = (...args: readonly string[]) => {
      const resources = render(...args);
      const [container] = deployment(resources, 'r-tollgate-gateway').spec.template.spec.containers;
      const { livenessProbe, readinessProbe, startupProbe } = container ?? {};
      const probes = [livenessProbe, readinessProbe, startupProbe].map((probe) => probe?.httpGet.scheme);
      const monitor = resources.find(({ kind }) => kind === 'ServiceMonitor')?.['spec'] ?? null;
      return { probes, monitor };
    };
    const monitor = { endpoints: [expect.objectContaining({ scheme: 'https' })] };
    const secure = { probes: ['HTTPS', 'HTTPS', 'HTTPS'], monitor: expect.objectContaining(monitor) };
    const plain = { probes: ['HTTP', 'HTTP', 'HTTP'] };
    expect(schemes(...TLS_ON_METRICS)).toEqual(secure);
    expect(schemes('-f', LEAST)).toMatchObject(plain);
    expect(schemes(...TLS_ON_METRICS, '--set', 'config.listen.tls.listeners={proxy,admin}')).toMatchObject(
      plain,
    );
  });

  it('says of the store all that a configuration can say', () => {
    const identity = '01234567-89ab-cdef-0123-456789abcdef';
    const more = `redis.url=rediss://r:6379,redis.identity=${identity},redis.durability.replicas=1,redis.tls.ca=/t/ca.crt`;
    const env = { TOLLGATE_REDIS_URL: 'rediss://r:6379' };
    expect(configOf(render('-f', LEAST, '--set', more), 'r-tollgate', env).store).toMatchObject({
      identity,
      durability: { replicas: 1, file: 'auto' },
      tls: { ca: '/t/ca.crt' },
    });
  });

  it('leaves the number of gateways to the autoscaler where there is one', () => {
    expect(deployment(render('-f', LEAST), 'r-tollgate-gateway').spec.replicas).toBeUndefined();
    const fixed = render('-f', LEAST, '--set', 'gateway.autoscaling.enabled=false,gateway.replicas=4');
    expect(deployment(fixed, 'r-tollgate-gateway').spec.replicas).toBe(4);
    expect(fixed.some(({ kind }) => kind === 'HorizontalPodAutoscaler')).toBe(false);
    const none = render('-f', LEAST, '--set', 'gateway.autoscaling.enabled=false,gateway.replicas=0');
    expect(deployment(none, 'r-tollgate-gateway').spec.replicas).toBe(0);
  });

  it('gives a Pod more time to stop than the sleep and the drain take', () => {
    for (const name of EXAMPLES) {
      const resources = render('-f', example(name));
      const [config] = resources.filter(({ kind }) => kind === 'ConfigMap');
      const { drainTimeout } = configOf(resources, config?.metadata.name ?? '').listen;
      for (const each of resources.filter(({ kind }) => kind === 'Deployment')) {
        const { spec } = (each as unknown as Deployment).spec.template;
        const sleep = spec.containers[0]?.lifecycle.preStop.sleep.seconds ?? Number.NaN;
        expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(sleep + drainTimeout / 1000);
      }
    }
  });

  it('lets the management port be reached from the release’s own namespace alone, unless the values say', () => {
    const { spec } = named(render('-f', LEAST), 'NetworkPolicy', 'r-tollgate-control') as unknown as {
      spec: { ingress: readonly { ports: readonly { port: string }[]; from?: readonly object[] }[] };
    };
    expect(spec.ingress.find(({ ports }) => ports[0]?.port === 'admin')?.from).toEqual([{ podSelector: {} }]);
  });

  it('makes nothing of the control plane where it is off', () => {
    const resources = render('-f', LEAST, '--set', 'control.enabled=false');
    expect(
      resources.filter(({ metadata }) => metadata.labels['app.kubernetes.io/component'] === 'control'),
    ).toEqual([]);
  });

  it('selects by labels that its Pods have', () => {
    const resources = render('-f', EVERYTHING);
    const labels = (plane: string) => deployment(resources, `edge-${plane}`).spec.template.metadata.labels;
    const selector = (kind: string, name: string) =>
      (named(resources, kind, name) as unknown as { spec: { selector: Record<string, unknown> } }).spec
        .selector;
    for (const plane of ['gateway', 'control']) {
      expect(labels(plane)).toMatchObject(selector('Service', `edge-${plane}`));
      expect(labels(plane)).toMatchObject(selector('Service', 'edge-metrics'));
      expect(selector('PodDisruptionBudget', `edge-${plane}`)['matchLabels']).toEqual(
        selector('Service', `edge-${plane}`),
      );
    }
    expect(named(resources, 'Service', 'edge-metrics').metadata.labels).toMatchObject(
      selector('ServiceMonitor', 'edge')['matchLabels'] as object,
    );
  });

  describe.skipIf(schemaFolders === null)(
    'by the schemas of Kubernetes, the Gateway API and the Prometheus operator (test/helm/install-tools.sh brings them)',
    () => {
      const problems = schemaFolders === null ? () => [] : judge(schemaFolders);

      it.each(EXAMPLES)('is valid Kubernetes with the values of %s', (name) => {
        expect(render('-f', example(name)).flatMap(problems)).toEqual([]);
      });

      it.each(SWITCHES)('is valid Kubernetes with the least values and %s %s', (...args) => {
        expect(render('-f', LEAST, ...args).flatMap(problems)).toEqual([]);
      });

      it('is held to them: a misspelt field, a wrong type and a missing one are found', () => {
        const [service] = render('-f', LEAST).filter(({ kind }) => kind === 'Service');
        if (service === undefined) throw new Error('the chart makes no Service');
        const spec = service['spec'] as object;
        expect(problems({ ...service, spec: { ...spec, porst: [] } })).not.toEqual([]);
        expect(problems({ ...service, spec: { ...spec, ports: 'all' } })).not.toEqual([]);
        expect(problems({ ...service, spec: { ...spec, ports: [{ name: 'http' }] } })).not.toEqual([]);
      });
    },
  );

  it(`is for Kubernetes ${KUBERNETES} and later`, () => {
    expect(() => render('-f', LEAST)).not.toThrow();
  });
});
