import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * The schema's history: entry n takes a file from version n to n + 1. Never edit an entry, only add one.
 *
 * What a record says stands in its JSON; columns beside it are what is searched for, computed by SQLite where the
 * record says it too, so that the two cannot differ. Names are null only while a commit lets records exchange them.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE user (id TEXT PRIMARY KEY, login_key TEXT UNIQUE, record TEXT NOT NULL) STRICT;
  CREATE TABLE zone (id TEXT PRIMARY KEY, name TEXT UNIQUE, record TEXT NOT NULL) STRICT;
  CREATE TABLE agent (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE share (token_id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE token (
    id TEXT PRIMARY KEY,
    hash TEXT UNIQUE,
    record TEXT NOT NULL,
    last_used_at INTEGER,
    user_id TEXT GENERATED ALWAYS AS (record ->> 'userId'),
    agent_id TEXT GENERATED ALWAYS AS (record ->> 'agentId'),
    expires_at INTEGER GENERATED ALWAYS AS (
      CASE WHEN record ->> 'revokedAt' IS NULL
      THEN coalesce(last_used_at, record ->> 'createdAt') + 1000 * (record ->> 'windowSeconds') END
    )
  ) STRICT;
  CREATE INDEX token_of_user ON token (user_id);
  CREATE INDEX token_expiry ON token (expires_at) WHERE expires_at IS NOT NULL;
  `,
  // A token can have two secrets, is found by its agent and zones, and has a share with an id; the System Log.
  `
  CREATE TABLE secret (hash TEXT PRIMARY KEY, token_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX secret_of_token ON secret (token_id);
  INSERT INTO secret SELECT hash, id FROM token WHERE hash IS NOT NULL;

  CREATE TABLE token_zone (
    zone_id TEXT NOT NULL, token_id TEXT NOT NULL, PRIMARY KEY (zone_id, token_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX zone_of_token ON token_zone (token_id);
  INSERT OR IGNORE INTO token_zone SELECT named.value, token.id
    FROM token, json_each(coalesce(record -> '$.network.include', record -> '$.network.exclude')) AS named
    WHERE record ->> 'revokedAt' IS NULL AND named.value <> 'ALL_IP_ZONES';

  CREATE TABLE token_next (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL,
    last_used_at INTEGER,
    user_id TEXT GENERATED ALWAYS AS (record ->> 'userId'),
    agent_id TEXT GENERATED ALWAYS AS (record ->> 'agentId'),
    expires_at INTEGER GENERATED ALWAYS AS (
      CASE WHEN record ->> 'revokedAt' IS NULL
      THEN coalesce(last_used_at, record ->> 'createdAt') + 1000 * (record ->> 'windowSeconds') END
    )
  ) STRICT;
  INSERT INTO token_next (id, record, last_used_at) SELECT id, record, last_used_at FROM token;
  DROP TABLE token;
  ALTER TABLE token_next RENAME TO token;
  CREATE INDEX token_of_user ON token (user_id);
  CREATE INDEX token_of_agent ON token (agent_id) WHERE agent_id IS NOT NULL;
  CREATE INDEX token_expiry ON token (expires_at) WHERE expires_at IS NOT NULL;

  ALTER TABLE share RENAME TO share_before;
  CREATE TABLE share (
    token_id TEXT PRIMARY KEY, record TEXT NOT NULL, id TEXT GENERATED ALWAYS AS (record ->> 'id')
  ) STRICT;
  INSERT INTO share (token_id, record) SELECT token_id, json_set(record,
    '$.id', 'prl' || substr(token_id, 4), '$.concurrencyPercentage', NULL,
    '$.createdAt', 0, '$.createdBy', 'system', '$.lastUpdatedAt', 0, '$.lastUpdatedBy', 'system') FROM share_before;
  DROP TABLE share_before;
  CREATE UNIQUE INDEX share_id ON share (id);

  CREATE TABLE setting (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    persisted_at INTEGER NOT NULL,
    record TEXT NOT NULL,
    published INTEGER GENERATED ALWAYS AS (record ->> 'published')
  ) STRICT;
  CREATE INDEX event_persisted ON event (persisted_at, sequence);
  CREATE INDEX event_published ON event (published, persisted_at, sequence);
  CREATE TABLE told (key TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX told_until ON told (until);
  `,
  // How often tokens are used, by the hour since the epoch.
  `
  CREATE TABLE token_requests (
    hour INTEGER NOT NULL, token_id TEXT NOT NULL, requests INTEGER NOT NULL, PRIMARY KEY (hour, token_id)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** SQLite's name for a database that is no file and ends with its connection. */
const IN_MEMORY = ':memory:';

/** How long to wait, at start, while another process brings the same file up to date. */
const OPEN_TIMEOUT_MS = 5_000;

/**
 * Opens the database file, makes it if there is none, and brings its schema up to date.
 * @param busyTimeoutMs how long a write may wait, blocking this process, while another process writes
 * @throws Error when the file cannot be opened, is no database, or was written by a newer version
 */
export function openDatabase(file: string, busyTimeoutMs: number): DatabaseSync {
  try {
    return openFile(file, busyTimeoutMs);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The database ${file} cannot be opened: ${reason}`, { cause: error });
  }
}

function openFile(file: string, busyTimeoutMs: number): DatabaseSync {
  if (file !== IN_MEMORY) {
    mkdirSync(path.dirname(file), { recursive: true });
    // For the owner alone; SQLite gives the files beside it the same mode.
    closeSync(openSync(file, 'a', 0o600));
  }
  const database = new DatabaseSync(file, { timeout: OPEN_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    // FULL: an acknowledged commit survives a loss of power. The log is cut back after a large commit.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = ${64 * 1024 * 1024};
      PRAGMA cache_size = ${-64 * 1024};
    `);
    migrate(database);
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  if (versionOf(database) === MIGRATIONS.length) return;
  // Two processes may open a new file at once: the second waits, and finds nothing left to do.
  inTransaction(database, () => {
    const version = versionOf(database);
    if (version > MIGRATIONS.length) {
      throw new Error(
        `it was written by a newer version of Tollgate (schema ${version}; this one knows up to ${MIGRATIONS.length})`,
      );
    }
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

/**
 * Which version the schema of a file has, and which it will have once it is opened here. Changes neither.
 * @throws Error when the file is no database
 */
export function schemaVersions(file: string): { readonly found: number; readonly wanted: number } {
  const database = new DatabaseSync(file);
  try {
    return { found: versionOf(database), wanted: MIGRATIONS.length };
  } finally {
    database.close();
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** Runs `work` in a transaction that no other process can write beside; rolls back when it throws. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has ended the transaction itself after some failures, such as a full disk.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
