import type { LimitLedger } from './limit-ledger.ts';
import type { LogEvent } from './log-event.ts';
import type { RequestCounts, TokenRequests } from './request-counts.ts';
import type { SlotLedger } from './slot-ledger.ts';
import type { Credential, Share, Token } from './token.ts';
import type { Agent, User } from './user.ts';
import type { Zone } from './zone.ts';

/** The store did not answer in time, or answered that it cannot serve. Never says anything about a token. */
export class StoreAway extends Error {
  override readonly name: string = 'StoreAway';
}

/**
 * The commit was written, and holds, but the store did not say in time that it would survive the failure of a server.
 * Who repeats it writes it twice.
 */
export class CommitUnsure extends StoreAway {
  override readonly name = 'CommitUnsure';
}

/**
 * Why the store refused a commit. `held`: another record holds the name, login or secret that one of its records
 * claims. `changed`: a record is no longer as it was read. `in-use`: a token refers to the zone.
 */
export type ConflictReason = 'held' | 'changed' | 'in-use';

/** A commit that would break a rule of the store; nothing of it was written. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict';
  readonly reason: ConflictReason;

  constructor(message: string, reason: ConflictReason = 'held') {
    super(message);
    this.reason = reason;
  }
}

/** What the gateway reads. Every method rejects with StoreAway when the store does not answer. */
export interface TokenSource {
  /** The token with that secret's index (64 lower-case hexadecimal characters), its own or its previous one, joined with its owner, agent and share; null when there is none. Revoked tokens are found, and previous secrets whose time is over. */
  findByHash(hash: string): Promise<Credential | null>;
  /** Every zone. There are at most a few hundred, so a gateway holds them all. */
  zones(): Promise<readonly Zone[]>;
}

/** A record changed; what was read of it before is out of date. */
export type Change =
  /** The tokens with these hashes, their shares or their agents' state. */
  | { readonly of: 'tokens'; readonly hashes: readonly string[] }
  | { readonly of: 'user'; readonly id: string }
  | { readonly of: 'zones' }
  | { readonly of: 'agent'; readonly id: string }
  /** More changed than is worth listing. */
  | { readonly of: 'everything' };

export interface ChangeListener {
  onChange(change: Change): void;
  /** Changes may have been missed: nothing read before this moment is to be believed until it is read again. */
  onGap(): void;
  /**
   * Changes that were pushed have been acted on, so long after they were committed: milliseconds, never too few. Not
   * told where the store cannot know.
   */
  onLag?(lagMs: number): void;
  /**
   * Every change that was committed until `askedAt` (monotonic milliseconds of the store's clock) has been told: what
   * was read before, and neither a change nor a gap has put out of date, is as true as it was then. Told again and
   * again while changes arrive, and not when they do not.
   */
  onVouched?(askedAt: number): void;
}

/** Pushes what any process wrote to this store. */
export interface Changes {
  /**
   * Delivers every change from the moment the promise resolves until the returned function is called. Where changes
   * cannot arrive just now, the listener hears of a gap at once, and again when they can.
   */
  subscribe(listener: ChangeListener): Promise<() => void>;
}

/** A token was used: milliseconds since the epoch. */
export interface Touch {
  readonly tokenId: string;
  readonly usedAt: number;
}

/** Where last use goes, in batches. */
export interface UsageSink {
  /** Moves each token's last use forward to `usedAt`, never back; unknown tokens are passed over. Rejects with StoreAway. */
  record(touches: readonly Touch[]): Promise<void>;
  /**
   * Adds to the requests of each token in the hour of `at`, unless a count with that id was added before and
   * `COUNT_REMEMBERED_MS` are not over. Of each hour the `TOKENS_KEPT` busiest are kept, for a day. Rejects with
   * StoreAway; the same count can then be told again.
   */
  count(counts: RequestCounts): Promise<void>;
}

/** An event that many processes may see at the same time, and that must be told once. */
export interface Report {
  readonly event: LogEvent;
  /** Names what is told once. */
  readonly key: string;
  /** Until when nothing more is told under this key: milliseconds since the epoch. */
  readonly until: number;
}

/** Where the gateway tells what it saw, in batches. */
export interface EventSink {
  /**
   * Appends the events to the System Log, each unless an event with the same key was appended before and that
   * one's time is not over at the later event's `published`. Rejects with StoreAway.
   */
  report(reports: readonly Report[]): Promise<void>;
}

/**
 * A write on the condition that the record is still as it was read: `replacing` is that record, null when there
 * must be none, left out when anything may be overwritten. A token's `lastUsedAt` is not compared.
 */
interface Replaces<T> {
  readonly replacing?: T | null;
}

/**
 * One step of a commit. `put` writes a record in place of the one with the same id (tokens: except `lastUsedAt`,
 * which only usage moves, forward), `remove` takes it away, `append` writes to the System Log. `expect` writes
 * nothing and must hold before the others are written: the zone is still as it was read; no token that is not
 * revoked refers to the zone.
 */
export type Mutation = RecordMutation | EventMutation | Expectation;

