import { openStore } from '../../src/cli/open-store.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';
import { tightestReading } from '../../src/domain/endpoint-readings.ts';
import { createAccount } from '../../src/gateway/account/account.ts';
import { UsageQueue } from '../../src/gateway/account/usage-queue.ts';
import { ViolationQueue } from '../../src/gateway/account/violation-queue.ts';
import { WarningPercent } from '../../src/gateway/account/warning-percent.ts';
import type { Arrival, Decision, Permit } from '../../src/gateway/decision.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { Findings } from '../../src/gateway/findings.ts';
import { Pipeline } from '../../src/gateway/pipeline.ts';
import { StageTimes } from '../../src/gateway/stage-times.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { RequestMeasures } from '../../src/telemetry/request-measures.ts';
import { requestHeaders } from '../request.ts';
import { loadBenchConfig } from './config.ts';
import { createPartialGate, UNLIMITED } from './gate.ts';
import { addRecords } from './records.ts';

/** The gate with everything in memory: embedded store, token bound to a zone, Okta's endpoints. */
export interface GateAlone {
  readonly endpointOf: (method: string, path: string) => Endpoint;
  /** As many endpoints as are asked for, besides Okta's. */
  endpoints(more: number): readonly (Endpoint & { readonly match: readonly string[] })[];
  /**
   * The gate's decision about a GET of this path.
   * @param repeats whether the connection has sent the same header block before
   * @throws Error when it is not a permit given at once
   */
  decide(path: string, repeats: boolean): Permit;
  /** The same through the pipeline, settled as a transport settles it. */
  pass(path: string, repeats: boolean): void;
  close(): Promise<void>;
}

export async function openGate(folder: string, secret: string): Promise<GateAlone> {
  const config = loadBenchConfig({ upstream: 'http://127.0.0.1:1', secret, folder, redis: null });
  const store = await openStore(config.store, clock, createLog('error'));
  await addRecords(store, secret, true);
  const gate = await createPartialGate(config, store, true);
  const usage = new UsageQueue(store, clock, { ...config.account, size: config.account.queueSize });
  const { flushEvery } = config.account;
  const violations = new ViolationQueue(store, clock, { flushEvery, size: 100 });
  const requests = new RequestMeasures();
  requests.know(['api']);
  const account = createAccount({
    usage,
    violations,
    warning: new WarningPercent(store, clock),
    measure: (outcome, endpoint, now) => requests.measure(outcome, endpoint, now),
    accessLog: null,
    trace: null,
    clock,
  });
  const pipeline = new Pipeline(gate, account, (bug) => {
    throw bug;
  });
  const shown = arrivalFrom(secret);
  await gate(shown('/', true));
  return {
    endpointOf: tightestReading(compileEndpoints(config.endpoints, UNLIMITED)),
    endpoints: (more) => [...config.endpoints, ...Array.from({ length: more }, (_, at) => endpoint(at))],
    decide: (path, repeats) => permitted(gate(shown(path, repeats))),
    pass: (path, repeats) => pipeline.enter(new Passing(shown(path, repeats), pipeline)),
    async close() {
      await Promise.all([usage.close(), violations.close()]);
      await store.close();
    },
  };
}

function endpoint(at: number): Endpoint & { readonly match: readonly string[] } {
  return { name: `more-${at}`, match: [`GET /api/v1/more${at}/{id}`], max: 100, windowSeconds: 60 };
}

/** What the fast transport shows the gate of one request after the other on a connection. */
function arrivalFrom(secret: string): (path: string, repeats: boolean) => Arrival {
  const headers = requestHeaders(secret);
  const forwardedFor = headers['X-Forwarded-For'] ?? null;
  const requestId = '0'.repeat(32);
  const ofBefore = new Findings();
  return (path, repeats) => ({
    requestId,
    method: 'GET',
    path,
    query: '',
    credential: secret,
    peer: '127.0.0.1',
    forwardedFor,
    findings: repeats ? ofBefore : new Findings(),
    times: new StageTimes(),
  });
}

function permitted(decision: Decision | Promise<Decision>): Permit {
  if (decision instanceof Promise || decision.kind !== 'permit')
    throw new Error('no permit was given at once');
  return decision;
}

/** An exchange that has its answer at once. */
class Passing implements Exchange {
  readonly arrival: Arrival;
  readonly #pipeline: Pipeline;

  constructor(arrival: Arrival, pipeline: Pipeline) {
    this.arrival = arrival;
    this.#pipeline = pipeline;
  }

  refuse(): void {
    throw new Error('no permit was given');
  }

  forward(permit: Permit): void {
    const { arrival } = this;
    const { requestId } = arrival;
    arrival.times.answered = clock.monotonic();
    const bytes = { bytesIn: 0, bytesOut: 0 };
    const way = { upstream: 'api', target: 'http://127.0.0.1:1', tries: 1, ...bytes };
    const ending = { rejection: null, status: 200, complete: true, ...way } as const;
    this.#pipeline.settled({ requestId, arrival, decision: 'forwarded', permit, ...ending });
  }
}
