import type { LimitLedger } from './limit-ledger.ts';
import type { Credential, Share, Token } from './token.ts';
import type { Agent, User } from './user.ts';
import type { Zone } from './zone.ts';

/** The store did not answer in time, or answered that it cannot serve. Never says anything about a token. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
}

/** A write that would break a rule of the store: a name, login or secret that another record holds, or a revision that moved on. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict';
}

/** What the gateway reads. Every method rejects with StoreAway when the store does not answer. */
export interface TokenSource {
  /** The token with that secret's index (64 lower-case hexadecimal characters), joined with its owner, agent and share; null when there is none. Revoked tokens are found. */
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
}

/** Puts a record in place of the one with the same id (tokens: except `lastUsedAt`, which only usage moves, forward), or removes it. */
export type Mutation =
  | { readonly put: 'user'; readonly user: User }
  | { readonly put: 'zone'; readonly zone: Zone }
  | { readonly put: 'agent'; readonly agent: Agent }
  | { readonly put: 'token'; readonly token: Token }
  | { readonly put: 'share'; readonly share: Share }
  | { readonly remove: 'zone' | 'agent' | 'token'; readonly id: string };

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; null on the last page. */
  readonly next: string | null;
}

/** What management reads and writes. Reads reject with StoreAway. */
export interface Management {
  /**
   * Writes all of the mutations or none, then tells every subscriber; those in this process before it resolves.
   * What counts is the state afterwards: records may exchange names in one commit, and of several mutations of one
   * record the last counts.
   * @throws StoreConflict when a zone name, user login or token hash is held by another record; nothing was written
   * @throws StoreAway when the store did not say whether it was written: it is, or will be, whole or not at all
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
  tokensOfUser(userId: string): Promise<readonly Token[]>;
  /** Tokens whose expiry lies before `time` (milliseconds since the epoch) and that are not revoked, soonest first. */
  tokensExpiringBefore(time: number, limit: number): Promise<readonly Token[]>;
}

/** One store: all its ports, opened and closed together. Both adapters pass test/store/contract.ts. */
export interface Store extends TokenSource, Changes, UsageSink, Management {
  readonly ledger: LimitLedger;
  /** Why the store is not fit for use just now, in one line for people; null when it is. Never rejects. */
  trouble(): Promise<string | null>;
  close(): Promise<void>;
}
