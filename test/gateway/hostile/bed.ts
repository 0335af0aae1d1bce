import { compileAddressSet } from '../../../src/domain/address-set.ts';
import type { Endpoint } from '../../../src/domain/endpoint.ts';
import { compileEndpoints } from '../../../src/domain/endpoint-match.ts';
import { tightestReading } from '../../../src/domain/endpoint-readings.ts';
import type { Store } from '../../../src/domain/store.ts';
import type { Token } from '../../../src/domain/token.ts';
import type { Outcome } from '../../../src/gateway/exchange.ts';
import { createGate } from '../../../src/gateway/gate.ts';
import { ConcurrencyStage } from '../../../src/gateway/limit/concurrency-stage.ts';
import { LimitStage } from '../../../src/gateway/limit/limit-stage.ts';
import { type HeadRules, headRules } from '../../../src/gateway/listen/head.ts';
import type { StartTrace } from '../../../src/gateway/listen/trace-start.ts';
import { Pipeline } from '../../../src/gateway/pipeline.ts';
import { Resolver } from '../../../src/gateway/resolve/resolver.ts';
import { ZoneDirectory } from '../../../src/gateway/zone/zone-directory.ts';
import { ZoneStage } from '../../../src/gateway/zone/zone-stage.ts';
import { Breaker } from '../../../src/kernel/breaker.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { aToken, aUser } from '../../support/records.ts';
import { type StrictUpstream, startStrictUpstream } from '../../support/strict-upstream.ts';

/** What a transport is given to stand between a client and the strict upstream. */
export interface TransportParts {
  readonly pipeline: Pipeline;
  readonly rules: HeadRules;
  readonly clock: ManualClock;
  /** The origin of the one upstream, which serves every path. */
  readonly origin: string;
  readonly isTrusted: (peer: string) => boolean;
  readonly onBug: (error: unknown) => void;
}

/** The bounds that the transport under test is started with. */
export const BOUNDS = { headSize: 16_384, bodySize: 1_000_000, maxHeaders: 100 };

export interface RunningTransport {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the transport under test on a free port of 127.0.0.1. The tables know nothing else of it. */
export type StartTransport = (parts: TransportParts) => Promise<RunningTransport>;

/** A gateway with a real gate and store between raw clients and a strict upstream. */
export interface Bed {
  readonly port: number;
  readonly upstream: StrictUpstream;
  readonly store: Store;
  readonly clock: ManualClock;
  /** A token that may do everything, and its secret. */
  readonly token: Token;
  readonly secret: string;
  /** A second one, of another owner. */
  readonly otherSecret: string;
  /** How every exchange ended. */
  readonly outcomes: readonly Outcome[];
  /** Resolves with the outcome of this number, counted from 0, as soon as it is there. */
  outcome(index: number): Promise<Outcome>;
  /** Exceptions that the pipeline or the transport reported. There may never be one. */
  readonly bugs: readonly unknown[];
  /** Makes a token of the first owner's. */
  issue(facts?: Partial<Token>): Promise<{ token: Token; secret: string }>;
  close(): Promise<void>;
}

/** The trusted proxy that clients can come from; others of 127.0.0.0/8 are strangers. */
export const TRUSTED_PROXY = '127.0.0.2';

interface TestEndpoint extends Endpoint {
  readonly match: readonly string[];
}

const ENDPOINTS: readonly TestEndpoint[] = [
  {
    name: 'limited',
    match: ['* /api/v1/limited', 'GET /api/v1/items/{id}/Limited'],
    max: 1_000_000,
    windowSeconds: 60,
  },
  { name: 'limited-delete', match: ['DELETE /api/v1/limited'], max: 1_000_000, windowSeconds: 60 },
  { name: 'tight', match: ['* /tight'], max: 2, windowSeconds: 60 },
];
const UNMATCHED: TestEndpoint = { name: 'unmatched', match: [], max: null, windowSeconds: 60 };

/** Who is told of every request beside the bed itself. */
export interface Telling {
  readonly startTrace: StartTrace;
  readonly account: (ended: Outcome) => void;
}

let telling: Telling | null = null;

/**
 * From now on beds give each request its place in a trace, and tell of it when it is over.
 * @returns what ends that: other files of tests run in the same process
 */
export function tellOfAll(to: Telling): () => void {
  telling = to;
  return () => {
    telling = null;
  };
}

export async function openBed(start: StartTransport): Promise<Bed> {
  const clock = manualClock();
  const store = await openEmbeddedStore({ path: ':memory:', clock });
  const upstream = await startStrictUpstream();
  const outcomes: Outcome[] = [];
  const bugs: unknown[] = [];
  const trustedProxies = compileAddressSet([TRUSTED_PROXY]);
  const breaker = new Breaker(clock, 1_000);
  const fresh = { freshFor: 5_000, staleFor: 60_000 };
  const resolver = new Resolver(
    store,
    clock,
    breaker,
    { prefix: 'tg', pepper: null, failures: null, size: 100, negativeFreshFor: 5_000, ...fresh },
    { lookup: () => {} },
  );
  const limitOptions = { defaultPercentage: 50, onStoreAway: 'deny', gateways: 1 } as const;
  const gate = createGate({
    failures: null,
    resolver,
    trustedProxies,
    zones: new ZoneStage(new ZoneDirectory(store, clock, breaker, fresh)),
    endpointOf: tightestReading(compileEndpoints(ENDPOINTS, UNMATCHED)),
    limits: new LimitStage(store.ledger, store.ledger, clock, breaker, limitOptions),
    concurrency: new ConcurrencyStage(store.slots, store.slots, breaker, limitOptions),
    clock,
  });
  const waiting = new Set<() => void>();
  const outcome = (index: number) =>
    new Promise<Outcome>((resolve) => {
      const look = () => {
        const found = outcomes[index];
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  const account = (ended: Outcome) => {
    outcomes.push(ended);
    telling?.account(ended);
    for (const look of [...waiting]) look();
  };
  const onBug = (bug: unknown) => bugs.push(bug);
  const running = await start({
    pipeline: new Pipeline(gate, account, onBug),
    rules: headRules(
      {
        schemes: ['SSWS', 'Bearer'],
        credentialHeader: 'X-Api-Key',
        passCredential: false,
        maxHeaders: BOUNDS.maxHeaders,
        maxTargetLength: 8_192,
      },
      telling?.startTrace ?? null,
    ),
    clock,
    origin: upstream.origin,
    isTrusted: (peer) => peer === TRUSTED_PROXY,
    onBug,
  });
  const owner = aUser();
  const issue = async (facts: Partial<Token> = {}, userId = owner.id) => {
    const made = aToken(userId, facts);
    await store.commit([{ put: 'token', token: made.token }]);
    return made;
  };
  const other = aUser();
  await store.commit([
    { put: 'user', user: owner },
    { put: 'user', user: other },
  ]);
  const { token, secret } = await issue();
  const { secret: otherSecret } = await issue({}, other.id);
  return {
    port: running.port,
    upstream,
    store,
    clock,
    token,
    secret,
    otherSecret,
    outcomes,
    outcome,
    bugs,
    issue: (facts) => issue(facts),
    async close() {
      await running.close();
      await upstream.close();
      await store.close();
    },
  };
}
