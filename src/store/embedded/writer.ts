import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  COUNT_REMEMBERED_MS,
  HOURS_KEPT,
  hourOf,
  type RequestCounts,
  TOKENS_KEPT,
} from '../../domain/request-counts.ts';
import type { Change, RecordMutation, Report, Touch } from '../../domain/store.ts';
import type { Token } from '../../domain/token.ts';
import type { Clock } from '../../kernel/clock.ts';
import {
  announced,
  CHANGES_LISTED_MAX,
  type CommitPlan,
  conflict,
  hashesOf,
  type Precondition,
  type RecordKind,
  unmet,
  type Write,
} from '../commit-plan.ts';
import { jsonText, loginKey, tokenText, userText, zonesOf, zoneText } from '../records.ts';
import type { EventLog } from './event-log.ts';
import { inTransaction } from './schema.ts';

/** SQLite's extended result codes for a UNIQUE constraint and a key that is there (https://www.sqlite.org/rescode.html). */
const UNIQUE_VIOLATIONS: readonly unknown[] = [2067, 1555];

/** All that writes to the database. Statements are prepared once. */
export class Writer {
  readonly #database: DatabaseSync;
  readonly #events: EventLog;
  readonly #clock: Clock;
  readonly #recordOf: Readonly<Record<RecordKind, StatementSync>>;
  readonly #zoneUse: StatementSync;
  readonly #hashesOf: StatementSync;
  readonly #free: Readonly<Record<'user' | 'zone' | 'secrets' | 'zones', StatementSync>>;
  readonly #put: Readonly<Record<RecordKind, StatementSync>>;
  readonly #index: Readonly<Record<'secret' | 'zone', StatementSync>>;
  readonly #remove: Readonly<Record<'zone' | 'agent' | 'token' | 'share', StatementSync>>;
  readonly #touch: StatementSync;
  readonly #requests: Readonly<Record<'add' | 'cut' | 'forget', StatementSync>>;