export type RecordMutation =
  | ({ readonly put: 'user'; readonly user: User } & Replaces<User>)
  | ({ readonly put: 'zone'; readonly zone: Zone } & Replaces<Zone>)
  | ({ readonly put: 'agent'; readonly agent: Agent } & Replaces<Agent>)
  | ({ readonly put: 'token'; readonly token: Token } & Replaces<Token>)
  | ({ readonly put: 'share'; readonly share: Share } & Replaces<Share>)
  | ({ readonly put: 'setting'; readonly name: string; readonly value: unknown } & Replaces<unknown>)
  | ({ readonly remove: 'zone'; readonly id: string } & Replaces<Zone>)
  | ({ readonly remove: 'agent'; readonly id: string } & Replaces<Agent>)
  | ({ readonly remove: 'token'; readonly id: string } & Replaces<Token>);

export interface EventMutation {
  readonly append: 'event';
  readonly event: LogEvent;
}

export type Expectation =
  | { readonly expect: 'zone'; readonly zone: Zone }
  | { readonly expect: 'zone-unused'; readonly id: string };

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; null on the last page. */
  readonly next: string | null;
}

/** A stretch of the System Log, in one order. */
export interface EventQuery {
  /**
   * `persisted`: in the order in which the store took the events, so that nothing is missed by who follows the end.
   * `published`: in the order in which they happened.
   */
  readonly by: 'persisted' | 'published';
  readonly order: 'ascending' | 'descending';
  /** The moments of that kind between which to look, the first included, the last not: milliseconds since the epoch; null for no bound. */
  readonly since: number | null;
  readonly until: number | null;
  /** The `next` of an earlier page of the same kind (see `isEventCursor`), or null: go on behind it. */
  readonly after: string | null;
  /** At least 1. */
  readonly limit: number;
}

/** A page of the System Log with the place of each event, from which a reader can go on. */
export interface EventPage {
  readonly items: readonly { readonly event: LogEvent; readonly cursor: string }[];
  /** Whether there is more behind it now. */
  readonly more: boolean;
}

/** What management reads and writes. Reads reject with StoreAway. */
export interface Management {
  /**
   * Writes all of the mutations or none, then tells every subscriber; those in this process before it resolves.
   * What counts is the state afterwards: records may exchange names in one commit, and of several mutations of one
   * record the last counts.
   * @throws StoreConflict when a zone name, user login or token secret is held by another record, or a record is
   * not as it was expected to be (`Mutation`); nothing was written
   * @throws StoreAway when the store did not say whether it was written: it is, or will be, whole or not at all
   * @throws CommitUnsure when it was written, and subscribers were told, but a failure could still undo it
   */
  commit(mutations: readonly Mutation[]): Promise<void>;
  user(id: string): Promise<User | null>;
  /** Compares logins without regard to case. */
  userByLogin(login: string): Promise<User | null>;
  /** In the order asked; null where there is none. Compares logins without regard to case. */
  usersByLogin(logins: readonly string[]): Promise<readonly (User | null)[]>;
  users(after: string | null, limit: number): Promise<Page<User>>;
  zone(id: string): Promise<Zone | null>;
  zoneByName(name: string): Promise<Zone | null>;
  agent(id: string): Promise<Agent | null>;
  agents(): Promise<readonly Agent[]>;
  token(id: string): Promise<Credential | null>;
  /** In the order asked; null where there is none. */
  tokensById(ids: readonly string[]): Promise<readonly (Credential | null)[]>;
  /** In the order asked; null where there is none. Revoked tokens are found. */
  tokensByHash(hashes: readonly string[]): Promise<readonly (Credential | null)[]>;
  /** In the order of their ids. */
  tokens(after: string | null, limit: number): Promise<Page<Credential>>;
  /** In the order of their ids. Revoked ones too. */
  tokensOfUser(userId: string, after: string | null, limit: number): Promise<Page<Credential>>;
  tokensOfAgent(agentId: string): Promise<readonly Token[]>;
  /** At most `limit` tokens that are not revoked and name the zone in their network condition, in the order of their ids. */
  tokensOfZone(zoneId: string, limit: number): Promise<readonly Token[]>;
  /** Tokens whose expiry lies before `time` (milliseconds since the epoch) and that are not revoked, soonest first. */
  tokensExpiringBefore(time: number, limit: number): Promise<readonly Token[]>;
  /**
   * The tokens with the most requests in the hours in which `since` and `until` lie (milliseconds since the epoch, at
   * most a day apart) and in those between, the busiest first, then in the order of their ids.
   */
  busiestTokens(since: number, until: number, limit: number): Promise<readonly TokenRequests[]>;
  /** The token's share; null when it has none of its own. */
  share(tokenId: string): Promise<Share | null>;
  shareById(id: string): Promise<Share | null>;
  /** In the order of their ids. */
  shares(after: string | null, limit: number): Promise<Page<Share>>;
  /** What was put under that name; null when nothing was. */
  setting(name: string): Promise<unknown>;
  events(query: EventQuery): Promise<EventPage>;
  /** Removes the events that happened before `time` (milliseconds since the epoch). @returns how many */
  purgeEventsBefore(time: number): Promise<number>;
}

/** One store: all its ports, opened and closed together. Both adapters pass test/store/contract.ts. */
export interface Store extends TokenSource, Changes, UsageSink, EventSink, Management {
  readonly ledger: LimitLedger;
  /** Counts what is under way. */
  readonly slots: SlotLedger;
  /** Why the store is not fit for use just now, in one line for people; null when it is. Never rejects. */
  trouble(): Promise<string | null>;
  close(): Promise<void>;
}
