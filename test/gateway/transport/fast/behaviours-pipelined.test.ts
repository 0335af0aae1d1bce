/** What holds for connections to upstreams holds also where requests are pipelined over them: the same tests. */
import { afterAll, describe } from 'vitest';
import { createFastTransport } from '../../../../src/gateway/transport/fast/server.ts';
import { testPipelining, testTransport } from '../../../support/gateway.ts';

afterAll(testTransport(createFastTransport));
afterAll(testPipelining(8));

for (const name of ['accounted', 'connection', 'retries', 'streaming', 'truncation', 'upstream-answers']) {
  // Importing a file of tests declares them here; by a name of its own, as a worker that has imported it does not do so again.
  describe(name, async () => {
    await import(new URL(`../${name}.test.ts?pipelined`, import.meta.url).href);
  });
}
