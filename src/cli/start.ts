/** What every process of `tollgate serve` has, whether it is alone, the primary of several workers, or one of those. */
import type { AddressInfo } from 'node:net';
import type { Config } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { FilesRead } from '../config/files-read.ts';
import type { Store } from '../domain/store.ts';
import { systemClock } from '../kernel/clock.ts';
import { ListenerTls } from '../kernel/listener-tls.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ProcessSources } from '../telemetry/metrics.ts';
import { StoreCalls } from '../telemetry/store-calls.ts';
import { BuiltinEcho } from './builtin-echo.ts';
import { speaksTls } from './generation.ts';
import { openStore } from './open-store.ts';
import { type Reloaded, Reloader } from './reloader.ts';
import { loadStoreTls, loadTlsFiles, type TlsFiles, type UpstreamsTls } from './tls-files.ts';
import { VERSION } from './version.ts';

/** What there is to start with, and where to note how to stop it again. */
export interface Start {
  readonly file: string;
  /** What is in force: a reload puts another in its place. */
  config: Config;
  /** What the configuration was read from. */
  readonly files: FilesRead;
  readonly env: Environment;
  readonly log: Logger;
  /** Lines of the log that were dropped. */
  readonly logDropped: () => number;
  /** False from the moment the process is told to stop. */
  readonly accepting: () => boolean;
  /** Stops what was started; called in reverse order. */
  readonly started: (() => Promise<unknown>)[];
}

/** What runs. */
export interface Running {
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
  /** What comes before it is stopped: the time in which it is no longer ready and still serves. */
  lastCall(): Promise<void>;
}

/** What the planes are made of. */
export interface StartParts {
  readonly store: Store;
  readonly calls: StoreCalls;
  readonly echo: BuiltinEcho;
  /** What a listener speaks; null where it speaks plainly. */
  readonly tlsOf: (listener: 'proxy' | 'admin' | 'metrics') => ListenerTls | null;
  readonly upstreamsTls: UpstreamsTls;
  /** What the process says of itself in its metrics. */
  sources(reloader: Reloader): ProcessSources;
  /** Puts changed configurations in force, when told to and, if so configured, when a file changes. */
  reloading(adopt: (next: Config, upstreams: UpstreamsTls) => Promise<void>): Reloader;
}

/**
 * Reads the certificates and opens the store.
 * @throws Error that says what to do, when one of them cannot be used
 */
export async function startParts(begin: Start): Promise<StartParts> {
  const { file, config, files, log, logDropped, started } = begin;
  const { listeners, upstreams: upstreamsTls } = loadTlsFiles(config, file, files.read);
  const { clientCertificates } = config.listen.tls;
  const tls = listeners === null ? null : new ListenerTls(listeners, clientCertificates);
  const calls = new StoreCalls(systemClock);
  const { freshFor } = config.resolve;
  const storeTls = loadStoreTls(config.store, file, files.read);
  const store = calls.timed(await openStore(config.store, systemClock, log, { freshFor, tls: storeTls }));
  started.push(() => store.close());
  const echo = new BuiltinEcho();
  started.push(() => echo.close());
  return {
    store,
    calls,
    echo,
    tlsOf: (listener) => (speaksTls(config.listen, listener) ? tls : null),
    upstreamsTls,
    sources: (reloader) => ({
      version: VERSION,
      config: reloader,
      certificateEnds: () => tls?.certificateEnds() ?? [],
      store: calls,
      logDropped,
    }),
    reloading: (adopt) => reloading(begin, tls, adopt),
  };
}

function reloading(
  begin: Start,
  tls: ListenerTls | null,
  adopt: (next: Config, upstreams: UpstreamsTls) => Promise<void>,
): Reloader {
  const { file, config, files, env, log, started } = begin;
  const reloader = new Reloader(config, files, {
    file,
    env,
    clock: systemClock,
    log,
    async apply(next, filesNow) {
      const { listeners, upstreams }: TlsFiles = loadTlsFiles(next, file, filesNow.read);
      if ((listeners === null) !== (tls === null)) {
        throw new Error('listen.tls.certificates: to switch TLS on or off needs a restart');
      }
      await adopt(next, upstreams);
      begin.config = next;
      log.level = next.log.level;
      if (listeners !== null) tls?.renew(listeners);
    },
  });
  const { checkEvery } = config.reload;
  if (checkEvery !== null) {
    const stopWatching = reloader.watch(checkEvery);
    started.push(async () => stopWatching());
  }
  return reloader;
}
