import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logEvent } from '../../src/domain/log-event.ts';
import type { Store } from '../../src/domain/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { MADE_AT } from '../support/records.ts';

let directory: string;
let file: string;
const stores: Store[] = [];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tollgate-store-'));
  file = path.join(directory, 'tollgate.db');
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  rmSync(directory, { recursive: true });
});

async function open(now = MADE_AT): Promise<Store> {
  const store = await openEmbeddedStore({ path: file, clock: manualClock(now) });
  stores.push(store);
  return store;
}

const ANY_EVENT = {
  eventType: 'zone.update',
  actor: 'system',
  tokenId: null,
  targets: [],
  requestId: null,
} as const;

describe('the log in one file', () => {
  it('keeps its order when a clock is set back: who follows it misses nothing', async () => {
    const event = () => logEvent({ ...ANY_EVENT, now: MADE_AT });
    const [first, second] = [event(), event()];
    await (await open(MADE_AT + 60_000)).commit([{ append: 'event', event: first }]);
    const late = await open(MADE_AT);
    const query = { by: 'persisted', order: 'ascending', since: null, until: null, limit: 10 } as const;
    const [last] = (await late.events({ ...query, after: null })).items;
    await late.commit([{ append: 'event', event: second }]);
    const { items } = await late.events({ ...query, after: last?.cursor ?? null });
    expect(items.map(({ event: { uuid } }) => uuid)).toEqual([second.uuid]);
  });

  it('is purged some events at a time, so that requests get their turn in between', async () => {
    const store = await open();
    const event = () => logEvent({ ...ANY_EVENT, now: MADE_AT });
    await store.commit(Array.from({ length: 3_500 }, () => ({ append: 'event', event: event() })));
    const query = { by: 'persisted', order: 'ascending', since: null, until: null, after: null } as const;
    const left = async () => (await store.events({ ...query, limit: 5_000 })).items.length;
    const seen = [await left()];
    const purged = store.purgeEventsBefore(MADE_AT + 1).finally(() => seen.push(0));
    while (seen.at(-1) !== 0) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(await left());
    }
    expect(await purged).toBe(3_500);
    expect(new Set(seen)).toEqual(new Set([3_500, 2_500, 1_500, 500, 0]));
  });
});

describe('a file of the first schema', () => {
  /** As the first version wrote it. */
  const TABLES = `
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
    PRAGMA user_version = 1;
  `;
  const ID = '00T1gtr35t8ZbfBfV1d7';
  const HASH = 'a'.repeat(64);

  function makeOld(network: object, revokedAt?: number): void {
    const database = new DatabaseSync(file);
    database.exec(TABLES);
    const facts = { name: 'old', hash: HASH, userId: '00uOwner', windowSeconds: 60 };
    const stamps = { createdAt: MADE_AT, lastUpdatedAt: MADE_AT };
    const record = { ...facts, ...stamps, agentId: 'a53Agent', network, revokedAt };
    const put = database.prepare('INSERT INTO token (id, hash, record, last_used_at) VALUES (?, ?, ?, ?)');
    put.run(ID, HASH, JSON.stringify(record), MADE_AT + 5);
    const share = { tokenId: ID, percentage: 10, byEndpoint: { users: 20 } };
    database.prepare('INSERT INTO share VALUES (?, ?)').run(ID, JSON.stringify(share));
    database.close();
  }

  it('is brought up to date with all that it holds', async () => {
    makeOld({ connection: 'ZONE', exclude: ['nzoOffice'] });
    const store = await open();
    const found = await store.findByHash(HASH);
    expect(found).toMatchObject({
      token: { id: ID, name: 'old', lastUsedAt: MADE_AT + 5, previous: null, revokedAt: null },
      share: {
        id: 'prl1gtr35t8ZbfBfV1d7',
        tokenId: ID,
        percentage: 10,
        concurrencyPercentage: null,
        byEndpoint: { users: 20 },
        createdBy: 'system',
      },
    });
    expect((await store.tokensOfUser('00uOwner', null, 10)).items).toHaveLength(1);
    expect(await store.tokensOfAgent('a53Agent')).toHaveLength(1);
    expect(await store.tokensOfZone('nzoOffice', 10)).toHaveLength(1);
    expect(await store.tokensExpiringBefore(MADE_AT + 60_006, 10)).toHaveLength(1);
    expect(await store.shareById('prl1gtr35t8ZbfBfV1d7')).not.toBeNull();
    if (found === null) throw new Error('it was found');
    await store.commit([{ put: 'token', token: { ...found.token, name: 'new' }, replacing: found.token }]);
    expect((await store.token(ID))?.token.name).toBe('new');
  });

  it('has no zone in use by a token that is revoked', async () => {
    makeOld({ connection: 'ZONE', include: ['nzoOffice'] }, MADE_AT);
    expect(await (await open()).tokensOfZone('nzoOffice', 10)).toEqual([]);
  });
});
