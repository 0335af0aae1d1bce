/**
 * What a gateway makes of one configuration: the gate, the upstreams, and what transports go by. A reload makes the
 * next one of what lives as long as the process. Requests stay with the generation in which they were decided.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { parseAddress } from '../domain/address.ts';
import { type AddressSet, compileAddressSet } from '../domain/address-set.ts';
import { UNMATCHED } from '../domain/endpoint.ts';
import { compileEndpoints } from '../domain/endpoint-match.ts';
import { tightestReading } from '../domain/endpoint-readings.ts';
import type { LimitLedger } from '../domain/limit-ledger.ts';
import { type PeerKind, peerKind } from '../domain/peer-kind.ts';
import type { SlotLedger } from '../domain/slot-ledger.ts';
import { createAccount } from '../gateway/account/account.ts';
import type { UsageQueue } from '../gateway/account/usage-queue.ts';
import type { ViolationQueue } from '../gateway/account/violation-queue.ts';
import type { WarningPercent } from '../gateway/account/warning-percent.ts';
import type { Outcome } from '../gateway/exchange.ts';
import { createUpstreams, type UpstreamOptions, type Upstreams } from '../gateway/forward/upstreams.ts';
import { createGate } from '../gateway/gate.ts';
import { ConcurrencyStage } from '../gateway/limit/concurrency-stage.ts';
import { LimitStage } from '../gateway/limit/limit-stage.ts';
import { headRules } from '../gateway/listen/head.ts';
import { traceStarter } from '../gateway/listen/trace-start.ts';
import type { LiveStreams } from '../gateway/live-streams.ts';
import { type OnBug, Pipeline } from '../gateway/pipeline.ts';
import type { FailureLimit } from '../gateway/resolve/failure-limit.ts';
import type { Resolver } from '../gateway/resolve/resolver.ts';
import type { GeneralTransportOptions } from '../gateway/transport/general/options.ts';
import type { WebSocketOptions } from '../gateway/transport/general/websocket.ts';
import type { ZoneStage } from '../gateway/zone/zone-stage.ts';
import type { Breaker } from '../kernel/breaker.ts';
import type { Clock } from '../kernel/clock.ts';
import { accessLine, isSampled } from '../telemetry/access-line.ts';
import type { Logger } from '../telemetry/log.ts';
import type { RequestLog } from '../telemetry/request-log.ts';
import type { RequestMeasures } from '../telemetry/request-measures.ts';
import type { Tracing } from '../telemetry/traces/tracing.ts';
import { connectionsFor } from './open-files.ts';
import type { UpstreamsTls } from './tls-files.ts';

/** How long an unused connection to an upstream is kept: less than the 5 s of Node's own servers. */
const UPSTREAM_KEEP_ALIVE_MS = 4_000;
/** How long a WebSocket may take to close after its Close frame, in milliseconds. */
const WEBSOCKET_CLOSE_MS = 2_000;

/** The parts that live as long as the process: what is known, counted, queued and open survives a reload. */
export interface LastingParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly requestLog: RequestLog;
  /** Around the ledger. */
  readonly budgets: Breaker;
  readonly resolver: Resolver;
  /** The one that the resolver has. */
  readonly failures: FailureLimit;
  readonly zones: ZoneStage;
  readonly ledger: LimitLedger;
  /** Counts while the store is away. */
  readonly fallback: LimitLedger;
  readonly slots: SlotLedger;
  readonly slotFallback: SlotLedger;
  readonly usage: UsageQueue;
  readonly violations: ViolationQueue;
  readonly warning: WarningPercent;
  readonly requests: RequestMeasures;
  /** How many peers of each kind there were. */
  readonly peers: Record<PeerKind, number>;
  /** Null where requests are not traced. */
  readonly tracing: Tracing | null;
  readonly streams: LiveStreams;
  readonly onBug: OnBug;
  /** How many files the process may have open; null where that is not known. */
  readonly openFiles: number | null;
}

export interface Generation {
  readonly pipeline: Pipeline;
  readonly upstreams: Upstreams;
  /** What the upstreams were made of. */
  readonly upstreamOptions: readonly UpstreamOptions[];
  readonly transport: GeneralTransportOptions;
  readonly webSockets: WebSocketOptions;
}

/**
 * @param before the generation that this one follows. Upstreams that are configured as they were stay, with their
 * connections and with what is known of their health.
 */
export function createGeneration(
  config: Config,
  tls: UpstreamsTls,
  parts: LastingParts,
  before: Generation | null,
): Generation {
  const trustedProxies = compileAddressSet(config.zone.trustedProxies);
  const pipeline = createPipeline(config, parts, trustedProxies);
  const upstreamOptions = upstreamsOf(config, tls);
  const upstreams =
    before !== null && isDeepStrictEqual(upstreamOptions, before.upstreamOptions)
      ? before.upstreams
      : createUpstreams(upstreamOptions, parts.clock);
  tellOfOpenFiles(config, parts);
  const transport = transportOptions(config, parts, trustedProxies, pipeline, upstreams);
  const { connectTimeout: connectMs, headTimeout: headMs, idleTimeout: idleMs } = config.forward;
  const timeLimits = { connectMs, headMs, idleMs, graceMs: WEBSOCKET_CLOSE_MS };
  return { pipeline, upstreams, upstreamOptions, transport, webSockets: { ...transport, timeLimits } };
}

