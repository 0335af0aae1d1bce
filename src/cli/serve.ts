import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Config, loadConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { FilesRead } from '../config/files-read.ts';
import { ECHO_TARGET } from '../config/network-settings.ts';
import { systemClock } from '../kernel/clock.ts';
import { ListenerTls } from '../kernel/listener-tls.ts';
import { createHealthServer } from '../telemetry/health-server.ts';
import { createLog, type Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { StoreCalls } from '../telemetry/store-calls.ts';
import { assembleGateway } from './assemble.ts';
import { assembleControl } from './assemble-control.ts';
import { bootstrap } from './bootstrap.ts';
import type { Output } from './config-check.ts';
import { createEchoUpstream } from './echo-upstream.ts';
import { speaksTls } from './generation.ts';
import { openStore } from './open-store.ts';
import { type Reloaded, Reloader } from './reloader.ts';
import { loadTlsFiles } from './tls-files.ts';
import { VERSION } from './version.ts';
import { welcome } from './welcome.ts';

/** Which planes a process runs. */
export const ROLES = ['all', 'gateway', 'control'] as const;
export type ServeRole = (typeof ROLES)[number];

/** What runs after `serve` has started. */
export interface Serving {
  /** Where the gateway is bound; null without one. */
  readonly proxy: AddressInfo | null;
  /** Where the management API is bound; null without one. */
  readonly admin: AddressInfo | null;
  readonly metrics: AddressInfo;
  /**
   * Reads the configuration again and puts it in force without dropping a connection or a request, or refuses it as a
   * whole and says why. Never rejects.
   */
  reload(): Promise<Reloaded>;
  /** Lets what is under way end, writes what waits, and closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** What there is to start with, and where to note how to stop it again. */
interface Start {
  readonly file: string;
  readonly config: Config;
  /** What the configuration was read from. */
  readonly files: FilesRead;
  readonly env: Environment;
  readonly log: Logger;
  /** Stops what was started; called in reverse order. */
  readonly started: (() => Promise<unknown>)[];
}

/**
 * `tollgate serve`: starts the planes of the role and everything they need.
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
  const stop = async () => {
    accepting = false;
    for (const stopOne of started.splice(0).reverse()) await stopOne();
  };
  try {
    const log = createLog(config.log.level);
    const running = await start({ file, config, files, env, log, started }, role, out, () => accepting);
    return { ...running, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  begin: Start,
  role: ServeRole,
  out: Output,
  accepting: () => boolean,
): Promise<Omit<Serving, 'stop'>> {
  const { file, config, files, env, log, started } = begin;
  const { listen, resolve } = config;
  const tlsFiles = loadTlsFiles(config, file, files.read);
  const tls =
    tlsFiles.listeners === null ? null : new ListenerTls(tlsFiles.listeners, listen.tls.clientCertificates);
  const tlsOf = (listener: 'proxy' | 'admin' | 'metrics') => (speaksTls(listen, listener) ? tls : null);
  const calls = new StoreCalls(systemClock);
  const store = calls.timed(await openStore(config.store, systemClock, log));
  started.push(() => store.close());

  const echo = new BuiltinEcho();
  started.push(() => echo.close());
  const made = await bootstrap(store, {
    prefix: resolve.prefix,
    pepper: resolve.pepper,
    secret: env['TOLLGATE_BOOTSTRAP_TOKEN'],
    demo: role !== 'control' && namesEcho(config),
    now: systemClock.now(),
  });

  const control =
    role === 'gateway' ? null : await assembleControl(config, store, systemClock, log, tlsOf('admin'));
  if (control !== null) started.push(() => control.stop());
  const gateway =
    role === 'control' ? null : await assembleGateway(await echo.resolved(config), store, systemClock, log);
  if (gateway !== null) started.push(() => gateway.stop(reloader.config.listen.drainTimeout));

  const reloader = new Reloader(config, files, {
    file,
    env,
    clock: systemClock,
    log,
    async apply(next, filesNow) {
      const renewed = loadTlsFiles(next, file, filesNow.read).listeners;
      if ((renewed === null) !== (tls === null)) {
        throw new Error('listen.tls.certificates: to switch TLS on or off needs a restart');
      }
      gateway?.adopt(await echo.resolved(next));
      control?.adopt(next);
      log.level = next.log.level;
      if (renewed !== null) tls?.renew(renewed);
    },
  });
  const { checkEvery } = config.reload;
  if (checkEvery !== null) {
    const stopWatching = reloader.watch(checkEvery);
    started.push(async () => stopWatching());
  }
  const registry = createMetrics({
    process: { version: VERSION, config: reloader, store: calls, logDropped: () => 0 },
    gateway: gateway?.metrics ?? null,
    control: control?.metrics ?? null,
  });
  const health = createHealthServer({
    metrics: registry,
    accepting,
    components: {
      store: () => store.trouble(),
      config: () => reloader.trouble,
      ...gateway?.components,
    },
    tls: tlsOf('metrics'),
  });
  const metrics = await listening(health, listen.metrics.port, listen.metrics.host);
  // Stops last, so that those who ask see how the rest stops.
  started.unshift(() => closed(health));
  const admin = (await control?.listen(listen.admin.port, listen.admin.host)) ?? null;
  const proxy =
    (await gateway?.transport.listen(listen.proxy.port, listen.proxy.host, tlsOf('proxy'))) ?? null;
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
  return { proxy, admin, metrics, reload: () => reloader.reload() };
}

function namesEcho({ forward }: Config): boolean {
  return forward.upstreams.some(({ targets }) => targets.includes(ECHO_TARGET));
}

/** The upstream that is built in: started when a configuration first names it. */
class BuiltinEcho {
  #server: Server | null = null;
  #origin = '';

  /** The configuration with the address of the upstream in place of its name. */
  async resolved(config: Config): Promise<Config> {
    if (!namesEcho(config)) return config;
    if (this.#server === null) {
      this.#server = createEchoUpstream();
      const { port } = await listening(this.#server, 0, '127.0.0.1');
      this.#origin = `http://127.0.0.1:${port}`;
    }
    const upstreams = config.forward.upstreams.map((upstream) => ({
      ...upstream,
      targets: upstream.targets.map((target) => (target === ECHO_TARGET ? this.#origin : target)),
    }));
    return { ...config, forward: { ...config.forward, upstreams } };
  }

  async close(): Promise<void> {
    if (this.#server !== null) await closed(this.#server);
  }
}

function listening(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('not a network address'));
      else resolve(address);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
