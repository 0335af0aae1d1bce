/** The store in one file: nothing to install, one gateway. See docs/store.md. */
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as pause } from 'node:timers/promises';
import type { LimitLedger } from '../../domain/limit-ledger.ts';
import { InProcessLedger } from '../../domain/limit-window.ts';
import { hourOf, type RequestCounts, type TokenRequests } from '../../domain/request-counts.ts';
import { InProcessSlots } from '../../domain/slot-count.ts';
import {
  type ChangeListener,
  type EventPage,
  type EventQuery,
  type Mutation,
  type Page,
  type Report,
  type Store,
  StoreAway,
  StoreConflict,
  type Touch,
} from '../../domain/store.ts';
import type { Credential, Share, Token } from '../../domain/token.ts';
import type { Agent, User } from '../../domain/user.ts';
import type { Zone } from '../../domain/zone.ts';
import type { Clock } from '../../kernel/clock.ts';
import { planCommit } from '../commit-plan.ts';
import { Listeners } from '../listeners.ts';
import { pageOf } from '../page.ts';
import { agentFrom, credentialFrom, loginKey, shareFrom, tokenFrom, userFrom, zoneFrom } from '../records.ts';
import { EventLog } from './event-log.ts';
import { Reader } from './reader.ts';
import { openDatabase } from './schema.ts';
import { Writer } from './writer.ts';

export interface EmbeddedStoreOptions {
  /** The database file; made, with its directory, when there is none. `:memory:` keeps it in this process alone. */
  readonly path: string;
  readonly clock: Clock;
  /** How long a write may wait, blocking this process, while another process writes, in milliseconds; 50 by default. */
  readonly busyTimeoutMs?: number;
}

const BUSY_TIMEOUT_MS = 50;
const SQLITE_BUSY = 5;
/** Events removed in one turn of the event loop at the most: some 10 ms. */
const PURGED_AT_ONCE = 1_000;
/** How often to look whether another process has written, as `tollgate apply` does. */
const LOOK_EVERY_MS = 100;

