/** The store in Redis or Valkey: the way to more than one gateway. See docs/store.md. */
import { LeasedLedger } from '../../domain/leased-ledger.ts';
import { LeasedSlots } from '../../domain/leased-slots.ts';
import type { RequestCounts, TokenRequests } from '../../domain/request-counts.ts';
import {
  type ChangeListener,
  CommitUnsure,
  type EventPage,
  type EventQuery,
  type Mutation,
  type Page,
  type Report,
  type Store,
  type Touch,
} from '../../domain/store.ts';
import type { Credential, Share, Token } from '../../domain/token.ts';
import type { Agent, User } from '../../domain/user.ts';
import type { Zone } from '../../domain/zone.ts';
import type { Clock } from '../../kernel/clock.ts';
import { conflict, planCommit, unmet } from '../commit-plan.ts';
import { Listeners } from '../listeners.ts';
import { pageOf } from '../page.ts';
import { agentFrom, credentialFrom, jsonText, loginKey, shareFrom, userFrom, zoneFrom } from '../records.ts';
import type { ConnectionOptions } from './client.ts';
import { Committer } from './commit.ts';
import { Connection, type OnLog } from './connection.ts';
import { ANSWERED, type Durability, DurableCommits } from './durable-commits.ts';
import { EventLog } from './event-log.ts';
import type { FitnessFinding } from './fitness.ts';
import { Health } from './health.ts';
import { RedisLeaseSource } from './lease-source.ts';
import * as reads from './read-scripts.ts';
import { listFrom, standingFrom, storedCredentialFrom, textFrom } from './reply.ts';
import { RequestHours } from './request-hours.ts';
import { managementKey, type Script } from './script.ts';
import { ServerClock, timeFrom } from './server-clock.ts';
import { RedisSlotSource } from './slot-source.ts';
import { Subscription } from './subscription.ts';
import { credentialOrNull, TokenLookUps } from './token-look-ups.ts';
import { TOUCH } from './usage-scripts.ts';

export interface RedisStoreOptions extends ConnectionOptions {
  readonly clock: Clock;
  readonly onLog?: OnLog;
  /** What a commit must have survived before it is acknowledged; by default nothing but the answer of the server. */
  readonly durability?: Durability;
  /** How often to vouch for what was read, in milliseconds: one question. A second by default. */
  readonly vouchEveryMs?: number;
}

export interface RedisStore extends Store {
  /** What is wrong with this Redis as the system of record, one line each, the gravest first. @throws StoreAway */
  fitness(): Promise<readonly FitnessFinding[]>;
  /** Which data this is (docs/adr/0057-which-data.md); null before it was met, and where there is none and none is begun. */
  readonly identity: string | null;
}

/** Uses written by one script at the most, so that it blocks Redis for a few milliseconds only. */
const TOUCHES_AT_ONCE = 500;
const VOUCH_EVERY_MS = 1_000;
/** As a limit: no limit. */
const ALL = -1;
/** Records read by one script at the most, for the same reason. */
const READS_AT_ONCE = 500;

