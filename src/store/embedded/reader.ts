import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { TokenRequests } from '../../domain/request-counts.ts';
import type { StoredCredential } from '../records.ts';

const CREDENTIAL = `
  SELECT token.id, token.record, token.last_used_at AS lastUsedAt,
    user.record AS owner, agent.record AS agent, share.record AS share
  FROM token
  LEFT JOIN user ON user.id = token.user_id
  LEFT JOIN agent ON agent.id = token.agent_id
  LEFT JOIN share ON share.token_id = token.id`;

/** Queries for tokens, joined with what decides over them. */
const CREDENTIALS = {
  byHash: `${CREDENTIAL} WHERE token.id = (SELECT token_id FROM secret WHERE hash = ?)`,
  byId: `${CREDENTIAL} WHERE token.id = ?`,
  page: `${CREDENTIAL} WHERE token.id > ? ORDER BY token.id LIMIT ?`,
  ofUser: `${CREDENTIAL} WHERE token.user_id = ? AND token.id > ? ORDER BY token.id LIMIT ?`,
  ofAgent: `${CREDENTIAL} WHERE token.agent_id = ? ORDER BY token.id`,
  ofZone: `${CREDENTIAL} WHERE token.id IN (SELECT token_id FROM token_zone WHERE zone_id = ?) ORDER BY token.id LIMIT ?`,
  expiringBefore: `${CREDENTIAL} WHERE token.expires_at < ? ORDER BY token.expires_at, token.id LIMIT ?`,
};

/** Queries for every other record. */
const RECORDS = {
  user: 'SELECT record FROM user WHERE id = ?',
  userByLogin: 'SELECT record FROM user WHERE login_key = ?',
  users: 'SELECT record FROM user WHERE id > ? ORDER BY id LIMIT ?',
  zone: 'SELECT record FROM zone WHERE id = ?',
  zoneByName: 'SELECT record FROM zone WHERE name = ?',
  zones: 'SELECT record FROM zone ORDER BY id',
  agent: 'SELECT record FROM agent WHERE id = ?',
  agents: 'SELECT record FROM agent ORDER BY id',
  share: 'SELECT record FROM share WHERE token_id = ?',
  shareById: 'SELECT record FROM share WHERE id = ?',
  shares: 'SELECT record FROM share WHERE id > ? ORDER BY id LIMIT ?',
  setting: 'SELECT record FROM setting WHERE name = ?',
};

type Prepared<Queries> = Readonly<Record<keyof Queries, StatementSync>>;

/** All that reads from the database, by the names above. Statements are prepared once. */
export class Reader {
  readonly #credentials: Prepared<typeof CREDENTIALS>;
  readonly #records: Prepared<typeof RECORDS>;
  readonly #busiest: StatementSync;
  readonly #dataVersion: StatementSync;

  constructor(database: DatabaseSync) {
    this.#credentials = prepare(database, CREDENTIALS);
    this.#records = prepare(database, RECORDS);
    this.#busiest = database.prepare(
      `SELECT token_id AS tokenId, sum(requests) AS requests FROM token_requests WHERE hour BETWEEN ? AND ?
        GROUP BY token_id ORDER BY requests DESC, tokenId LIMIT ?`,
    );
    this.#dataVersion = database.prepare('PRAGMA data_version');
  }

  credentials(query: keyof typeof CREDENTIALS, ...values: (string | number)[]): StoredCredential[] {
    return this.#credentials[query].all(...values) as unknown as StoredCredential[];
  }

  records(query: keyof typeof RECORDS, ...values: (string | number)[]): string[] {
    return this.#records[query].all(...values).map((row) => String(row['record']));
  }

  /** The tokens with the most requests in these hours and between them. */
  busiest(firstHour: number, lastHour: number, limit: number): TokenRequests[] {
    return this.#busiest.all(firstHour, lastHour, limit) as unknown as TokenRequests[];
  }

  /** A number that changes when another connection has written to the file. */
  dataVersion(): number {
    return Number(this.#dataVersion.get()?.['data_version']);
  }
}

function prepare<Queries extends Record<string, string>>(database: DatabaseSync, queries: Queries) {
  const prepared = Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql)] as const);
  return Object.fromEntries(prepared) as Prepared<Queries>;
}
