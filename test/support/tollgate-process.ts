/** `tollgate serve` as a process of its own, with the ports that it chose and what it said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NODE_FLAGS } from './node-flags.ts';

/** The secret of the first administrator of every store that is begun here. */
export const BOOTSTRAP_SECRET = '00abcdefghijklmnopqrstuvwxyz0123456789ABCDxyz';

const SOURCES = path.join(import.meta.dirname, '../../src/main.ts');
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A line of the log, as far as tests ask for it. */
export interface LogLine {
  readonly msg: string;
  readonly worker?: number;
  readonly pid?: number;
  readonly requestId?: string;
  readonly path?: string | null;
  readonly decision?: string;
  readonly reason?: string | null;
}

export class TollgateProcess {
  readonly child: ChildProcess;
  /** Everything on standard output and standard error. */
  output = '';
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  readonly #directory: string;

  /**
   * @param yaml a configuration, without `listen.admin` and `listen.metrics`
   * @param main what is run: the sources, or what was built of them
   */
  constructor(
    yaml: string,
    words: readonly string[] = [],
    command: readonly string[] = [],
    main: string = SOURCES,
  ) {
    this.#directory = mkdtempSync(path.join(tmpdir(), 'tollgate-process-'));
    const file = path.join(this.#directory, 'tollgate.yaml');
    writeFileSync(file, yaml);
    const [program = process.execPath, ...before] = [...command, process.execPath];
    this.child = spawn(program, [...before, ...NODE_FLAGS, main, 'serve', '--config', file, ...words], {
      env: { ...process.env, TOLLGATE_BOOTSTRAP_TOKEN: BOOTSTRAP_SECRET },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    const read = (chunk: Buffer) => {
      this.output += chunk.toString();
    };
    this.child.stdout?.on('data', read);
    this.child.stderr?.on('data', read);
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this.child);
      rmSync(this.#directory, { recursive: true, force: true });
      return code ?? signal;
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when it listens; fails with what it said when it ends before. */
  async ready(): Promise<this> {
    await this.until('etrics and health are on');
    return this;
  }

  /** Resolves when it has said this, so many times; fails with what it said when it ends before. */
  async until(text: string, times = 1): Promise<void> {
    while (this.output.split(text).length <= times) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(this.output);
      await Promise.race([once(this.child.stdout ?? this.child, 'data'), this.ended]);
    }
  }

  /** The origin of the gateway. */
  get proxy(): string {
    return this.#place(/Tollgate is listening on (http:\S+?)[;.]?\s/);
  }

  /** The origin of the management API. */
  get admin(): string {
    return this.#place(/anagement API is on (http:\S+?)[;.,]?\s/);
  }

  /** The origin of metrics and health. */
  get metrics(): string {
    return this.#place(/etrics and health are on (http:\S+?)\.?\s/);
  }

  /** The lines of the log so far. */
  log(message: string): LogLine[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ msg }) => msg === message);
  }

  /** Ends it, whatever it is doing. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  #place(pattern: RegExp): string {
    return pattern.exec(this.output)?.[1] ?? '';
  }
}
