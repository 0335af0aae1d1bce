/**
 * What holds for the general transport holds for the fast one, with the general one behind it: the same tests, over
 * connections that begin at the fast one.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { createFastTransport } from '../../../../src/gateway/transport/fast/server.ts';
import { testTransport } from '../../../support/gateway.ts';

afterAll(testTransport(createFastTransport));

// Its gateway is a process of its own, and it tries both.
const APART = 'memory.test.ts';

const folder = join(import.meta.dirname, '..');
for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.ts') && name !== APART)) {
  // Importing a file of tests declares them here.
  describe(file, async () => {
    await import(`${join(folder, file)}?fast`);
  });
}
