/**
 * Puts the gateway together from its configuration and a store. The order is that of the stages; what each part
 * needs stands beside it.
 */
import type { Config } from '../config/config.ts';
import { parseAddress } from '../domain/address.ts';
import { compileAddressSet } from '../domain/address-set.ts';
import { compileEndpoints } from '../domain/endpoint-match.ts';
import { tightestReading } from '../domain/endpoint-readings.ts';
import { InProcessLedger } from '../domain/limit-window.ts';
import type { Change, Store } from '../domain/store.ts';
import type { Credential } from '../domain/token.ts';
import { createAccount } from '../gateway/account/account.ts';
import { UsageQueue } from '../gateway/account/usage-queue.ts';
import { ViolationQueue } from '../gateway/account/violation-queue.ts';
import { createUpstreams, type Upstreams } from '../gateway/forward/upstreams.ts';
import { createGate } from '../gateway/gate.ts';
import { LimitStage } from '../gateway/limit/limit-stage.ts';
import { headRules } from '../gateway/listen/head.ts';
import { LiveStreams } from '../gateway/live-streams.ts';
import { Pipeline } from '../gateway/pipeline.ts';
import { Resolver } from '../gateway/resolve/resolver.ts';
import { createFastTransport } from '../gateway/transport/fast/server.ts';
import type { GeneralTransportOptions } from '../gateway/transport/general/options.ts';
import { createGeneralTransport, type GeneralTransport } from '../gateway/transport/general/server.ts';
import { createWebSocketUpgrades, type WebSocketUpgrades } from '../gateway/transport/general/websocket.ts';
import { ZoneDirectory } from '../gateway/zone/zone-directory.ts';
import { ZoneStage } from '../gateway/zone/zone-stage.ts';
import { Breaker } from '../kernel/breaker.ts';
import type { Clock } from '../kernel/clock.ts';
import { quickenStringMethods } from '../kernel/string-methods.ts';
import { accessLine } from '../telemetry/access-line.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricSources } from '../telemetry/metrics.ts';
import { RequestCounts } from '../telemetry/request-counts.ts';

/** How long after a failure the store is left alone before one caller tries it again, in milliseconds. */
const STORE_RETRY_MS = 1_000;
/** How many violations may wait for the System Log while the store is away. */
const VIOLATIONS_MAX = 10_000;
/** How often open streams are held against their tokens' expiry, in milliseconds. */
const STREAM_CHECK_MS = 5_000;
/** How long an unused connection to an upstream is kept: less than the 5 s of Node's own servers. */
const UPSTREAM_KEEP_ALIVE_MS = 4_000;
/** How long a WebSocket may take to close after its Close frame, in milliseconds. */
const WEBSOCKET_CLOSE_MS = 2_000;

/** The status code of a WebSocket's Close frame when the server goes away (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

export interface Gateway {
  readonly transport: GeneralTransport;
  readonly upstreams: Upstreams;
  readonly metrics: MetricSources;
  /** Stops accepting, lets what is under way end within the time, writes what waits, and closes connections. */
  stop(graceMs: number): Promise<void>;
}

/**
 * @param config its upstream targets are origins: what is built in has been started and resolved before
 * @param store stays the caller's to close, after `stop`
 */
