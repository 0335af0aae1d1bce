import { setTimeout as pause } from 'node:timers/promises';
import { Command, type Redis } from 'ioredis';
import { type ConnectionOptions, createManagementClient, endClient, reasonOf } from './client.ts';
import type { Connection, OnLog } from './connection.ts';
import { runScript, type Script } from './script.ts';

/** What a change must have survived before it is acknowledged. */
export interface Durability {
  /** `auto`: it is on disk, where the server can say so. `required`: nothing is written where it cannot. */
  readonly file: 'auto' | 'required' | 'none';
  /** How many replicas have it too: on disk where that is asked of the primary, else in memory. */
  readonly replicas: number;
  /** How long to wait for that, in milliseconds. */
  readonly timeoutMs: number;
}

/** Nothing but the answer of the server. */
export const ANSWERED: Durability = { file: 'none', replicas: 0, timeoutMs: 0 };

export interface DurableCommitsOptions extends ConnectionOptions {
  readonly durability: Durability;
}

export interface Outcome {
  readonly reply: unknown;
  /** Why it is not known that what was written will survive a failure; null when it is known, or nothing was written. */
  readonly doubt: string | null;
}

interface Write {
  readonly run: () => Promise<unknown>;
  readonly wrote: (reply: unknown) => boolean;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

/** More than these are not written before the next wait, so that the last of them is in time. */
const WRITES_AT_ONCE = 100;
/** How soon a write is sent again that was not run, or looked whether the connection stands, in milliseconds. */
const AGAIN_MS = 20;
/** How the errors begin with which a cluster says that it did not run a command: it is for another node, or will be. */
const NOT_RUN = /^(?:MOVED|ASK|TRYAGAIN) /;

/**
 * Runs the scripts that decide commits, each of which is acknowledged only once the server says that what it wrote
 * would survive a failure (WAITAOF, WAIT). The server says so of what came over the same connection, and holds that
 * connection up meanwhile; so this one is for nothing else, is not opened before the first commit, and those that
 * come while one wait is under way share the next. See docs/adr/0024.
 */
export class DurableCommits {
  readonly #connection: Connection;
  readonly #options: DurableCommitsOptions;
  readonly #onLog: OnLog;
  #redis: Redis | null = null;
  /** The stream of which it is known whether WAITAOF can be asked over it. */
  #asked: unknown = null;
  #hasWaitaof = false;
  readonly #queue: Write[] = [];
  #isWriting = false;

  constructor(connection: Connection, options: DurableCommitsOptions, onLog: OnLog) {
    this.#connection = connection;
    this.#options = options;
    this.#onLog = onLog;
  }