/**
 * Opens the store. A Redis that cannot be reached just now is no error: `trouble` says so, everything else rejects
 * with StoreAway, and the store comes to life once Redis answers.
 * @throws Error when the URL or the prefix cannot be one
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  if (/[{}]/.test(options.prefix)) throw new Error(`The prefix "${options.prefix}" must not contain braces`);
  const store = new ConnectedStore(options);
  await store.firstAttempt(options.onlyLooks ?? false);
  return store;
}

class ConnectedStore implements RedisStore {
  readonly ledger: LeasedLedger;
  readonly slots: LeasedSlots;
  readonly #prefix: string;
  readonly #connection: Connection;
  readonly #serverClock: ServerClock;
  readonly #subscription: Subscription;
  readonly #health: Health;
  readonly #durable: DurableCommits;
  readonly #committer: Committer;
  readonly #events: EventLog;
  readonly #requestHours: RequestHours;
  readonly #lookUps: TokenLookUps;
  readonly #listeners = new Listeners();

  constructor(options: RedisStoreOptions) {
    const { prefix, clock, onLog = () => {}, durability = ANSWERED } = options;
    this.#prefix = prefix;
    this.#connection = new Connection(options, onLog);
    const time = () => this.#connection.run(reads.TIME, [managementKey(prefix, 'version')], []);
    this.#serverClock = new ServerClock(clock, async () => timeFrom(listFrom(await time())));
    const subscribed = { ...options, vouchEveryMs: options.vouchEveryMs ?? VOUCH_EVERY_MS };
    const standing = async () => standingFrom(await this.#run(reads.STANDING));
    this.#subscription = new Subscription(subscribed, this.#listeners, clock, this.#serverClock, standing);
    const needsWaitaof = durability.file === 'required';
    this.#health = new Health(this.#connection, this.#subscription, clock, options.url, needsWaitaof);
    this.#durable = new DurableCommits(this.#connection, { ...options, durability }, onLog);
    this.#committer = new Committer(this.#connection, this.#durable, prefix);
    this.ledger = new LeasedLedger(new RedisLeaseSource(this.#connection, prefix), clock, setImmediate);
    this.slots = new LeasedSlots(new RedisSlotSource(this.#connection, prefix), clock);
    this.#events = new EventLog(this.#connection, prefix);
    this.#requestHours = new RequestHours(this.#connection, prefix);
    this.#lookUps = new TokenLookUps((hashes) => this.#run(reads.TOKENS_BY_HASH, ...hashes));
  }

  get identity(): string | null {
    return this.#connection.identity;
  }

  async firstAttempt(onlyLooks: boolean): Promise<void> {
    await Promise.all([this.#connection.firstAttempt(), this.#subscription.firstAttempt()]);
    await this.#serverClock.learn();
    // In the background: nobody waits for it, and where Redis is away the next commit will see to it.
    if (!onlyLooks) this.#committer.finishSealed().catch(() => {});
  }

  findByHash(hash: string): Promise<Credential | null> {
    return this.#lookUps.find(hash);
  }

  async zones(): Promise<readonly Zone[]> {
    return (await this.#all('zone')).map(zoneFrom).sort(byId);
  }

  /** While the subscription is down, a new listener hears of a gap at once, and again when it stands. */
  async subscribe(listener: ChangeListener): Promise<() => void> {
    if (this.#subscription.problem !== null) listener.onGap();
    return this.#listeners.add(listener);
  }

  async record(touches: readonly Touch[]): Promise<void> {
    for (let from = 0; from < touches.length; from += TOUCHES_AT_ONCE) {
      const batch = touches.slice(from, from + TOUCHES_AT_ONCE);
      const flat = batch.flatMap(({ tokenId, usedAt }) => [tokenId, usedAt]);
      await this.#run(TOUCH, jsonText(flat));
    }
  }

  count(counts: RequestCounts): Promise<void> {
    return this.#requestHours.count(counts);
  }

  async commit(mutations: readonly Mutation[]): Promise<void> {
    const outcome = await this.#committer.commit(planCommit(mutations));
    if ('refused' in outcome) throw conflict(outcome.refused);
    if ('unmet' in outcome) throw unmet(outcome.unmet);
    // They arrive on the subscription too, but here they must act before the writer hears that they are written.
    this.#listeners.changed(outcome.changes);
    if (outcome.doubt !== null) {
      const { address } = this.#connection;
      throw new CommitUnsure(
        `Redis at ${address} has written the change, but a failure could still undo it: ${outcome.doubt}`,
      );
    }
  }

  async user(id: string): Promise<User | null> {
    return orNull(await this.#one('user', id), userFrom);
  }

  async userByLogin(login: string): Promise<User | null> {
    return orNull(await this.#run(reads.USER_BY_LOGIN, loginKey(login)), userFrom);
  }

  async usersByLogin(logins: readonly string[]): Promise<readonly (User | null)[]> {
    const found = await this.#each(reads.USERS_BY_LOGIN, logins.map(loginKey));
    return found.map((record) => orNull(record, userFrom));
  }

  async users(after: string | null, limit: number): Promise<Page<User>> {
    const users = listFrom(await this.#run(reads.USERS, after ?? '', limit + 1));
    return pageOf(
      users.map((record) => userFrom(textFrom(record))),
      limit,
      ({ id }) => id,
    );
  }

  async zone(id: string): Promise<Zone | null> {
    return orNull(await this.#one('zone', id), zoneFrom);
  }

  async zoneByName(name: string): Promise<Zone | null> {
    return orNull(await this.#run(reads.ZONE_BY_NAME, name), zoneFrom);
  }

  async agent(id: string): Promise<Agent | null> {
    return orNull(await this.#one('agent', id), agentFrom);
  }

  async agents(): Promise<readonly Agent[]> {
    return (await this.#all('agent')).map(agentFrom).sort(byId);
  }

  async token(id: string): Promise<Credential | null> {
    return credentialOrNull(await this.#run(reads.TOKEN, id));
  }

  async tokensById(ids: readonly string[]): Promise<readonly (Credential | null)[]> {
    return (await this.#each(reads.TOKENS_BY_ID, ids)).map(credentialOrNull);
  }

  async tokensByHash(hashes: readonly string[]): Promise<readonly (Credential | null)[]> {
    return (await this.#each(reads.TOKENS_BY_HASH, hashes)).map(credentialOrNull);
  }

  async tokens(after: string | null, limit: number): Promise<Page<Credential>> {
    const found = credentialsFrom(await this.#run(reads.TOKENS, after ?? '', limit + 1));
    return pageOf(found, limit, ({ token }) => token.id);
  }

  async tokensOfUser(userId: string, after: string | null, limit: number): Promise<Page<Credential>> {
    const found = credentialsFrom(await this.#run(reads.TOKENS_OF_USER, userId, limit + 1, after ?? ''));
    return pageOf(found, limit, ({ token }) => token.id);
  }

  async tokensOfAgent(agentId: string): Promise<readonly Token[]> {
    return tokensFrom(await this.#run(reads.TOKENS_OF_AGENT, agentId, ALL));
  }

  async tokensOfZone(zoneId: string, limit: number): Promise<readonly Token[]> {
    return tokensFrom(await this.#run(reads.TOKENS_OF_ZONE, zoneId, limit));
  }

  async tokensExpiringBefore(time: number, limit: number): Promise<readonly Token[]> {
    return tokensFrom(await this.#run(reads.TOKENS_EXPIRING, time, limit));
  }

  busiestTokens(since: number, until: number, limit: number): Promise<readonly TokenRequests[]> {
    return this.#requestHours.busiest(since, until, limit);
  }

  async share(tokenId: string): Promise<Share | null> {
    return orNull(await this.#one('share', tokenId), shareFrom);
  }

  async shareById(id: string): Promise<Share | null> {
    return orNull(await this.#run(reads.SHARE_BY_ID, id), shareFrom);
  }

  async shares(after: string | null, limit: number): Promise<Page<Share>> {
    const shares = listFrom(await this.#run(reads.SHARES, after ?? '', limit + 1));
    return pageOf(
      shares.map((record) => shareFrom(textFrom(record))),
      limit,
      ({ id }) => id,
    );
  }

  async setting(name: string): Promise<unknown> {
    return orNull<unknown>(await this.#one('setting', name), JSON.parse);
  }

  report(reports: readonly Report[]): Promise<void> {
    return this.#events.report(reports);
  }

  events(query: EventQuery): Promise<EventPage> {
    return this.#events.page(query);
  }

  purgeEventsBefore(time: number): Promise<number> {
    return this.#events.purgeBefore(time);
  }

  fitness(): Promise<readonly FitnessFinding[]> {
    return this.#health.fitness();
  }

  trouble(): Promise<string | null> {
    return this.#health.trouble();
  }

  async close(): Promise<void> {
    this.#subscription.close();
    await Promise.all([this.ledger.close(), this.slots.close()]);
    this.#durable.close();
    this.#connection.close();
  }

  #run(script: Script, ...args: (string | number)[]): Promise<unknown> {
    const keys = script.keys.map((name) => managementKey(this.#prefix, name));
    return this.#connection.run(script, keys, args);
  }

  /** The answers of a script that has one for each of the keys, in their order. */
  async #each(script: Script, keys: readonly string[]): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    for (let from = 0; from < keys.length; from += READS_AT_ONCE) {
      const some = listFrom(await this.#run(script, ...keys.slice(from, from + READS_AT_ONCE)));
      for (const answer of some) answers.push(answer);
    }
    return answers;
  }

  #one(records: keyof typeof reads.RECORD, id: string): Promise<unknown> {
    return this.#run(reads.RECORD[records], id);
  }

  async #all(records: keyof typeof reads.RECORDS): Promise<string[]> {
    return listFrom(await this.#run(reads.RECORDS[records])).map(textFrom);
  }
}

function credentialsFrom(reply: unknown): Credential[] {
  return listFrom(reply).map((one) => credentialFrom(storedCredentialFrom(one)));
}

function tokensFrom(reply: unknown): Token[] {
  return credentialsFrom(reply).map(({ token }) => token);
}

function orNull<T>(reply: unknown, read: (record: string) => T): T | null {
  return reply === null ? null : read(textFrom(reply));
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}
