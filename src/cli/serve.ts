import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { type Config, loadConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { FilesRead } from '../config/files-read.ts';
import { systemClock } from '../kernel/clock.ts';
import { ListenerTls } from '../kernel/listener-tls.ts';
import type { RedisTls } from '../store/redis/client.ts';
import { type ComponentCheck, createHealthServer, type Readiness } from '../telemetry/health-server.ts';
import { type Logger, openLog } from '../telemetry/log.ts';
import { createMetrics, type ProcessSources } from '../telemetry/metrics.ts';
import { StoreCalls } from '../telemetry/store-calls.ts';
import { WorkerMetrics } from '../telemetry/worker-metrics.ts';
import { assembleGateway } from './assemble.ts';
import { bootstrap } from './bootstrap.ts';
import { BuiltinEcho, namesEcho } from './builtin-echo.ts';
import type { Output } from './config-check.ts';
import { speaksTls } from './generation.ts';
import { closed, listening } from './listening.ts';
import { openStore } from './open-store.ts';
import { type Reloaded, Reloader } from './reloader.ts';
import type { ServeRole } from './role.ts';
import { loadStoreTls, loadTlsFiles, type TlsFiles, type UpstreamsTls } from './tls-files.ts';
import { VERSION } from './version.ts';
import { welcome } from './welcome.ts';
import { WorkerPool } from './workers/worker-pool.ts';
import { reportForDuty, shareOfWorker } from './workers/worker-side.ts';

/**
 * How a process takes part: it is `alone`, or the `primary` that takes care of several workers and carries no traffic
 * itself, or one `worker` of those.
 */
type Part = 'alone' | 'primary' | 'worker';

/** What runs after `serve` has started. */
export interface Serving {
  /** Where the gateway is bound; null without one. */
  readonly proxy: AddressInfo | null;
  /** Where the management API is bound; null without one. */
  readonly admin: AddressInfo | null;
  /** Null in a worker, for which its primary speaks. */
  readonly metrics: AddressInfo | null;
  /**
   * Reads the configuration again and puts it in force without dropping a connection or a request, or refuses it as a
   * whole and says why. Never rejects.
   */
  reload(): Promise<Reloaded>;
  /** Lets what is under way end, writes what waits, and closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** What runs, and what comes before it is stopped: the time in which it is no longer ready and still serves. */
interface Running extends Omit<Serving, 'stop'> {
  readonly lastCall: () => Promise<void>;
}

/** What there is to start with, and where to note how to stop it again. */
interface Start {
  readonly file: string;
  readonly config: Config;
  /** What the configuration was read from. */
  readonly files: FilesRead;
  readonly env: Environment;
  readonly role: ServeRole;
  readonly part: Part;
  readonly log: Logger;
  /** Lines of the log that were dropped. */
  readonly logDropped: () => number;
  /** False from the moment the process is told to stop. */
  readonly accepting: () => boolean;
  /** Stops what was started; called in reverse order. */
  readonly started: (() => Promise<unknown>)[];
}

/** How much longer than the requests under way its workers may take to end, in milliseconds. */
const WORKER_END_MS = 5_000;

/**
 * `tollgate serve`: starts the planes of the role and everything they need. Of several workers, this process is the
 * primary, and each worker runs this same function.
 * @param file the configuration
 * @param out where what is meant for the person at the terminal goes; the log goes to standard output
 * @throws ConfigError, or an Error that says what to do, when it cannot start; nothing is left running then
 */
export async function serve(
  file: string,
  env: Environment,
  out: Output,
  role: ServeRole = 'all',
): Promise<Serving> {
  const files = new FilesRead();
  const config = loadConfig(file, env, files.read);
  const started: (() => Promise<unknown>)[] = [];
  let accepting = true;
  let beforeStop: () => Promise<void> = async () => {};
  const stop = async () => {
    if (accepting) {
      accepting = false;
      await beforeStop();
    }
    for (const stopOne of started.splice(0).reverse()) await stopOne();
  };
  try {
    const part = partOf(config, role);
    const opened = openLog(config.log.level);
    started.push(() => opened.close());
    const log = opened.log.child(part === 'worker' ? { worker: cluster.worker?.id } : {});
    const { dropped: logDropped } = opened;
    const begin = {
      file,
      config,
      files,
      env,
      role,
      part,
      log,
      logDropped,
      started,
      accepting: () => accepting,
    };
    const running = part === 'worker' ? await startWorker(begin) : await start(begin, out);
    beforeStop = running.lastCall;
    return { ...running, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function partOf({ workers }: Config, role: ServeRole): Part {
  if (cluster.isWorker) return 'worker';
  return role !== 'control' && workers > 1 ? 'primary' : 'alone';
}

async function start(begin: Start, out: Output): Promise<Running> {
  const { config, env, role, part, log, started, accepting } = begin;
  const { listen, resolve } = config;
  const { tls, upstreams: upstreamsTls } = startTls(begin);
  const tlsOf = (listener: 'proxy' | 'admin' | 'metrics') => (speaksTls(listen, listener) ? tls : null);
  const calls = new StoreCalls(systemClock);
  const { freshFor } = config.resolve;
  const store = calls.timed(
    await openStore(config.store, systemClock, log, { freshFor, tls: startStoreTls(begin) }),
  );
  started.push(() => store.close());

  const echo = new BuiltinEcho();
  started.push(() => echo.close());
  const secret = env['TOLLGATE_BOOTSTRAP_TOKEN'];
  // A gateway alone makes up no administrator: its log is not where the secret is looked for, and the control plane's own
  // TOLLGATE_BOOTSTRAP_TOKEN would come too late.
  const made =
    role === 'gateway' && secret === undefined
      ? null
      : await bootstrap(store, {
          prefix: resolve.prefix,
          pepper: resolve.pepper,
          secret,
          demo: role !== 'control' && namesEcho(config),
          now: systemClock.now(),
        });

  // Most of the fleet's processes carry traffic alone, and need not load what manages.
  const control =
    role === 'gateway'
      ? null
      : await import('./assemble-control.ts').then(({ assembleControl }) =>
          assembleControl(config, store, systemClock, log, tlsOf('admin')),
        );
  if (control !== null) started.push(() => control.stop());
  const gateway =
    part === 'primary' || role === 'control'
      ? null
      : await assembleGateway(await echo.resolved(config), store, systemClock, log, upstreamsTls);
  if (gateway !== null) started.push(() => gateway.stop(reloader.config.listen.drainTimeout));
  const workers = part === 'primary' ? new WorkerPool(config.workers, systemClock, log) : null;
  if (workers !== null) started.push(() => workers.stop(reloader.config.listen.drainTimeout + WORKER_END_MS));

  const reloader = reloading(begin, tls, async (next, { upstreams }) => {
    gateway?.adopt(await echo.resolved(next), upstreams);
    control?.adopt(next);
  });
  const registry = createMetrics({
    process: processSources(begin, reloader, calls, tls),
    gateway: gateway?.metrics ?? null,
    control: control?.metrics ?? null,
    workers,
  });
  const all = workers === null ? registry : new WorkerMetrics(registry, workers);
  const health = createHealthServer({
    metrics: all,
    // Exemplars are what it has to show.
    openMetrics: config.telemetry.otlp.endpoint === null ? null : () => all.getMetricsAsJSON(),
    readiness: () => readiness(accepting(), workers),
    components: {
      store: () => store.trouble(),
      config: () => reloader.trouble,
      ...gateway?.components,
      ...(workers === null ? {} : { workers: () => workers.trouble() }),
    },
    tls: tlsOf('metrics'),
  });
  const metrics = await listening(health, listen.metrics.port, listen.metrics.host);
  // Stops last, so that those who ask see how the rest stops.
  started.unshift(() => closed(health));
  const admin = (await control?.listen(listen.admin.port, listen.admin.host)) ?? null;
  const proxy =
    (await workers?.start()) ??
    (await gateway?.transport.listen(listen.proxy.port, listen.proxy.host, tlsOf('proxy'))) ??
    null;
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
      const { drainDelay } = reloader.config.listen;
      if (drainDelay === 0) return;
      gateway?.transport.lastCall();
      workers?.lastCall();
      await new Promise<void>((resolve) => {
        systemClock.after(drainDelay, resolve);
      });
    },
  };
}

function readiness(accepting: boolean, workers: WorkerPool | null): Readiness {
  if (!accepting) return 'stopping';
  return workers?.listening === 0 ? 'no-worker' : 'ready';
}

/** One of several workers: the gateway alone. */
async function startWorker(begin: Start): Promise<Running> {
  const { config, log, started } = begin;
  const { listen } = config;
  const { tls, upstreams: upstreamsTls } = startTls(begin);
  const calls = new StoreCalls(systemClock);
  const { freshFor } = config.resolve;
  const store = calls.timed(
    await openStore(config.store, systemClock, log, { freshFor, tls: startStoreTls(begin) }),
  );
  started.push(() => store.close());
  const echo = new BuiltinEcho();
  started.push(() => echo.close());
  const share = async (whole: Config) => echo.resolved(shareOfWorker(whole));
  const gateway = await assembleGateway(await share(config), store, systemClock, log, upstreamsTls);
  started.push(() => gateway.stop(reloader.config.listen.drainTimeout));
  const reloader = reloading(begin, tls, async (next, { upstreams }) =>
    gateway.adopt(await share(next), upstreams),
  );
  const metrics = createMetrics({
    process: processSources(begin, reloader, calls, tls),
    gateway: gateway.metrics,
    control: null,
    workers: null,
  });
  const { port, host } = listen.proxy;
  const proxy = await gateway.transport.listen(port, host, speaksTls(listen, 'proxy') ? tls : null);
  const components = {
    store: () => store.trouble(),
    config: () => reloader.trouble,
    ...gateway.components,
  };
  reportForDuty(proxy, {
    answer: { metrics: () => metrics.getMetricsAsJSON(), health: () => troubles(components) },
    lastCall: () => gateway.transport.lastCall(),
  });
  // When is for its primary to say.
  return { proxy, admin: null, metrics: null, reload: () => reloader.reload(), lastCall: async () => {} };
}

function processSources(
  { logDropped }: Start,
  config: Reloader,
  store: StoreCalls,
  tls: ListenerTls | null,
): ProcessSources {
  return { version: VERSION, config, certificateEnds: () => tls?.certificateEnds() ?? [], store, logDropped };
}

/** What the files of certificates make. `tls` is null where no listener speaks TLS. */
function startTls({ file, config, files }: Start): { tls: ListenerTls | null; upstreams: UpstreamsTls } {
  const { listeners, upstreams } = loadTlsFiles(config, file, files.read);
  const { clientCertificates } = config.listen.tls;
  return { tls: listeners === null ? null : new ListenerTls(listeners, clientCertificates), upstreams };
}

function startStoreTls({ file, config, files }: Start): RedisTls {
  return loadStoreTls(config.store, file, files.read);
}

/** What is not well, a line for each component. */
async function troubles(components: Readonly<Record<string, ComponentCheck>>): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, check] of Object.entries(components)) {
    const trouble = await check();
    if (trouble !== null) lines.push(`${name}: ${trouble}`);
  }
  return lines;
}

/** Puts changed configurations in force, when told to and, if so configured, when a file changes. */
function reloading(
  { file, config, files, env, log, started }: Start,
  tls: ListenerTls | null,
  apply: (next: Config, tls: TlsFiles) => Promise<void>,
): Reloader {
  const reloader = new Reloader(config, files, {
    file,
    env,
    clock: systemClock,
    log,
    async apply(next, filesNow) {
      const tlsFiles = loadTlsFiles(next, file, filesNow.read);
      const renewed = tlsFiles.listeners;
      if ((renewed === null) !== (tls === null)) {
        throw new Error('listen.tls.certificates: to switch TLS on or off needs a restart');
      }
      await apply(next, tlsFiles);
      log.level = next.log.level;
      if (renewed !== null) tls?.renew(renewed);
    },
  });
  const { checkEvery } = config.reload;
  if (checkEvery !== null) {
    const stopWatching = reloader.watch(checkEvery);
    started.push(async () => stopWatching());
  }
  return reloader;
}