function createPipeline(config: Config, parts: LastingParts, trustedProxies: AddressSet): Pipeline {
  const { clock, requestLog, budgets, failures, requests, onBug } = parts;
  const { limit } = config;
  requests.know(config.forward.upstreams.map(({ name }) => name));
  failures.goBy(config.resolve.failures, trustedProxies);
  const unmatched = { name: UNMATCHED, match: [], ...limit.unmatched };
  const gate = createGate({
    resolver: parts.resolver,
    failures,
    trustedProxies,
    zones: parts.zones,
    endpointOf: tightestReading(compileEndpoints(config.endpoints, unmatched)),
    limits: new LimitStage(parts.ledger, parts.fallback, clock, budgets, limit),
    concurrency: new ConcurrencyStage(parts.slots, parts.slotFallback, budgets, limit),
    clock,
  });
  const account = createAccount({
    usage: parts.usage,
    violations: parts.violations,
    warning: parts.warning,
    measure: (outcome, endpoint, now) => requests.measure(outcome, endpoint, now),
    accessLog: accessLogOf(config, requestLog),
    trace: traceOf(config, parts),
    clock,
  });
  return new Pipeline(gate, account, onBug);
}

function accessLogOf({ log: { access, accessSample } }: Config, requestLog: RequestLog) {
  if (!access) return null;
  return (outcome: Outcome, now: number) => {
    if (isSampled(outcome, accessSample)) requestLog.add(accessLine(outcome, now));
  };
}

function traceOf({ listen }: Config, { clock, requests, tracing }: LastingParts) {
  if (tracing === null) return null;
  const scheme = speaksTls(listen, 'proxy') ? 'https' : 'http';
  return (outcome: Outcome, now: number) => {
    tracing.record(outcome, scheme, now);
    const { arrival, permit } = outcome;
    if (arrival?.trace == null) return;
    requests.exemplify(arrival.times, permit !== null, now, arrival.trace.traceId, clock.now() / 1000);
  };
}

function transportOptions(
  { listen, resolve, forward, refusals, telemetry }: Config,
  { clock, log, peers, tracing, streams, onBug, openFiles }: LastingParts,
  trustedProxies: AddressSet,
  pipeline: Pipeline,
  upstreams: Upstreams,
): GeneralTransportOptions {
  return {
    pipeline,
    upstreams,
    clock,
    rules: headRules(
      {
        schemes: resolve.schemes,
        credentialHeader: resolve.header,
        passCredential: !forward.stripToken,
        maxHeaders: listen.maxHeaders,
        maxTargetLength: listen.targetSize,
      },
      tracing === null ? null : traceStarter(telemetry),
    ),
    limits: {
      maxConnections: connectionsWithin(listen, openFiles),
      maxConnectionsPerAddress: listen.maxConnectionsPerAddress,
      headSize: listen.headSize,
      headTimeoutMs: listen.headTimeout,
      bodySize: listen.bodySize,
      bodyMinRate: listen.bodyMinRate,
      idleTimeoutMs: listen.idleTimeout,
      stallTimeoutMs: listen.idleTimeout,
    },
    refusalForm: refusals.format,
    http2: listen.http2,
    scheme: speaksTls(listen, 'proxy') ? 'https' : 'http',
    preserveHost: forward.preserveHost,
    retries: forward.retries,
    onConnection(peer) {
      peers[peerKind(parseAddress(peer), trustedProxies)] += 1;
    },
    isTrusted: (peer) => peerKind(parseAddress(peer), trustedProxies) === 'trusted',
    streams,
    onBug,
    onDoubt(target) {
      log.warn(
        { component: 'forward', target },
        'the target sent what is no answer, or more than was asked for: nothing is pipelined to it any more',
      );
    },
  };
}

/** As many as are configured, as far as files may be open for them: else there would be none left to tell that it lives. */
function connectionsWithin({ maxConnections }: Config['listen'], openFiles: number | null): number {
  return openFiles === null ? maxConnections : Math.min(maxConnections, connectionsFor(openFiles));
}

function tellOfOpenFiles({ listen }: Config, { openFiles, log }: LastingParts): void {
  const maxConnections = connectionsWithin(listen, openFiles);
  if (maxConnections === listen.maxConnections) return;
  log.warn(
    { component: 'listen', openFiles, maxConnections },
    'the limit of open files leaves fewer connections than listen.maxConnections',
  );
}

/** Whether a listener speaks TLS. */
export function speaksTls({ tls }: Config['listen'], listener: 'proxy' | 'admin' | 'metrics'): boolean {
  return tls.certificates.length > 0 && tls.listeners.includes(listener);
}

function upstreamsOf({ forward }: Config, tls: UpstreamsTls): readonly UpstreamOptions[] {
  const { health } = forward;
  const probe =
    health.probePath === null
      ? null
      : { path: health.probePath, everyMs: health.probeInterval, timeoutMs: health.probeInterval };
  return forward.upstreams.map(({ name, targets, paths }) => ({
    name,
    targets,
    paths,
    probe,
    connectTimeoutMs: forward.connectTimeout,
    headTimeoutMs: forward.headTimeout,
    idleTimeoutMs: forward.idleTimeout,
    keepAliveMs: UPSTREAM_KEEP_ALIVE_MS,
    maxAgeMs: forward.maxConnectionAge,
    pipelining: forward.pipelining,
    allowLinkLocal: forward.allowLinkLocal,
    failures: health.failures,
    ejectMs: health.ejectFor,
    tls: tls.get(name) ?? null,
  }));
}
