import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Config, loadConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { systemClock } from '../kernel/clock.ts';
import { createHealthServer } from '../telemetry/health-server.ts';
import { createLog, type Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { assembleGateway } from './assemble.ts';
import { bootstrap } from './bootstrap.ts';
import type { Output } from './config-check.ts';
import { createEchoUpstream } from './echo-upstream.ts';
import { openStore } from './open-store.ts';
import { welcome } from './welcome.ts';

/** What runs after `serve` has started. */
export interface Serving {
  /** Where the gateway and the health server are bound. */
  readonly proxy: AddressInfo;
  readonly metrics: AddressInfo;
  /** Lets what is under way end, writes what waits, and closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** The target that stands for the upstream that is built in. */
const BUILTIN_ECHO = 'builtin:echo';

/**
 * `tollgate serve`: starts the gateway and everything it needs.
 * @param file the configuration
 * @param out where what is meant for the person at the terminal goes; the log goes to standard output
 * @throws ConfigError, or an Error that says what to do, when it cannot start; nothing is left running then
 */
export async function serve(file: string, env: Environment, out: Output): Promise<Serving> {
  const config = loadConfig(file, env);
  const log = createLog(config.log.level);
  const started: (() => Promise<unknown>)[] = [];
  const stopAll = async () => {
    for (const stop of started.splice(0).reverse()) await stop();
  };
  try {
    return await start(config, env, out, log, started, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function start(
  config: Config,
  env: Environment,
  out: Output,
  log: Logger,
  started: (() => Promise<unknown>)[],
  stopAll: () => Promise<void>,
): Promise<Serving> {
  const { listen, resolve } = config;
  const store = await openStore(config.store, systemClock, log);
  started.push(() => store.close());

  const echo = await startEcho(config);
  if (echo !== null) started.push(() => closed(echo.server));

  const made = await bootstrap(store, {
    prefix: resolve.prefix,
    pepper: resolve.pepper,
    secret: env['TOLLGATE_BOOTSTRAP_TOKEN'],
    demo: echo !== null,
    now: systemClock.now(),
  });

  const gateway = await assembleGateway(echo?.config ?? config, store, systemClock, log);
  let accepting = true;
  started.push(() => gateway.stop(listen.drainTimeout));

  const health = createHealthServer({
    metrics: createMetrics(gateway.metrics),
    accepting: () => accepting,
    components: { store: () => store.trouble() },
  });
  const metrics = await listening(health, listen.metrics.port, listen.metrics.host);
  // Stops last, so that those who ask see how the rest stops.
  started.unshift(() => closed(health));
  const proxy = await gateway.transport.listen(listen.proxy.port, listen.proxy.host);
  out.write(welcome({ proxy, metrics, made, headerScheme: resolve.schemes[0] ?? null }));
  return {
    proxy,
    metrics,
    stop() {
      accepting = false;
      return stopAll();
    },
  };
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
