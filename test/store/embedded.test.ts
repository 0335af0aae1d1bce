import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Store } from '../../src/domain/store.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { storeContract } from './contract.ts';
import type { Site } from './site.ts';

storeContract('the embedded store', async (): Promise<Site> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tollgate-store-'));
  const clock = manualClock();
  const stores: Store[] = [];
  return {
    async open() {
      const store = await openEmbeddedStore({ path: path.join(directory, 'tollgate.db'), clock });
      stores.push(store);
      return store;
    },
    notice: () => clock.advance(100),
    second: () => clock.advance(1_000),
    now: async () => clock.now(),
    endWindow: async ({ windowSeconds }) => clock.advance(windowSeconds * 1000),
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
