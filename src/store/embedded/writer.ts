import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Change, Mutation, Touch } from '../../domain/store.ts';
import { announced, CHANGES_LISTED_MAX, type CommitPlan, conflict } from '../commit-plan.ts';
import { jsonText, loginKey, tokenText, userText } from '../records.ts';
import { inTransaction } from './schema.ts';

/** SQLite's extended result code for a UNIQUE constraint (https://www.sqlite.org/rescode.html). */
const SQLITE_CONSTRAINT_UNIQUE = 2067;

/** All that writes to the database. Statements are prepared once. */
export class Writer {
  readonly #database: DatabaseSync;
  readonly #tokenHash: StatementSync;
  readonly #release: Readonly<Record<'user' | 'zone' | 'token', StatementSync>>;
  readonly #put: Readonly<Record<'user' | 'zone' | 'agent' | 'token' | 'share', StatementSync>>;
  readonly #remove: Readonly<Record<'zone' | 'agent' | 'token' | 'share', StatementSync>>;
  readonly #touch: StatementSync;

  constructor(database: DatabaseSync) {
    const sql = (text: string) => database.prepare(text);
    this.#database = database;
    this.#tokenHash = sql('SELECT hash FROM token WHERE id = ?');
    this.#release = {
      user: sql('UPDATE user SET login_key = NULL WHERE id = ? AND login_key <> ?'),
      zone: sql('UPDATE zone SET name = NULL WHERE id = ? AND name <> ?'),
      token: sql('UPDATE token SET hash = NULL WHERE id = ? AND hash <> ?'),
    };
    const replace = 'ON CONFLICT (id) DO UPDATE SET record = excluded.record';
    this.#put = {
      user: sql(
        `INSERT INTO user (id, login_key, record) VALUES (?, ?, ?) ${replace}, login_key = excluded.login_key`,
      ),
      zone: sql(`INSERT INTO zone (id, name, record) VALUES (?, ?, ?) ${replace}, name = excluded.name`),
      agent: sql(`INSERT INTO agent (id, record) VALUES (?, ?) ${replace}`),
      // The last use of a token that is there stays: only usage moves it.
      token: sql(
        `INSERT INTO token (id, hash, record, last_used_at) VALUES (?, ?, ?, ?) ${replace}, hash = excluded.hash`,
      ),
      share: sql('REPLACE INTO share (token_id, record) VALUES (?, ?)'),
    };
    this.#remove = {
      zone: sql('DELETE FROM zone WHERE id = ?'),
      agent: sql('DELETE FROM agent WHERE id = ?'),
      token: sql('DELETE FROM token WHERE id = ?'),
      share: sql('DELETE FROM share WHERE token_id = ?'),
    };
    this.#touch = sql(
      'UPDATE token SET last_used_at = :usedAt WHERE id = :tokenId AND (last_used_at IS NULL OR last_used_at < :usedAt)',
    );
  }

  /**
   * Writes all of the plan or nothing.
   * @returns what to tell subscribers
   * @throws StoreConflict when another record holds a name, login or hash
   */
  commit({ mutations, changes }: CommitPlan): readonly Change[] {
    const hashes = new Set<string>();
    inTransaction(this.#database, () => {
      for (const mutation of mutations) this.#releaseOld(mutation, hashes);
      for (const mutation of mutations) this.#write(mutation);
    });
    return announced(changes, [...hashes]);
  }

  /** Moves last uses forward; one commit for all. */
  touch(touches: readonly Touch[]): void {
    inTransaction(this.#database, () => {
      for (const { tokenId, usedAt } of touches) this.#touch.run({ tokenId, usedAt });
    });
  }

  /** Removes what is to go, and frees the names that change, so that records can exchange them. Notes the tokens concerned. */
  #releaseOld(mutation: Mutation, hashes: Set<string>): void {
    if ('remove' in mutation) {
      if (mutation.remove === 'token') {
        this.#noteHash(mutation.id, hashes);
        this.#remove.share.run(mutation.id);
      }
      this.#remove[mutation.remove].run(mutation.id);
    } else if (mutation.put === 'user') {
      this.#release.user.run(mutation.user.id, loginKey(mutation.user.login));
    } else if (mutation.put === 'zone') {
      this.#release.zone.run(mutation.zone.id, mutation.zone.name);
    } else if (mutation.put === 'share') {
      this.#noteHash(mutation.share.tokenId, hashes);
    } else if (mutation.put === 'token') {
      this.#noteHash(mutation.token.id, hashes);
      note(mutation.token.hash, hashes);
      this.#release.token.run(mutation.token.id, mutation.token.hash);
    }
  }

  #noteHash(tokenId: string, hashes: Set<string>): void {
    const hash = this.#tokenHash.get(tokenId)?.['hash'];
    if (typeof hash === 'string') note(hash, hashes);
  }

  #write(mutation: Mutation): void {
    if ('remove' in mutation) return;
    try {
      this.#put[mutation.put].run(...columnsOf(mutation));
    } catch (error) {
      throw isUniqueViolation(error) ? conflict(mutation) : error;
    }
  }
}

function columnsOf(mutation: Extract<Mutation, { put: string }>): SQLInputValue[] {
  switch (mutation.put) {
    case 'user':
      return [mutation.user.id, loginKey(mutation.user.login), userText(mutation.user)];
    case 'zone':
      return [mutation.zone.id, mutation.zone.name, jsonText(mutation.zone)];
    case 'agent':
      return [mutation.agent.id, jsonText(mutation.agent)];
    case 'token':
      return [mutation.token.id, mutation.token.hash, tokenText(mutation.token), mutation.token.lastUsedAt];
    case 'share':
      return [mutation.share.tokenId, jsonText(mutation.share)];
  }
}

/** Notes no more than tell that there are too many to list. */
function note(hash: string, hashes: Set<string>): void {
  if (hashes.size <= CHANGES_LISTED_MAX) hashes.add(hash);
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_CONSTRAINT_UNIQUE;
}
