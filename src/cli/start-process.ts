import type { AddressInfo } from 'node:net';
import type { Store } from '../domain/store.ts';
import { systemClock } from '../kernel/clock.ts';
import { createHealthServer, type Readiness } from '../telemetry/health-server.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { WorkerMetrics } from '../telemetry/worker-metrics.ts';
import { assembleGateway, type Gateway } from './assemble.ts';
import type { Control } from './assemble-control.ts';
import { type Bootstrapped, bootstrap } from './bootstrap.ts';
import { namesEcho } from './builtin-echo.ts';
import type { Output } from './config-check.ts';
import { speaksTls } from './generation.ts';
import { bound, closed, listening } from './listening.ts';
import type { Reloader } from './reloader.ts';
import type { ServeRole } from './role.ts';
import { type Running, type Start, type StartParts, startParts } from './start.ts';
import { secretsShown, welcome } from './welcome.ts';
import { WorkerPool } from './workers/worker-pool.ts';

/** How much longer than the requests under way its workers may take to end, in milliseconds. */
const WORKER_END_MS = 5_000;
/** How long requests of the management API may take to end, once those of the gateway have: milliseconds. */
const MANAGEMENT_END_MS = 2_000;

/** What a process runs of its role. */
interface Planes {
  readonly control: Control | null;
  /** Null where there is none, and where workers run it. */
  readonly gateway: Gateway | null;
  readonly workers: WorkerPool | null;
  readonly reloader: Reloader;
}

/**
 * Starts a process that is alone, or the primary that takes care of several workers and carries no traffic itself.
 * @param out where what is meant for the person at the terminal goes
 */
export async function startProcess(
  begin: Start,
  role: ServeRole,
  isPrimary: boolean,
  out: Output,
): Promise<Running> {
  const { listen, resolve } = begin.config;
  const parts = await startParts(begin);
  const made = await firstAdministrator(begin, role, parts.store);
  // At once: the store has its hash now, and what fails below must not take the secret along.
  if (made !== null) out.write(secretsShown(made));
  const planes = await startPlanes(begin, role, isPrimary, parts);
  const { control, gateway, workers, reloader } = planes;
  const metrics = await startHealth(begin, planes, parts);
  const admin =
    control && (await bound('admin', listen.admin, ({ port, host }) => control.listen(port, host)));
  const proxy =
    (await workers?.start()) ??
    (gateway &&
      (await bound('proxy', listen.proxy, ({ port, host }) =>
        gateway.transport.listen(port, host, parts.tlsOf('proxy')),
      )));
  out.write(
    welcome({
      proxy,
      admin,
      metrics,
      speaksTls: (listener) => speaksTls(listen, listener),
      made,
      headerScheme: resolve.schemes[0] ?? null,
    }),
  );
  return {
    proxy,
    admin,
    metrics,
    reload() {
      workers?.reload();
      return reloader.reload();
    },
    async lastCall() {
      const { drainDelay } = begin.config.listen;
      if (drainDelay === 0) return;
      gateway?.transport.lastCall();
      workers?.lastCall();
      await new Promise<void>((resolve) => {
        systemClock.after(drainDelay, resolve);
      });
    },
  };
}

/** Makes the first administrator where there is none. */
async function firstAdministrator(
  { config, env }: Start,
  role: ServeRole,
  store: Store,
): Promise<Bootstrapped | null> {
  const secret = env['TOLLGATE_BOOTSTRAP_TOKEN'];
  // A gateway alone makes up no administrator: its log is not where the secret is looked for, and the control plane's own
  // TOLLGATE_BOOTSTRAP_TOKEN would come too late.
  if (role === 'gateway' && secret === undefined) return null;
  const { prefix, pepper } = config.resolve;
  const demo = role !== 'control' && namesEcho(config);
  return bootstrap(store, { prefix, pepper, secret, demo, now: systemClock.now() });
}

async function startPlanes(
  begin: Start,
  role: ServeRole,
  isPrimary: boolean,
  parts: StartParts,
): Promise<Planes> {
  const { config, log, started } = begin;
  const { store, echo, upstreamsTls, tlsOf } = parts;
  const drainTimeout = () => begin.config.listen.drainTimeout;

  // Most of the fleet's processes carry traffic alone, and need not load what manages.
  const control =
    role === 'gateway'
      ? null
      : await import('./assemble-control.ts').then(({ assembleControl }) =>
          assembleControl(config, store, systemClock, log, tlsOf('admin')),
        );
  if (control !== null) started.push(() => control.stop(Math.min(drainTimeout(), MANAGEMENT_END_MS)));

  const gateway =
    isPrimary || role === 'control'
      ? null
      : await assembleGateway(await echo.resolved(config), store, systemClock, log, upstreamsTls);
  if (gateway !== null) started.push(() => gateway.stop(drainTimeout()));

  const workers = isPrimary ? new WorkerPool(config.workers, systemClock, log, begin.env) : null;
  if (workers !== null) started.push(() => workers.stop(drainTimeout() + WORKER_END_MS));

  const reloader = parts.reloading(async (next, upstreams) => {
    gateway?.adopt(await echo.resolved(next), upstreams);
    control?.adopt(next);
  });
  return { control, gateway, workers, reloader };
}

/** Starts the server of metrics and health. */
async function startHealth(
  { config, accepting, started }: Start,
  { control, gateway, workers, reloader }: Planes,
  { store, sources, tlsOf }: StartParts,
): Promise<AddressInfo> {
  const registry = createMetrics({
    process: sources(reloader),
    gateway: gateway?.metrics ?? null,
    control: control?.metrics ?? null,
    workers,
  });
  const metrics = workers === null ? registry : new WorkerMetrics(registry, workers);
  const health = createHealthServer({
    metrics,
    // Exemplars are what it has to show.
    openMetrics: config.telemetry.otlp.endpoint === null ? null : () => metrics.getMetricsAsJSON(),
    readiness: () => readiness(accepting(), workers),
    components: {
      store: () => store.trouble(),
      config: () => reloader.trouble,
      ...gateway?.components,
      ...(workers === null ? {} : { workers: () => workers.trouble() }),
    },
    tls: tlsOf('metrics'),
  });
  const address = await bound('metrics', config.listen.metrics, ({ port, host }) =>
    listening(health, port, host),
  );
  // Stops last, so that those who ask see how the rest stops.
  started.unshift(() => closed(health));
  return address;
}

function readiness(accepting: boolean, workers: WorkerPool | null): Readiness {
  if (!accepting) return 'stopping';
  return workers?.listening === 0 ? 'no-worker' : 'ready';
}
