/** One gateway of a fleet, whole, as `tollgate serve` runs it. */
import { assembleGateway } from '../../src/cli/assemble.ts';
import { openStore } from '../../src/cli/open-store.ts';
import { parseConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { answerQuestions } from '../child.ts';

export interface Surroundings {
  readonly redis: string;
  /** An origin. */
  readonly upstream: string;
}

export type RevocationGateway = {
  /** Starts it, and answers with its origin. */
  start(surroundings: Surroundings): Promise<string>;
};

/** So much that no request is refused for it. */
const ABUNDANT = 1_000_000_000;
/** So long that only a push can be the reason for which a gateway refuses a token. */
const LONG = '1h';

async function start({ redis, upstream }: Surroundings): Promise<string> {
  const settings = {
    // A store that is slow because the machine is busy must not become one that is away.
    store: { kind: 'redis', url: redis, commandTimeout: '10s' },
    resolve: { freshFor: LONG, staleFor: LONG },
    limit: { unmatched: { max: ABUNDANT } },
    forward: { upstreams: [{ name: 'api', targets: [upstream], paths: ['/'] }] },
  };
  const config = parseConfig(JSON.stringify(settings), {}, 'bench.yaml');
  const log = createLog('error');
  const store = await openStore(config.store, systemClock, log);
  const gateway = await assembleGateway(config, store, systemClock, log);
  const { port } = await gateway.transport.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${port}`;
}

answerQuestions({ start } satisfies RevocationGateway);
