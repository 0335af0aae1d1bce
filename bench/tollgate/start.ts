/** The gateway with as many of its stages as a row asks for. */
import { assembleGateway } from '../../src/cli/assemble.ts';
import { openStore } from '../../src/cli/open-store.ts';
import type { Config } from '../../src/config/config.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Credential } from '../../src/domain/token.ts';
import { permit } from '../../src/gateway/decision.ts';
import type { Gate } from '../../src/gateway/gate.ts';
import { createFastTransport } from '../../src/gateway/transport/fast/server.ts';
import { createGeneralTransport } from '../../src/gateway/transport/general/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { quickenStringMethods } from '../../src/kernel/string-methods.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { StoreCalls } from '../../src/telemetry/store-calls.ts';
import type { Setting } from '../variant.ts';
import { loadBenchConfig } from './config.ts';
import { createPartialGate, UNLIMITED } from './gate.ts';
import { addRecords } from './records.ts';
import { listen } from './transport.ts';

/** The stages of the gate. `listen` and `forward` are the transport's, which is always there. */
export type GateStage = 'resolve' | 'zone' | 'limit';

/** What the gateway logs as an error, such as a store that is away, would be measured with it: then all is over. */
const log = createLog('error', {
  write(line) {
    throw new Error(line);
  },
});

/** Starts the general transport behind a gate that lets everything pass. @returns its origin */
export async function startGeneral(setting: Setting): Promise<string> {
  const { config, credential } = await prepare(setting, false);
  return listen(config, gateThatLetsPass(credential), createGeneralTransport);
}

/**
 * Starts a gateway with these stages of the gate, on the fast transport and without account.
 * @param stages in their order, from the first on without a gap
 * @returns its origin
 */
export async function startPartial(setting: Setting, stages: readonly GateStage[]): Promise<string> {
  const { config, store, credential } = await prepare(setting, stages.includes('zone'));
  if (!stages.includes('resolve')) return listen(config, gateThatLetsPass(credential), createFastTransport);
  return listen(
    config,
    await createPartialGate(config, store, stages.includes('limit')),
    createFastTransport,
  );
}

/** Starts the whole gateway as `tollgate serve` does. @returns its origin */
export async function startWhole(setting: Setting): Promise<string> {
  const { config, store } = await prepare(setting, true);
  const gateway = await assembleGateway(config, store, systemClock, log);
  const process = {
    version: '',
    config: { generation: 1, appliedAt: 0, refused: 0 },
    certificateEnds: () => [],
    store: new StoreCalls(systemClock),
    logDropped: () => 0,
  };
  createMetrics({ process, gateway: gateway.metrics, control: null, workers: null });
  const { port } = await gateway.transport.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${port}`;
}

interface Prepared {
  readonly config: Config;
  readonly store: Store;
  readonly credential: Credential;
}

async function prepare(setting: Setting, boundToZone: boolean): Promise<Prepared> {
  // As assembleGateway does.
  quickenStringMethods();
  const config = loadBenchConfig(setting);
  const store = await openStore(config.store, systemClock, log);
  return { config, store, credential: await addRecords(store, setting.secret, boundToZone) };
}

function gateThatLetsPass(credential: Credential): Gate {
  return ({ peer }) => permit({ credential, endpoint: UNLIMITED, client: peer, spent: null });
}