export async function assembleGateway(
  config: Config,
  store: Store,
  clock: Clock,
  log: Logger,
): Promise<Gateway> {
  quickenStringMethods();
  const breaker = new Breaker(clock, STORE_RETRY_MS, (open) => {
    if (open) log.error({ component: 'store' }, 'the store is away: going on with what is known');
    else log.info({ component: 'store' }, 'the store is back');
  });
  const lookups = { hit: 0, miss: 0, stale: 0, unknown: 0, junk: 0 };
  const { resolve, zone, limit } = config;

  const resolver = new Resolver(
    store,
    clock,
    breaker,
    { ...resolve, size: resolve.cacheSize },
    {
      lookup: (answer) => {
        lookups[answer] += 1;
      },
    },
  );
  const directory = new ZoneDirectory(store, clock, breaker, resolve, (trouble) =>
    log.error({ component: 'zone' }, trouble),
  );
  const trustedProxies = compileAddressSet(zone.trustedProxies);
  const fallback = new InProcessLedger(clock);
  const unmatched = { name: 'unmatched', match: [], ...limit.unmatched };
  const gate = createGate({
    resolver,
    trustedProxies,
    zones: new ZoneStage(directory),
    endpointOf: tightestReading(compileEndpoints(config.endpoints, unmatched)),
    limits: new LimitStage(store.ledger, fallback, clock, breaker, limit),
    clock,
  });

  const usage = new UsageQueue(store, clock, { ...config.account, size: config.account.queueSize });
  const violations = new ViolationQueue(store, clock, {
    flushEvery: config.account.flushEvery,
    size: VIOLATIONS_MAX,
  });
  const requests = new RequestCounts();
  const account = createAccount({
    usage,
    violations,
    count: (endpoint, decision) => requests.count(endpoint, decision),
    accessLog: config.log.access ? (outcome) => log.info(accessLine(outcome), 'request') : null,
  });
  const onBug = (error: unknown, requestId: string | null) => log.error({ err: error, requestId }, 'a bug');
  const pipeline = new Pipeline(gate, account, onBug);

  const upstreams = createUpstreams(upstreamOptions(config), clock);
  const streams = new LiveStreams();
  const options = transportOptions();
  const upgrades = createWebSocketUpgrades({
    ...options,
    timeLimits: {
      connectMs: config.forward.connectTimeout,
      headMs: config.forward.headTimeout,
      idleMs: config.forward.idleTimeout,
      graceMs: WEBSOCKET_CLOSE_MS,
    },
  });
  const create = config.listen.transport === 'general' ? createGeneralTransport : createFastTransport;
  const transport = create(options, upgrades);

  const mayStay = (credential: Credential) => stays(resolver, credential);
  const stopStreamChecks = streams.recheckEvery(STREAM_CHECK_MS, clock, mayStay);
  const unsubscribe = await store.subscribe({
    onChange(change) {
      resolver.changed(change);
      directory.changed(change);
      if (change.of !== 'zones') void streams.recheck(mayStay, (credential) => concerns(change, credential));
    },
    onGap() {
      resolver.gap();
      directory.gap();
      void streams.recheck(mayStay);
    },
  });

  return {
    transport,
    upstreams,
    metrics: {
      requests,
      lookups,
      cachedTokens: () => resolver.cached,
      usageDepth: () => usage.depth,
      usageDropped: () => usage.dropped,
      eventsDepth: () => violations.depth,
      eventsDropped: () => violations.dropped,
      storeAway: () => breaker.open,
      openConnections: () => transport.open + upgrades.open,
    },
    stop: (graceMs) => stop(graceMs, upgrades),
  };

  function transportOptions(): GeneralTransportOptions {
    const { listen, forward } = config;
    return {
      pipeline,
      upstreams,
      clock,
      rules: headRules({
        schemes: resolve.schemes,
        credentialHeader: resolve.header,
        passCredential: !forward.stripToken,
        maxHeaders: listen.maxHeaders,
        maxTargetLength: listen.targetSize,
      }),
      limits: {
        maxConnections: listen.maxConnections,
        headSize: listen.headSize,
        headTimeoutMs: listen.headTimeout,
        bodySize: listen.bodySize,
        bodyMinRate: listen.bodyMinRate,
        idleTimeoutMs: listen.idleTimeout,
        stallTimeoutMs: listen.idleTimeout,
      },
      refusalForm: config.refusals.format,
      scheme: 'http',
      preserveHost: forward.preserveHost,
      retries: forward.retries,
      isTrusted(peer) {
        const address = parseAddress(peer);
        return address !== null && trustedProxies.has(address);
      },
      streams,
      onBug,
    };
  }

  async function stop(graceMs: number, websockets: WebSocketUpgrades): Promise<void> {
    const drained = transport.drain(graceMs);
    await websockets.closeAll(GOING_AWAY, 'the gateway is going away');
    streams.endAll('shutdown');
    const { finished, cut } = await drained;
    log.info({ finished, cut }, 'the requests under way have ended');
    stopStreamChecks();
    unsubscribe();
    await usage.close().catch((error: unknown) => {
      log.error({ err: error, lost: usage.depth }, 'the last uses of some tokens could not be written');
    });
    await violations.close().catch((error: unknown) => {
      log.error(
        { err: error, lost: violations.depth },
        'the last violations could not be written to the System Log',
      );
    });
    await upstreams.close();
    await fallback.close();
  }
}

function upstreamOptions({ forward }: Config) {
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
    failures: health.failures,
    ejectMs: health.ejectFor,
  }));
}

/** Whether a stream that was opened with this credential may stay. A store that is away ends nothing: it says nothing of the token. */
async function stays(resolver: Resolver, { token }: Credential): Promise<boolean> {
  const resolution = await resolver.resolveHash(token.hash);
  return typeof resolution !== 'string' || resolution === 'resolve.store-away';
}

function concerns(change: Change, { token }: Credential): boolean {
  switch (change.of) {
    case 'tokens':
      return change.hashes.includes(token.hash);
    case 'user':
      return token.userId === change.id;
    case 'agent':
      return token.agentId === change.id;
    default:
      return true;
  }
}