  constructor(database: DatabaseSync, events: EventLog, clock: Clock) {
    const sql = (text: string) => database.prepare(text);
    this.#database = database;
    this.#events = events;
    this.#clock = clock;
    this.#recordOf = {
      user: sql('SELECT record FROM user WHERE id = ?'),
      zone: sql('SELECT record FROM zone WHERE id = ?'),
      agent: sql('SELECT record FROM agent WHERE id = ?'),
      token: sql('SELECT record FROM token WHERE id = ?'),
      share: sql('SELECT record FROM share WHERE token_id = ?'),
      setting: sql('SELECT record FROM setting WHERE name = ?'),
    };
    this.#zoneUse = sql('SELECT token_id FROM token_zone WHERE zone_id = ? LIMIT 1');
    this.#hashesOf = sql('SELECT hash FROM secret WHERE token_id = ?');
    this.#free = {
      user: sql('UPDATE user SET login_key = NULL WHERE id = ? AND login_key <> ?'),
      zone: sql('UPDATE zone SET name = NULL WHERE id = ? AND name <> ?'),
      secrets: sql('DELETE FROM secret WHERE token_id = ?'),
      zones: sql('DELETE FROM token_zone WHERE token_id = ?'),
    };
    const replace = 'ON CONFLICT (id) DO UPDATE SET record = excluded.record';
    this.#put = {
      user: sql(
        `INSERT INTO user (id, login_key, record) VALUES (?, ?, ?) ${replace}, login_key = excluded.login_key`,
      ),
      zone: sql(`INSERT INTO zone (id, name, record) VALUES (?, ?, ?) ${replace}, name = excluded.name`),
      agent: sql(`INSERT INTO agent (id, record) VALUES (?, ?) ${replace}`),
      // The last use of a token that is there stays: only usage moves it.
      token: sql(`INSERT INTO token (id, record, last_used_at) VALUES (?, ?, ?) ${replace}`),
      share: sql(
        'INSERT INTO share (token_id, record) VALUES (?, ?) ON CONFLICT (token_id) DO UPDATE SET record = excluded.record',
      ),
      setting: sql('REPLACE INTO setting (name, record) VALUES (?, ?)'),
    };
    this.#index = {
      secret: sql('INSERT INTO secret (hash, token_id) VALUES (?, ?)'),
      zone: sql('INSERT OR IGNORE INTO token_zone (zone_id, token_id) VALUES (?, ?)'),
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
    this.#requests = {
      add: sql(`INSERT INTO token_requests (hour, token_id, requests) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET requests = requests + excluded.requests`),
      cut: sql(`DELETE FROM token_requests WHERE hour = :hour AND token_id IN (
        SELECT token_id FROM token_requests WHERE hour = :hour
        ORDER BY requests DESC, token_id LIMIT -1 OFFSET ${TOKENS_KEPT})`),
      forget: sql('DELETE FROM token_requests WHERE hour <= ?'),
    };
  }

  /**
   * Writes all of the plan or nothing.
   * @returns what to tell subscribers
   * @throws StoreConflict when another record holds a name, login or hash, or something expected does not hold
   */
  commit({ mutations, preconditions, changes }: CommitPlan): readonly Change[] {
    const hashes = new Set<string>();
    inTransaction(this.#database, () => {
      for (const precondition of preconditions) {
        if (!this.#holds(precondition)) throw unmet(precondition);
      }
      for (const mutation of mutations) this.#releaseOld(mutation, hashes);
      for (const mutation of mutations) this.#write(mutation, hashes);
    });
    return announced(changes, [...hashes]);
  }

  /** Moves last uses forward; one commit for all. */
  touch(touches: readonly Touch[]): void {
    inTransaction(this.#database, () => {
      for (const { tokenId, usedAt } of touches) this.#touch.run({ tokenId, usedAt });
    });
  }

  /** Adds to the requests of an hour, once for each count; one commit for all. */
  count({ id, at, tokens }: RequestCounts): void {
    const hour = hourOf(at);
    inTransaction(this.#database, () => {
      if (!this.#events.toldFirst(`counted ${id}`, at, at + COUNT_REMEMBERED_MS)) return;
      for (const { tokenId, requests } of tokens) this.#requests.add.run(hour, tokenId, requests);
      this.#requests.cut.run({ hour });
      this.#requests.forget.run(hourOf(this.#clock.now()) - HOURS_KEPT);
    });
  }

  /** Appends what was not told before; one commit for all. */
  report(reports: readonly Report[]): void {
    inTransaction(this.#database, () => this.#events.report(reports, this.#clock.now()));
  }

  /** Removes at most so many events. @returns how many there were */
  purgeEventsBefore(time: number, most: number): number {
    return inTransaction(this.#database, () => this.#events.purgeBefore(time, most));
  }

  #holds(precondition: Precondition): boolean {
    if ('unusedZone' in precondition) return this.#zoneUse.get(precondition.unusedZone) === undefined;
    const { kind, id, record } = precondition;
    return (this.#recordOf[kind].get(id)?.['record'] ?? null) === record;
  }

  /** Removes what is to go, and frees the names that change, so that records can exchange them. Notes the tokens concerned. */
  #releaseOld(mutation: Write, hashes: Set<string>): void {
    if ('append' in mutation) return;
    if ('remove' in mutation) {
      if (mutation.remove === 'token') {
        this.#releaseToken(mutation.id, hashes);
        this.#remove.share.run(mutation.id);
      }
      this.#remove[mutation.remove].run(mutation.id);
    } else if (mutation.put === 'user') {
      this.#free.user.run(mutation.user.id, loginKey(mutation.user.login));
    } else if (mutation.put === 'zone') {
      this.#free.zone.run(mutation.zone.id, mutation.zone.name);
    } else if (mutation.put === 'share') {
      this.#noteHashes(mutation.share.tokenId, hashes);
    } else if (mutation.put === 'token') {
      this.#releaseToken(mutation.token.id, hashes);
    }
  }

  #releaseToken(id: string, hashes: Set<string>): void {
    this.#noteHashes(id, hashes);
    this.#free.secrets.run(id);
    this.#free.zones.run(id);
  }

  #noteHashes(tokenId: string, hashes: Set<string>): void {
    for (const { hash } of this.#hashesOf.all(tokenId)) note(String(hash), hashes);
  }

  #write(mutation: Write, hashes: Set<string>): void {
    if ('remove' in mutation) return;
    if ('append' in mutation) {
      this.#events.append([mutation.event], this.#clock.now());
      return;
    }
    try {
      this.#put[mutation.put].run(...columnsOf(mutation));
      if (mutation.put === 'token') this.#indexToken(mutation.token, hashes);
    } catch (error) {
      throw isUniqueViolation(error) ? conflict(mutation) : error;
    }
  }

  #indexToken(token: Token, hashes: Set<string>): void {
    for (const hash of hashesOf(token)) {
      this.#index.secret.run(hash, token.id);
      note(hash, hashes);
    }
    for (const zone of zonesOf(token)) this.#index.zone.run(zone, token.id);
  }
}

function columnsOf(mutation: Extract<RecordMutation, { put: string }>): SQLInputValue[] {
  switch (mutation.put) {
    case 'user':
      return [mutation.user.id, loginKey(mutation.user.login), userText(mutation.user)];
    case 'zone':
      return [mutation.zone.id, mutation.zone.name, zoneText(mutation.zone)];
    case 'agent':
      return [mutation.agent.id, jsonText(mutation.agent)];
    case 'token':
      return [mutation.token.id, tokenText(mutation.token), mutation.token.lastUsedAt];
    case 'share':
      return [mutation.share.tokenId, jsonText(mutation.share)];
    case 'setting':
      return [mutation.name, jsonText(mutation.value)];
  }
}

/** Notes no more than tell that there are too many to list. */
function note(hash: string, hashes: Set<string>): void {
  if (hashes.size <= CHANGES_LISTED_MAX) hashes.add(hash);
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && UNIQUE_VIOLATIONS.includes(error.errcode);
}
