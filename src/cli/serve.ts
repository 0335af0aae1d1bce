import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Config, loadConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { systemClock } from '../kernel/clock.ts';
import { createHealthServer } from '../telemetry/health-server.ts';
import { createLog, type Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { assembleGateway } from './assemble.ts';
import { assembleControl } from './assemble-control.ts';
import { bootstrap } from './bootstrap.ts';
import type { Output } from './config-check.ts';
import { createEchoUpstream } from './echo-upstream.ts';
import { openStore } from './open-store.ts';
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
  /** Lets what is under way end, writes what waits, and closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** What there is to start with, and where to note how to stop it again. */
interface Start {
  readonly config: Config;
  readonly env: Environment;
  readonly log: Logger;
  /** Stops what was started; called in reverse order. */
  readonly started: (() => Promise<unknown>)[];
}

/** The target that stands for the upstream that is built in. */
const BUILTIN_ECHO = 'builtin:echo';

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
  const config = loadConfig(file, env);
  const started: (() => Promise<unknown>)[] = [];
  let accepting = true;
  const stop = async () => {
    accepting = false;
    for (const stopOne of started.splice(0).reverse()) await stopOne();
  };
  try {
    const log = createLog(config.log.level);
    const addresses = await start({ config, env, log, started }, role, out, () => accepting);
    return { ...addresses, stop };
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
  const { config, env, log, started } = begin;
  const { listen, resolve } = config;
  const store = await openStore(config.store, systemClock, log);
  started.push(() => store.close());

  const echo = role === 'control' ? null : await startEcho(config);
  if (echo !== null) started.push(() => closed(echo.server));
  const made = await bootstrap(store, {
    prefix: resolve.prefix,
    pepper: resolve.pepper,
    secret: env['TOLLGATE_BOOTSTRAP_TOKEN'],
    demo: echo !== null,
    now: systemClock.now(),
  });

  const control = role === 'gateway' ? null : await assembleControl(config, store, systemClock, log);
  if (control !== null) started.push(() => control.stop());
  const gateway =
    role === 'control' ? null : await assembleGateway(echo?.config ?? config, store, systemClock, log);
  if (gateway !== null) started.push(() => gateway.stop(listen.drainTimeout));

  const health = createHealthServer({
    metrics: createMetrics(gateway?.metrics ?? null),
    accepting,
    components: { store: () => store.trouble(), ...gateway?.components },
  });
  const metrics = await listening(health, listen.metrics.port, listen.metrics.host);
  // Stops last, so that those who ask see how the rest stops.
  started.unshift(() => closed(health));
  const admin = (await control?.listen(listen.admin.port, listen.admin.host)) ?? null;
  const proxy = (await gateway?.transport.listen(listen.proxy.port, listen.proxy.host)) ?? null;
  out.write(welcome({ proxy, admin, metrics, made, headerScheme: resolve.schemes[0] ?? null }));
  return { proxy, admin, metrics };
}

/** Starts the built-in upstream where the configuration names it, and puts its address in place of the name. */
async function startEcho(config: Config): Promise<{ server: Server; config: Config } | null> {
  const { upstreams } = config.forward;
  if (!upstreams.some(({ targets }) => targets.includes(BUILTIN_ECHO))) return null;
  const server = createEchoUpstream();
  const { port } = await listening(server, 0, '127.0.0.1');
  const origin = `http://127.0.0.1:${port}`;
  const resolved = upstreams.map((upstream) => ({
    ...upstream,
    targets: upstream.targets.map((target) => (target === BUILTIN_ECHO ? origin : target)),
  }));
  return { server, config: { ...config, forward: { ...config.forward, upstreams: resolved } } };
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
