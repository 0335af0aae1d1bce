import { Redis } from 'ioredis';
import { StoreAway } from '../../domain/store.ts';
import type { Script } from './script.ts';

/** Told once each time Redis goes away and comes back, in one line for people. Holds no secret. */
export type OnLog = (level: 'info' | 'warn', line: string) => void;

export interface ConnectionOptions {
  /** `redis://[[user]:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  /** How long one command may take, in milliseconds. */
  readonly commandTimeoutMs: number;
}

const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 500;
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * A client with which no command ever hangs or is sent twice. A command waits for its answer no longer than
 * `commandTimeoutMs`; with no connection it fails at once; and a connection on which nothing is heard for twice
 * that time is given up, so that a frozen server, or a network that swallows packets, counts as away until a new
 * connection answers.
 * @throws Error when the URL is none
 */
export function createClient({ url, commandTimeoutMs }: ConnectionOptions): Redis {
  return new Redis(url, {
    commandTimeout: commandTimeoutMs,
    socketTimeout: 2 * commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // What was under way when a connection broke may have been done: a request must not be counted twice.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: (attempt) => Math.min(RECONNECT_MS_MIN * 2 ** (attempt - 1), RECONNECT_MS_MAX),
    // After a failover the address may lead to the new primary: connect again rather than write to a replica.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
}

/** Resolves once Redis has answered on a new connection, or could not be reached. */
export function firstAttempt(redis: Redis): Promise<void> {
  return new Promise((resolve) => {
    redis.once('ready', resolve);
    redis.once('close', resolve);
  });
}

/** What went wrong, also where Node says it in the code alone. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}

/** The connection for commands. Whatever keeps Redis from answering becomes StoreAway. */
export class Connection {
  /** Where Redis is, for people: without user and password. */
  readonly address: string;
  readonly #redis: Redis;
  readonly #onLog: OnLog;
  /** Why there is no connection just now; null when there is one. */
  #problem: string | null = 'not connected yet';
  #lastError: string | null = null;
  #everLost = false;

  /** @throws Error when the URL is none */
  constructor(options: ConnectionOptions, onLog: OnLog) {
    const { hostname, port } = new URL(options.url);
    this.address = `${hostname}:${port === '' ? 6379 : port}`;
    this.#onLog = onLog;
    this.#redis = createClient(options);
    this.#redis.on('error', (error) => {
      this.#lastError = reasonOf(error);
    });
    this.#redis.on('close', () => this.#lost());
    this.#redis.on('ready', () => this.#found());
  }

  firstAttempt(): Promise<void> {
    return firstAttempt(this.#redis);
  }

  /** Runs a script. @throws StoreAway */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.ask((redis) => runScript(redis, script, keys, args));
  }

  /** Asks Redis something. @throws StoreAway when it does not answer, or answers that it cannot */
  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await question(this.#redis);
    } catch (error) {
      const reason = this.#problem ?? reasonOf(error);
      throw new StoreAway(`Redis at ${this.address} does not answer: ${reason}`, { cause: error });
    }
  }

  close(): void {
    this.#redis.removeAllListeners('close');
    this.#problem = 'the store was closed';
    this.#redis.disconnect();
  }

  #lost(): void {
    const reason = this.#lastError ?? 'it closed the connection';
    this.#lastError = null;
    if (this.#problem === null || !this.#everLost) {
      this.#onLog('warn', `Redis at ${this.address} is away: ${reason}`);
    }
    this.#everLost = true;
    this.#problem = reason;
  }

  #found(): void {
    this.#problem = null;
    if (this.#everLost) this.#onLog('info', `Redis at ${this.address} answers again`);
  }
}

/** Runs a script by its hash, and sends its text only where the server does not know it (yet, or any more). */
export async function runScript(
  redis: Redis,
  { sha, lua }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return redis.eval(lua, keys.length, ...keys, ...args);
  }
}