/**
 * Opens the embedded store.
 * @throws Error when the file cannot be opened, is no database, or was written by a newer version
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  return new EmbeddedStore(options, openDatabase(options.path, options.busyTimeoutMs ?? BUSY_TIMEOUT_MS));
}

class EmbeddedStore implements Store {
  readonly ledger: LimitLedger;
  readonly slots = new InProcessSlots();
  readonly #path: string;
  readonly #clock: Clock;
  readonly #database: DatabaseSync;
  readonly #reader: Reader;
  readonly #events: EventLog;
  readonly #writer: Writer;
  readonly #listeners = new Listeners();
  readonly #stopLooking: () => void;
  /** Why the last write failed, unless it only came while another process wrote; null when it was written. */
  #writeProblem: string | null = null;
  /** SQLite's mark of the last commit by another connection that was noticed here. */
  #dataVersion: number | null;

  constructor({ path, clock }: EmbeddedStoreOptions, database: DatabaseSync) {
    this.ledger = new InProcessLedger(clock);
    this.#path = path;
    this.#clock = clock;
    this.#database = database;
    this.#reader = new Reader(database);
    this.#events = new EventLog(database);
    this.#writer = new Writer(database, this.#events, clock);
    this.#dataVersion = this.#dataVersionNow();
    this.#stopLooking = clock.every(LOOK_EVERY_MS, () => this.#look());
  }

  findByHash(hash: string): Promise<Credential | null> {
    return this.#ask(() => first(this.#reader.credentials('byHash', hash), credentialFrom));
  }

  zones(): Promise<readonly Zone[]> {
    return this.#ask(() => this.#reader.records('zones').map(zoneFrom));
  }

  async subscribe(listener: ChangeListener): Promise<() => void> {
    return this.#listeners.add(listener);
  }

  record(touches: readonly Touch[]): Promise<void> {
    return this.#write(() => this.#writer.touch(touches));
  }

  count(counts: RequestCounts): Promise<void> {
    return this.#write(() => this.#writer.count(counts));
  }

  async commit(mutations: readonly Mutation[]): Promise<void> {
    const plan = planCommit(mutations);
    await this.#write(
      () => this.#writer.commit(plan),
      (changes) => this.#listeners.changed(changes),
    );
  }

  user(id: string): Promise<User | null> {
    return this.#ask(() => first(this.#reader.records('user', id), userFrom));
  }

  userByLogin(login: string): Promise<User | null> {
    return this.#ask(() => first(this.#reader.records('userByLogin', loginKey(login)), userFrom));
  }

  usersByLogin(logins: readonly string[]): Promise<readonly (User | null)[]> {
    return this.#ask(() =>
      logins.map((login) => first(this.#reader.records('userByLogin', loginKey(login)), userFrom)),
    );
  }

  users(after: string | null, limit: number): Promise<Page<User>> {
    return this.#ask(() => {
      const users = this.#reader.records('users', after ?? '', limit + 1).map(userFrom);
      return pageOf(users, limit, (user) => user.id);
    });
  }

  zone(id: string): Promise<Zone | null> {
    return this.#ask(() => first(this.#reader.records('zone', id), zoneFrom));
  }

  zoneByName(name: string): Promise<Zone | null> {
    return this.#ask(() => first(this.#reader.records('zoneByName', name), zoneFrom));
  }

  agent(id: string): Promise<Agent | null> {
    return this.#ask(() => first(this.#reader.records('agent', id), agentFrom));
  }

  agents(): Promise<readonly Agent[]> {
    return this.#ask(() => this.#reader.records('agents').map(agentFrom));
  }

  token(id: string): Promise<Credential | null> {
    return this.#ask(() => first(this.#reader.credentials('byId', id), credentialFrom));
  }

  tokensById(ids: readonly string[]): Promise<readonly (Credential | null)[]> {
    return this.#ask(() => ids.map((id) => first(this.#reader.credentials('byId', id), credentialFrom)));
  }

  tokensByHash(hashes: readonly string[]): Promise<readonly (Credential | null)[]> {
    return this.#ask(() =>
      hashes.map((hash) => first(this.#reader.credentials('byHash', hash), credentialFrom)),
    );
  }

  tokens(after: string | null, limit: number): Promise<Page<Credential>> {
    return this.#ask(() => {
      const credentials = this.#reader.credentials('page', after ?? '', limit + 1).map(credentialFrom);
      return pageOf(credentials, limit, ({ token }) => token.id);
    });
  }

  tokensOfUser(userId: string, after: string | null, limit: number): Promise<Page<Credential>> {
    return this.#ask(() => {
      const found = this.#reader.credentials('ofUser', userId, after ?? '', limit + 1).map(credentialFrom);
      return pageOf(found, limit, ({ token }) => token.id);
    });
  }

  tokensExpiringBefore(time: number, limit: number): Promise<readonly Token[]> {
    return this.#ask(() => this.#reader.credentials('expiringBefore', time, limit).map(tokenFrom));
  }

  tokensOfAgent(agentId: string): Promise<readonly Token[]> {
    return this.#ask(() => this.#reader.credentials('ofAgent', agentId).map(tokenFrom));
  }

  tokensOfZone(zoneId: string, limit: number): Promise<readonly Token[]> {
    return this.#ask(() => this.#reader.credentials('ofZone', zoneId, limit).map(tokenFrom));
  }

  busiestTokens(since: number, until: number, limit: number): Promise<readonly TokenRequests[]> {
    return this.#ask(() => this.#reader.busiest(hourOf(since), hourOf(until), limit));
  }

  share(tokenId: string): Promise<Share | null> {
    return this.#ask(() => first(this.#reader.records('share', tokenId), shareFrom));
  }

  shareById(id: string): Promise<Share | null> {
    return this.#ask(() => first(this.#reader.records('shareById', id), shareFrom));
  }

  shares(after: string | null, limit: number): Promise<Page<Share>> {
    return this.#ask(() => {
      const shares = this.#reader.records('shares', after ?? '', limit + 1).map(shareFrom);
      return pageOf(shares, limit, ({ id }) => id);
    });
  }

  setting(name: string): Promise<unknown> {
    return this.#ask(() => first<string, unknown>(this.#reader.records('setting', name), JSON.parse));
  }

  report(reports: readonly Report[]): Promise<void> {
    return this.#write(() => this.#writer.report(reports));
  }

  events(query: EventQuery): Promise<EventPage> {
    return this.#ask(() => this.#events.page(query));
  }

  async purgeEventsBefore(time: number): Promise<number> {
    for (let purged = 0; ; ) {
      const some = await this.#write(() => this.#writer.purgeEventsBefore(time, PURGED_AT_ONCE));
      purged += some;
      if (some < PURGED_AT_ONCE) return purged;
    }
  }

  async trouble(): Promise<string | null> {
    try {
      this.#reader.dataVersion();
    } catch (error) {
      return this.#away(error).message;
    }
    return this.#writeProblem && `The database ${this.#path} cannot be written to: ${this.#writeProblem}`;
  }

  async close(): Promise<void> {
    this.#stopLooking();
    await this.ledger.close();
    await this.slots.close();
    if (this.#database.isOpen) this.#database.close();
  }

  /** If another process wrote, or may have, what changed is not known: everything read before is in doubt. */
  #look(): void {
    const askedAt = this.#clock.monotonic();
    const dataVersion = this.#dataVersionNow();
    if (dataVersion !== this.#dataVersion) {
      this.#dataVersion = dataVersion;
      this.#listeners.gap();
    } else if (dataVersion !== null) {
      this.#listeners.vouched(askedAt);
    }
  }

  /** Null when the file cannot be read just now. */
  #dataVersionNow(): number | null {
    try {
      return this.#reader.dataVersion();
    } catch {
      return null;
    }
  }

  /**
   * Writes, tells what was written, and then lets everybody else have a turn of the event loop: nothing here waits for
   * anything, so whoever writes much in a row would hold all requests up.
   */
  async #write<T>(run: () => T, tell: (written: T) => void = () => {}): Promise<T> {
    const written = await this.#ask(() => this.#noted(run));
    tell(written);
    await pause();
    return written;
  }

  #noted<T>(run: () => T): T {
    try {
      const written = run();
      this.#writeProblem = null;
      return written;
    } catch (error) {
      if (!(error instanceof StoreConflict || isBusy(error))) this.#writeProblem = reasonOf(error);
      throw error;
    }
  }

  async #ask<T>(run: () => T): Promise<T> {
    try {
      return run();
    } catch (error) {
      throw error instanceof StoreConflict ? error : this.#away(error);
    }
  }

  #away(cause: unknown): StoreAway {
    return new StoreAway(`The database ${this.#path} does not answer: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether another process was writing. */
function isBusy(error: unknown): boolean {
  // The low byte of an extended result code is the code (https://www.sqlite.org/rescode.html).
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}

/** The one record that a query by a unique key found, or null. */
function first<S, T>(found: readonly S[], read: (stored: S) => T): T | null {
  const [stored] = found;
  return stored === undefined ? null : read(stored);
}
