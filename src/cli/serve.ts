import cluster from 'node:cluster';
import { loadConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { FilesRead } from '../config/files-read.ts';
import { openLog } from '../telemetry/log.ts';
import type { Output } from './config-check.ts';
import type { ServeRole } from './role.ts';
import type { Running, Start } from './start.ts';

/** What runs after `serve` has started. */
export interface Serving extends Omit<Running, 'lastCall'> {
  /** Lets what is under way end, writes what waits, and closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

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
  const opened = openLog(config.log.level);
  const log = opened.log.child(cluster.isWorker ? { worker: cluster.worker?.id } : {});
  let accepting = true;
  const begin: Start = {
    file,
    config,
    files,
    env,
    log,
    logDropped: opened.dropped,
    accepting: () => accepting,
    started: [() => opened.close()],
  };
  try {
    const running = await start(begin, role, out);
    return {
      ...running,
      reload: async () =>
        accepting ? running.reload() : { applied: false, problems: ['it is being stopped'] },
      async stop() {
        if (!accepting) return;
        accepting = false;
        await running.lastCall();
        await stopAll(begin);
      },
    };
  } catch (error) {
    accepting = false;
    await stopAll(begin).catch((also: unknown) =>
      log.error({ err: also }, 'what had been started could not be ended'),
    );
    throw error;
  }
}

/** Loads what this process is to run, and starts it. */
async function start(begin: Start, role: ServeRole, out: Output): Promise<Running> {
  if (cluster.isWorker) {
    const { startWorker } = await import('./start-worker.ts');
    return startWorker(begin);
  }
  const { startProcess } = await import('./start-process.ts');
  return startProcess(begin, role, role !== 'control' && begin.config.workers > 1, out);
}

/** Stops everything, also where one part cannot be stopped in good order. @throws what the first of those threw */
async function stopAll({ started }: Start): Promise<void> {
  const failures: unknown[] = [];
  for (const stopOne of started.splice(0).reverse()) {
    await stopOne().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
