import { randomUUID } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import { describePlace } from '../../domain/redis-url.ts';
import { StoreAway } from '../../domain/store.ts';
import {
  type Client,
  type Commands,
  type ConnectionOptions,
  createClient,
  endClient,
  firstAttempt,
  isSearch,
  onReady,
  placeOf,
  reasonOf,
} from './client.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { GONE, managementKey, runScript, type Script } from './script.ts';

export type LogLevel = 'info' | 'warn' | 'error';

/** Told once each time Redis goes away and comes back, in one line for people. Holds no secret. */
export type OnLog = (level: LogLevel, line: string) => void;

export type SendScript = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

const LOST = 'has lost its data, or is another: give it back what it held, or restart Tollgate to begin anew';
const NOT_WANTED =
  'has lost its data, or is another: give it back what store.identity names, or change that setting to begin anew';

/**
 * The connection for commands. Whatever keeps Redis from answering becomes StoreAway. So does a database that is not
 * the one that was there before, because it was emptied or is another's: it answers every question, and every answer
 * is wrong (docs/adr/0011-revocation-and-a-store-that-may-fail.md).
 */
export class Connection {
  /** Where Redis is, for people: without user and password. */
  readonly address: string;
  readonly #redis: Client;
  readonly #watch: ClusterWatch | null;
  readonly #onLog: OnLog;
  readonly #identityKey: string;
  readonly #onlyLooks: boolean;
  /** The identity of the data that this process works with; null before there was any. */
  #identity: string | null;
  /** What is said of other data. */
  readonly #otherData: string;
  #identifying: Promise<void> | null = null;
  /** Why nothing can be asked just now; null when it can. */
  #problem: string | null = 'does not answer: not connected yet';
  /** What was logged last and still holds; null after Redis came back. */
  #told: string | null = null;
  #lastError: string | null = null;
  #isReplica = false;

  /** @throws Error when the URL is none */
  constructor(options: ConnectionOptions, onLog: OnLog) {
    this.address = describePlace(placeOf(options));
    this.#onLog = onLog;
    this.#identityKey = managementKey(options.prefix, 'identity');
    this.#onlyLooks = options.onlyLooks ?? false;
    this.#identity = options.identity ?? null;
    this.#otherData = this.#identity === null ? LOST : NOT_WANTED;
    this.#redis = createClient(options);
    this.#watch = this.#redis instanceof Cluster ? new ClusterWatch(this.#redis, this.address, onLog) : null;
    this.#redis.on('error', (error) => {
      this.#lastError = reasonOf(error);
      if (isSearch(error)) this.#lost();
    });
    this.#redis.on('close', () => this.#lost());
    onReady(this.#redis, () => void this.#identify());
  }

  /** Resolves once it is known whether Redis answers. */
  async firstAttempt(): Promise<void> {
    await firstAttempt(this.#redis);
    if (this.#problem !== null && this.#redis.status === 'ready') await this.#identify();
  }

  /**
   * Runs a script.
   * @param send runs it over another connection to the same data
   * @throws StoreAway
   */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    send: SendScript | null = null,
  ): Promise<unknown> {
    return this.ask((redis) => {
      const sent = send ?? ((...call: Parameters<SendScript>) => runScript(redis, ...call));
      if (!script.guarded) return sent(script, keys, args);
      return sent(script, [...keys, this.#identityKey], [...args, this.#identity ?? '']);
    });
  }

  /** Asks Redis something. @throws StoreAway when it does not answer, or answers that it cannot */
  async ask<T>(question: (redis: Commands) => Promise<T>): Promise<T> {
    if (this.#problem !== null) {
      if (this.#redis.status === 'ready') void this.#lookAgain();
      throw this.#away(this.#problem);
    }
    try {
      return await question(this.#redis);
    } catch (error) {
      const reason = reasonOf(error);
      if (reason.startsWith(GONE)) this.#gone();
      // The connection ends for it (see createClient).
      if (reason.startsWith('READONLY')) this.#lastError = reason;
      throw this.#away(this.#problem ?? `does not answer: ${reason}`, error);
    }
  }

  /** Which data this is; null before it was met. */
  get identity(): string | null {
    return this.#identity;
  }

  /** The servers that take writes, as far as they are known. */
  servers(): readonly Redis[] {
    return this.#redis instanceof Cluster ? this.#redis.nodes('master') : [this.#redis];
  }

  /** What is wrong with one of a cluster's servers, in one line; null when nothing is. */
  get partProblem(): string | null {
    return this.#watch?.problem ?? null;
  }

  close(): void {
    this.#redis.removeAllListeners('close');
    this.#problem = 'does not answer: the store was closed';
    endClient(this.#redis);
  }

  /** What is away with its connection comes back with it; what is away on one is looked for by who asks. */
  async #lookAgain(): Promise<void> {
    await this.#identify();
    // After a failover the address may lead to the new primary.
    if (this.#isReplica && this.#redis.status === 'ready') this.#redis.disconnect(true);
  }

  /** Finds out whether this is the data that was there before; a database that never held any gets its identity. */
  #identify(): Promise<void> {
    this.#identifying ??= this.#readIdentity()
      .then((found) => {
        this.#identity ??= found;
        if (found === this.#identity) this.#found();
        else this.#gone();
      })
      .catch((error: unknown) => this.#fails(reasonOf(error)))
      .finally(() => {
        this.#identifying = null;
      });
    return this.#identifying;
  }

  async #readIdentity(): Promise<string | null> {
    this.#isReplica = await isReplica(this.#redis);
    // It would refuse whatever is written, one request after the other.
    if (this.#isReplica) throw new Error('it is a replica: give the address of the primary');
    const found = await this.#redis.get(this.#identityKey);
    if (found !== null || this.#identity !== null || this.#onlyLooks) return found;
    // Of several that come first, one gives the identity.
    await this.#redis.set(this.#identityKey, randomUUID(), 'NX');
    return this.#redis.get(this.#identityKey);
  }

  #lost(): void {
    const reason = this.#lastError ?? 'it closed the connection';
    this.#lastError = null;
    this.#fails(reason);
  }

  #fails(reason: string): void {
    this.#problem = `does not answer: ${reason}`;
    if (this.#told === null) this.#tell('warn', `is away: ${reason}`);
  }

  #gone(): void {
    this.#problem = this.#otherData;
    if (this.#told !== this.#problem) this.#tell('error', this.#problem);
  }

  #found(): void {
    this.#problem = null;
    if (this.#told === null) return;
    this.#tell('info', 'answers again');
    this.#told = null;
  }

  #tell(level: LogLevel, what: string): void {
    this.#told = what;
    this.#onLog(level, `Redis at ${this.address} ${what}`);
  }

  #away(problem: string, cause?: unknown): StoreAway {
    return new StoreAway(`Redis at ${this.address} ${problem}`, { cause });
  }
}

/** A cluster knows by itself whom to write to. */
async function isReplica(client: Client): Promise<boolean> {
  return !(client instanceof Cluster) && /^role:slave/m.test(await client.info('replication'));
}
