import type { AddressInfo } from 'node:net';
import { type Decision, permit } from '../../src/gateway/decision.ts';
import type { Outcome } from '../../src/gateway/exchange.ts';
import {
  createUpstreams,
  type UpstreamOptions,
  type Upstreams,
} from '../../src/gateway/forward/upstreams.ts';
import type { Gate } from '../../src/gateway/gate.ts';
import { type HeadOptions, headRules } from '../../src/gateway/listen/head.ts';
import { LiveStreams } from '../../src/gateway/live-streams.ts';
import { Pipeline } from '../../src/gateway/pipeline.ts';
import type { createFastTransport } from '../../src/gateway/transport/fast/server.ts';
import type { GeneralTransportOptions, Limits } from '../../src/gateway/transport/general/options.ts';
import { createGeneralTransport, type GeneralTransport } from '../../src/gateway/transport/general/server.ts';
import type { WebSocketUpgrades } from '../../src/gateway/transport/general/websocket.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { aToken, aUser } from './records.ts';

export interface TestGatewayOptions {
  /** Origins of the one upstream, which takes every path; or upstreams as they are. */
  readonly upstreams: readonly string[] | Upstreams;
  /** The one that is tested unless given. */
  readonly create?: CreateTransport;
  /** Lets everything pass unless given. */
  readonly gate?: Gate;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
  readonly head?: Partial<HeadOptions>;
  readonly upstream?: Partial<UpstreamOptions>;
  readonly transport?: Partial<GeneralTransportOptions>;
  /** Makes what carries WebSockets; there are none unless given. */
  readonly upgrades?: (options: GeneralTransportOptions) => Pick<WebSocketUpgrades, 'handle'>;
}

export interface TestGateway {
  readonly port: number;
  readonly origin: string;
  readonly transport: GeneralTransport;
  readonly upstreams: Upstreams;
  readonly streams: LiveStreams;
  /** Every exchange that has ended, in the order of the ends. */
  readonly outcomes: readonly Outcome[];
  /** Exceptions that the pipeline or the transport caught: bugs. */
  readonly bugs: readonly unknown[];
  /** The outcome with this number, counted from 0, as soon as there is one. */
  outcome(index: number): Promise<Outcome>;
  /** The first outcome of a request for this path, as soon as there is one. */
  outcomeOf(path: string): Promise<Outcome>;
  close(): Promise<void>;
}

const LIMITS: Limits = {
  maxConnections: 1000,
  maxConnectionsPerAddress: 1000,
  headSize: 16 * 1024,
  headTimeoutMs: 5_000,
  bodySize: 1024 ** 3,
  bodyMinRate: 1024,
  idleTimeoutMs: 75_000,
  stallTimeoutMs: 60_000,
};

/** What heads are judged by unless a test says otherwise. */
export const HEAD: HeadOptions = {
  schemes: ['SSWS'],
  credentialHeader: null,
  passCredential: false,
  maxHeaders: 100,
  maxTargetLength: 8 * 1024,
};

/** What an upstream is like unless a test says otherwise. */
export const UPSTREAM: UpstreamOptions = {
  name: 'api',
  targets: [],
  paths: ['/'],
  connectTimeoutMs: 2_000,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
  keepAliveMs: 4_000,
  failures: 5,
  ejectMs: 10_000,
  probe: null,
};

/** What makes a transport: all of them are started, and behave, alike. */
export type CreateTransport = typeof createGeneralTransport | typeof createFastTransport;

let create: CreateTransport = createGeneralTransport;

/** Puts another transport under all gateways that are started from now on. @returns what puts back the one before */
export function testTransport(other: CreateTransport): () => void {
  const before = create;
  create = other;
  return () => {
    create = before;
  };
}

let pipelining = 1;

/**
 * How many requests may be under way over one upstream connection of gateways that are started from now on.
 * @returns what puts back the number before
 */
export function testPipelining(most: number): () => void {
  const before = pipelining;
  pipelining = most;
  return () => {
    pipelining = before;
  };
}

/** Whether it is the general transport alone, for the few tests that hold of nothing else. */
export function testsGeneral(): boolean {
  return create === createGeneralTransport;
}

/** A permit for an unlimited endpoint, for the holder of a token that may do everything. */
export function aPermit(): Decision {
  const owner = aUser();
  const { token } = aToken(owner.id);
  return permit({
    credential: { token, owner, agent: null, share: null },
    endpoint: { name: 'everything', max: null, windowSeconds: 60 },
    client: '127.0.0.1',
    spent: null,
  });
}

/** A whole transport, the general one unless the file of tests says otherwise, with a gate of the test's choice, in front of upstreams of the test's choice, on a free port. */
export async function startGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const clock = options.clock ?? systemClock;
  const outcomes: Outcome[] = [];
  const bugs: unknown[] = [];
  const waiting = new Set<() => void>();
  const account = (outcome: Outcome) => {
    outcomes.push(outcome);
    for (const look of waiting) look();
  };
  const seen = (find: () => Outcome | undefined) =>
    new Promise<Outcome>((resolve) => {
      const look = () => {
        const found = find();
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  const onBug = (bug: unknown) => bugs.push(bug);
  const upstreams =
    'choose' in options.upstreams
      ? options.upstreams
      : createUpstreams(
          [{ ...UPSTREAM, pipelining, ...options.upstream, targets: options.upstreams }],
          clock,
        );
  const streams = new LiveStreams();
  const transportOptions: GeneralTransportOptions = {
    pipeline: new Pipeline(options.gate ?? aPermit, account, onBug),
    upstreams,
    clock,
    rules: headRules({ ...HEAD, ...options.head }),
    limits: { ...LIMITS, ...options.limits },
    refusalForm: 'okta',
    scheme: 'http',
    preserveHost: false,
    retries: 1,
    isTrusted: () => false,
    streams,
    onBug,
    ...options.transport,
  };
  const transport = (options.create ?? create)(
    transportOptions,
    options.upgrades?.(transportOptions) ?? null,
  );
  const { port }: AddressInfo = await transport.listen(0, '127.0.0.1');
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    transport,
    upstreams,
    streams,
    outcomes,
    bugs,
    outcome: (index) => seen(() => outcomes[index]),
    outcomeOf: (path) => seen(() => outcomes.find(({ arrival }) => arrival?.path === path)),
    async close() {
      await transport.drain(0);
      await upstreams.close();
    },
  };
}
