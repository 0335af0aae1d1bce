/** What holds for connections to upstreams holds also where requests are pipelined over them: the same tests. */
import { join } from 'node:path';
import { describe } from 'vitest';
import { createFastTransport } from '../../../../src/gateway/transport/fast/server.ts';
import { testPipelining, testTransport } from '../../../support/gateway.ts';

testTransport(createFastTransport);
testPipelining(8);

for (const name of ['accounted', 'connection', 'retries', 'streaming', 'truncation', 'upstream-answers']) {
  // Importing a file of tests declares them here.
  describe(name, async () => {
    await import(join(import.meta.dirname, '..', `${name}.test.ts`));
  });
}
