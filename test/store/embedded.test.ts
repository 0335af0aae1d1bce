import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Store } from '../../src/domain/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { storeContract } from './contract.ts';
import type { Site } from './site.ts';

/** A store's file with nothing in it, to begin with: most of what a new one costs is the history of its schema. */
let empty: string;
beforeAll(async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tollgate-store-'));
  empty = path.join(directory, 'tollgate.db');
  await (await openEmbeddedStore({ path: empty, clock: manualClock() })).close();
});
afterAll(() => rmSync(path.dirname(empty), { recursive: true }));

storeContract('the embedded store', async (): Promise<Site> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tollgate-store-'));
  const file = path.join(directory, 'tollgate.db');
  copyFileSync(empty, file);
  const standing = manualClock();
  // A window ends at once: what a store does every tenth of a second need not be done for all the hour between.
  let skippedMs = 0;
  const clock = {
    ...standing,
    now: () => standing.now() + skippedMs,
    monotonic: () => standing.monotonic() + skippedMs,
  };
  const stores: Store[] = [];
  return {
    async open() {
      const store = await openEmbeddedStore({ path: file, clock });
      stores.push(store);
      return store;
    },
    notice: () => standing.advance(100),
    second: () => standing.advance(1_000),
    now: async () => clock.now(),
    async endWindow({ windowSeconds }) {
      skippedMs += windowSeconds * 1000;
    },
    content: async () =>
      readdirSync(directory)
        .map((file) => readFileSync(path.join(directory, file), 'latin1'))
        .join('\n'),
    async close() {
      await Promise.all(stores.map((store) => store.close()));
      rmSync(directory, { recursive: true });
    },
  };
});