  /**
   * Runs a script that writes.
   * @param wrote whether the script wrote something, by its answer
   * @throws StoreAway
   */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    wrote: (reply: unknown) => boolean,
  ): Promise<Outcome> {
    const { file, replicas } = this.#options.durability;
    if (file === 'none' && replicas === 0) {
      return { reply: await this.#connection.run(script, keys, args), doubt: null };
    }
    const run = () =>
      this.#connection.run(script, keys, args, (...call) =>
        this.#patiently((redis) => runScript(redis, ...call)),
      );
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#queue.push({ run, wrote, resolve, reject });
    if (!this.#isWriting) void this.#writeAll();
    return promise;
  }

  close(): void {
    if (this.#redis !== null) endClient(this.#redis);
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, WRITES_AT_ONCE);
      const written = (await Promise.all(batch.map((write) => this.#write(write)))).filter(
        (each) => each !== null,
      );
      const streams = new Set(written.map(({ stream }) => stream));
      // After a new connection was made, the server knows nothing of what came over the old one.
      const doubt = written.length === 0 ? null : await this.#wait(streams);
      for (const { write, reply } of written) write.resolve({ reply, doubt });
    }
    this.#isWriting = false;
  }

  /** Null when there is nothing to wait for: it failed, or wrote nothing. */
  async #write(write: Write): Promise<{ write: Write; reply: unknown; stream: unknown } | null> {
    try {
      const reply = await write.run();
      if (write.wrote(reply)) return { write, reply, stream: this.#redis?.stream };
      write.resolve({ reply, doubt: null });
    } catch (error) {
      write.reject(error);
    }
    return null;
  }

  /** Asks until it was run or failed, for about as long as a command may take. */
  async #patiently<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    const { commandTimeoutMs } = this.#options;
    const redis = this.#opened();
    for (let left = Math.ceil(commandTimeoutMs / AGAIN_MS); ; left--) {
      if (redis.status === 'ready') {
        try {
          await this.#look(redis);
          return await ask(redis);
        } catch (error) {
          const reason = reasonOf(error);
          if (left <= 0 || !NOT_RUN.test(reason)) throw error;
          // The one that it connects to anew is the one that has the slot now.
          if (reason.startsWith('MOVED') && redis.status === 'ready') redis.disconnect(true);
        }
      } else if (left <= 0) throw new Error('the connection for changes does not stand');
      await pause(AGAIN_MS);
    }
  }

  #opened(): Redis {
    if (this.#redis === null) {
      this.#redis = createManagementClient({
        ...this.#options,
        blockedMs: this.#options.durability.timeoutMs,
      });
      // Why Redis is away is told by the connection for everything else.
      this.#redis.on('error', () => {});
    }
    return this.#redis;
  }

  /** Finds out, once for each connection, whether the server can say what is on disk. */
  async #look(redis: Redis): Promise<void> {
    const { stream } = redis;
    const { file } = this.#options.durability;
    if (file === 'none' || this.#asked === stream) return;
    const lack = await redis.call('WAITAOF', 0, 0, 0).then(() => null, lackOf);
    if (lack !== null && file === 'required') {
      throw new Error(`${lack}, which store.durability.file asks for; nothing was written`);
    }
    if (lack?.startsWith(FORBIDDEN) === true)
      this.#onLog('warn', `Redis at ${this.#connection.address} ${lack}`);
    this.#hasWaitaof = lack === null;
    this.#asked = stream;
  }

  /** Why it is not known that all that came over these streams will survive; null when it is. */
  async #wait(streams: ReadonlySet<unknown>): Promise<string | null> {
    const { replicas, timeoutMs } = this.#options.durability;
    const redis = this.#opened();
    if (!streams.has(redis.stream) || streams.size > 1) return 'the connection broke before it said so';
    try {
      if (!this.#hasWaitaof) {
        if (replicas === 0) return null;
        return doubtAbout([1, await this.#blocking(redis, 'WAIT', replicas, timeoutMs)], replicas, timeoutMs);
      }
      return doubtAbout(await this.#blocking(redis, 'WAITAOF', 1, replicas, timeoutMs), replicas, timeoutMs);
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Sends a command that may take as long as the last of its arguments says, in milliseconds. */
  #blocking(redis: Redis, name: string, ...args: readonly number[]): Promise<unknown> {
    const { commandTimeoutMs, durability } = this.#options;
    const command = new Command(name, args.map(String), { replyEncoding: 'utf8' });
    command.setTimeout(durability.timeoutMs + commandTimeoutMs);
    return Promise.resolve(redis.sendCommand(command));
  }
}

const FORBIDDEN = 'does not let its user ask';

/** What keeps the server from saying what is on disk. @throws the error when it says nothing of that */
function lackOf(error: unknown): string {
  const reason = reasonOf(error);
  if (/^ERR unknown command/i.test(reason)) return 'cannot say what is on disk (WAITAOF, Redis 7.2)';
  if (reason.startsWith('NOPERM')) return `${FORBIDDEN} what is on disk: add +waitaof to its ACL`;
  throw error;
}

/** @param reply on how many disks it is here, and how many replicas have it */
function doubtAbout(reply: unknown, replicas: number, timeoutMs: number): string | null {
  const [local, others] = Array.isArray(reply) ? reply.map(Number) : [];
  const after = `after ${timeoutMs} ms`;
  if (local === undefined || local < 1) return `it is not on disk ${after}`;
  if (others === undefined || others < replicas)
    return `${others ?? 0} of ${replicas} replicas have it ${after}`;
  return null;
}
