/** A real redis-server of a test's own: loopback, a free port, a fresh directory, append-only file on, no eviction. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { TLS_LINES } from './redis-tls.ts';

export interface RedisOptions {
  /** Set with `requirepass`; part of the URL. */
  readonly password?: string;
  /** TLS in place of plain connections, with the certificates of `redis-tls.ts`. */
  readonly tls?: boolean;
  /** More of redis.conf, as on the command line: `['--maxmemory', '1mb']`. Later words win over the defaults here. */
  readonly args?: readonly string[];
}

export interface RedisServer {
  readonly port: number;
  /** With the password, if there is one. */
  readonly url: string;
  /** Where its files are; kept over a restart. */
  readonly directory: string;
  readonly pid: number;
  /** Ends it, whatever it is doing, and removes its directory. Call it wherever one was started; twice does no harm. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. `restart` brings it back. */
  kill(): Promise<void>;
  /** Starts it again on the same port: with its data, or `empty`. Ends it in good order first if it runs. */
  restart(how?: 'with its data' | 'empty'): Promise<void>;
  /** SIGSTOP: connections stay, nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

const ATTEMPTS = 10;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server and resolves once it accepts connections. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const directory = mkdtempSync(path.join(process.env['TEST_REDIS_ROOT'] ?? tmpdir(), 'redis-'));
  const { port, child } = await startOnFreePort(directory, options);
  return new RunningRedis(port, directory, options, child);
}

class RunningRedis implements RedisServer {
  readonly port: number;
  readonly url: string;
  readonly directory: string;
  readonly #options: RedisOptions;
  #child: ChildProcess;

  constructor(port: number, directory: string, options: RedisOptions, child: ChildProcess) {
    const secret = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
    this.port = port;
    this.url = `${options.tls === true ? 'rediss' : 'redis'}://${secret}127.0.0.1:${port}`;
    this.directory = directory;
    this.#options = options;
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    // Its data goes too, so there is nothing to end in good order.
    await this.#end('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(how: 'with its data' | 'empty' = 'with its data'): Promise<void> {
    // A paused process does not act on SIGTERM until it is resumed.
    this.resume();
    await this.#end('SIGTERM');
    if (how === 'empty') rmSync(path.join(this.directory, 'appendonlydir'), { recursive: true, force: true });
    this.#child = await start(this.port, this.directory, this.#options);
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}

/** Another process may take a free port before the server does; then another port is tried. */
async function startOnFreePort(directory: string, options: RedisOptions) {
  let problem: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await freePort();
    try {
      return { port, child: await start(port, directory, options) };
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

function portOf(port: number, { tls = false }: RedisOptions): readonly string[] {
  if (!tls) return ['--port', `${port}`];
  return [
    '--port',
    '0',
    '--tls-port',
    `${port}`,
    ...TLS_LINES.flatMap(([name, value]) => [`--${name}`, value]),
  ];
}

function start(port: number, directory: string, options: RedisOptions): Promise<ChildProcess> {
  const child = spawn(
    process.env['TEST_REDIS_SERVER'] ?? 'redis-server',
    [
      ...portOf(port, options),
      ...['--bind', '127.0.0.1', '--dir', directory],
      ...['--pidfile', path.join(directory, 'redis.pid'), '--logfile', ''],
      ...['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'],
      ...(options.password === undefined ? [] : ['--requirepass', options.password]),
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ready to accept connections')) resolve(child);
      // From here on its log is read and dropped, so that it never waits for us.
      if (output.length > 65_536) output = '';
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', () => {
      running.delete(child);
      reject(new Error(`redis-server ended before it was ready:\n${output}`));
    });
  });
}
