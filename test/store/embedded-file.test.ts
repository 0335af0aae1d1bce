import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Store, StoreAway } from '../../src/domain/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aToken, aUser, MADE_AT } from '../support/records.ts';
import { Ear } from './ear.ts';

let directory: string;
let file: string;
let clock: ManualClock;
let opened: Store[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tollgate-store-'));
  file = path.join(directory, 'data', 'tollgate.db');
  clock = manualClock();
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()));
  rmSync(directory, { recursive: true });
});

async function open(): Promise<Store> {
  const store = await openEmbeddedStore({ path: file, clock, busyTimeoutMs: 1 });
  opened.push(store);
  return store;
}

describe('the database file', () => {
  it('is made with its directory, for its owner alone', async () => {
    const store = await open();
    await store.commit([{ put: 'user', user: aUser() }]);
    for (const name of [file, `${file}-wal`]) expect(statSync(name).mode & 0o777).toBe(0o600);
  });

  it('still holds everything when it is opened again', async () => {
    const owner = aUser();
    const { token } = aToken(owner.id);
    const first = await open();
    await first.commit([
      { put: 'user', user: owner },
      { put: 'token', token },
    ]);
    await first.record([{ tokenId: token.id, usedAt: MADE_AT + 1 }]);
    await first.close();
    const again = await open();
    const used = { ...token, lastUsedAt: MADE_AT + 1 };
    expect(await again.findByHash(token.hash)).toEqual({ token: used, owner, agent: null, share: null });
  });

  it('that a newer version wrote is refused by name', async () => {
    await (await open()).close();
    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 1000');
    newer.close();
    await expect(open()).rejects.toThrow(`${file} cannot be opened: it was written by a newer version`);
  });

  it('that is no database is refused by name', async () => {
    file = path.join(directory, 'notes.txt');
    writeFileSync(file, 'these are notes, and surely not a database');
    await expect(open()).rejects.toThrow(`${file} cannot be opened: file is not a database`);
  });

  it('can be opened by several processes at once when it is new', async () => {
    const modules = ['../../src/store/embedded/store.ts', '../../src/kernel/clock.ts'];
    const [store, time] = modules.map((name) => import.meta.resolve(name));
    const program = `
      import { openEmbeddedStore } from '${store}';
      import { systemClock } from '${time}';
      await openEmbeddedStore({ path: process.argv[1], clock: systemClock });`;
    const start = () =>
      spawn(process.execPath, ['--input-type=module', '-e', program, file], { stdio: 'inherit' });
    const ends = await Promise.all([start(), start(), start()].map((child) => once(child, 'exit')));
    expect(ends).toEqual([
      [0, null],
      [0, null],
      [0, null],
    ]);
    expect(await (await open()).trouble()).toBeNull();
  });

  it('keeps every acknowledged write when the process is killed', async () => {
    const writer = spawn(process.execPath, [path.join(import.meta.dirname, 'commit-until-killed.ts'), file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const acknowledged: string[] = [];
    for await (const id of createInterface(writer.stdout)) {
      acknowledged.push(id);
      if (acknowledged.length === 25) writer.kill('SIGKILL');
    }
    if (writer.signalCode === null) await once(writer, 'exit');
    expect(writer.signalCode).toBe('SIGKILL');
    const store = await open();
    for (const id of acknowledged) expect(await store.user(id)).not.toBeNull();
    expect(await store.trouble()).toBeNull();
  });
});

describe('another process that writes to the file', () => {
  it('is noticed within a tenth of a second, once for each time', async () => {
    const [gateway, other] = [await open(), await open()];
    const ear = new Ear();
    await gateway.subscribe(ear);
    clock.advance(1_000);
    expect(ear.gaps).toBe(0);
    await other.commit([{ put: 'user', user: aUser() }]);
    clock.advance(100);
    expect(ear.gaps).toBe(1);
    clock.advance(1_000);
    expect(ear.gaps).toBe(1);
  });

  it('is not confused with the process itself', async () => {
    const store = await open();
    const ear = new Ear();
    await store.subscribe(ear);
    await store.commit([{ put: 'user', user: aUser() }]);
    clock.advance(1_000);
    expect(ear.gaps).toBe(0);
  });

  it('makes writes wait no longer than they may, and leaves reads alone', async () => {
    const store = await open();
    const owner = aUser();
    const { token } = aToken(owner.id);
    await store.commit([
      { put: 'user', user: owner },
      { put: 'token', token },
    ]);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.commit([{ put: 'user', user: aUser() }])).rejects.toThrow(StoreAway);
    await expect(store.record([{ tokenId: token.id, usedAt: MADE_AT + 1 }])).rejects.toThrow(
      'database is locked',
    );
    expect((await store.findByHash(token.hash))?.owner).toEqual(owner);
    other.exec('ROLLBACK');
    other.close();
    await store.record([{ tokenId: token.id, usedAt: MADE_AT + 1 }]);
    expect((await store.token(token.id))?.token.lastUsedAt).toBe(MADE_AT + 1);
  });
});

describe('the embedded store', () => {
  it('has trouble while it cannot be written to, though it still answers', async () => {
    const store = await open();
    const owner = aUser();
    const write = () => store.commit([{ put: 'user', user: owner }]);
    await write();
    const other = new DatabaseSync(file);
    other.exec(`CREATE TRIGGER full BEFORE UPDATE ON user
      BEGIN SELECT raise(ABORT, 'database or disk is full'); END`);
    await expect(write()).rejects.toThrow(StoreAway);
    expect(await store.user(owner.id)).toEqual(owner);
    expect(await store.trouble()).toContain('cannot be written to: database or disk is full');
    other.exec('DROP TRIGGER full; BEGIN IMMEDIATE');
    await expect(write()).rejects.toThrow('database is locked');
    other.exec('ROLLBACK');
    other.close();
    await write();
    expect(await store.trouble()).toBeNull();
  });

  it('lets requests have their turn between writes, however many there are in a row', async () => {
    const store = await open();
    const owner = aUser();
    const { token } = aToken(owner.id);
    const writes = [
      () => store.commit([{ put: 'user', user: owner }]),
      () => store.record([{ tokenId: token.id, usedAt: MADE_AT }]),
      () => store.count({ id: 'once', at: MADE_AT, tokens: [{ tokenId: token.id, requests: 1 }] }),
      () => store.report([]),
    ];
    for (const write of writes) {
      let turns = 0;
      setImmediate(() => turns++);
      await write();
      expect(turns).toBe(1);
    }
  });

  it('answers at once whether a request is within its limits, with no promise', async () => {
    const { ledger } = await open();
    const endpoint = { name: 'users', max: 1, windowSeconds: 60 };
    expect(ledger.spend({ endpoint, tokenId: 'a', share: 1 })).toMatchObject({ admitted: true });
  });

  it('has no trouble while it is open, and says so when it is closed', async () => {
    const store = await open();
    expect(await store.trouble()).toBeNull();
    await store.close();
    expect(await store.trouble()).toContain(file);
    await expect(store.user('00u')).rejects.toThrow(StoreAway);
    await store.close();
  });
});
