import { type Config, ConfigError, loadConfig, problemLine } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { FilesRead } from '../config/files-read.ts';
import { changesThatNeedRestart } from '../config/restart.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../telemetry/log.ts';

/** How a reload came out. */
export type Reloaded =
  /** The generation that is in force now; the one of the start is 1. */
  | { readonly applied: true; readonly generation: number }
  /** Why the file was refused, in lines for people; what was in force before still is. */
  | { readonly applied: false; readonly problems: readonly string[] };

export interface ReloaderParts {
  readonly file: string;
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
  /** Puts a configuration in force. Rejects before anything has changed, or not at all. */
  readonly apply: (config: Config, files: FilesRead) => Promise<void>;
}

/**
 * Reads the configuration again and puts it in force, as a whole or not at all: a file that is wrong anywhere, or
 * changes what needs a restart, is refused, and what was in force stays (docs/adr/0016-reload.md).
 */
export class Reloader {
  readonly #parts: ReloaderParts;
  #config: Config;
  #files: FilesRead;
  #generation = 1;
  #appliedAt: number;
  #refused = 0;
  #problems: readonly string[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param config what is in force
   * @param files what it was read from
   */
  constructor(config: Config, files: FilesRead, parts: ReloaderParts) {
    this.#config = config;
    this.#files = files;
    this.#parts = parts;
    this.#appliedAt = parts.clock.now();
  }

  /** What is in force. */
  get config(): Config {
    return this.#config;
  }

  /** Counts the configurations that were put in force, that of the start included. */
  get generation(): number {
    return this.#generation;
  }

  /** When the one in force was put in force, in milliseconds since the epoch. */
  get appliedAt(): number {
    return this.#appliedAt;
  }

  /** How many reloads were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Why the last reload was refused, in one line; null when it was not. */
  get trouble(): string | null {
    const [first, ...others] = this.#problems;
    if (first === undefined) return null;
    const more = others.length === 0 ? '' : ` (and ${others.length} more in the log)`;
    return `the changed configuration is refused, the one before is in force: ${first}${more}`;
  }

  /** Reads the files again. One after the other, in the order of the calls. Never rejects. */
  reload(): Promise<Reloaded> {
    const reloaded = this.#last.then(() => this.#reload());
    this.#last = reloaded;
    return reloaded;
  }

  /**
   * Looks at the files every so often, and reads them again when they have changed and two looks in a row found the
   * same: who writes them may be in the middle of it.
   * @returns what stops it
   */
  watch(everyMs: number): () => void {
    let seen: string | null = null;
    return this.#parts.clock.every(everyMs, () => {
      const changed = this.#files.changed();
      if (changed !== null && changed === seen) void this.reload();
      seen = changed;
    });
  }

  async #reload(): Promise<Reloaded> {
    const { file, env, clock, log, apply } = this.#parts;
    const files = new FilesRead();
    try {
      const config = loadConfig(file, env, files.read);
      const kept = changesThatNeedRestart(this.#config, config);
      if (kept.length > 0) return this.#refuse(kept.map((path) => `${path} has changed: it needs a restart`));
      await apply(config, files);
      this.#config = config;
      this.#generation += 1;
      this.#appliedAt = clock.now();
      this.#problems = [];
      log.info({ component: 'config', generation: this.#generation }, 'the configuration was reloaded');
      return { applied: true, generation: this.#generation };
    } catch (error) {
      return this.#refuse(problemsOf(error));
    } finally {
      this.#files = files;
    }
  }

  #refuse(problems: readonly string[]): Reloaded {
    this.#refused += 1;
    this.#problems = problems;
    this.#parts.log.error(
      { component: 'config', problems },
      'the changed configuration is refused, the one before is in force',
    );
    return { applied: false, problems };
  }
}

function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems.map(problemLine);
  return [error instanceof Error ? error.message : String(error)];
}
