/**
 * Puts the gateway together from its configuration and a store. The order is that of the stages; what each part
 * needs stands beside it.
 */
import type { Config } from '../config/config.ts';
import { InProcessLedger } from '../domain/limit-window.ts';
import type { PeerKind } from '../domain/peer-kind.ts';
import { InProcessSlots } from '../domain/slot-count.ts';
import type { Change, Store } from '../domain/store.ts';
import type { Credential } from '../domain/token.ts';
import { UsageQueue } from '../gateway/account/usage-queue.ts';
import { ViolationQueue } from '../gateway/account/violation-queue.ts';
import { WarningPercent } from '../gateway/account/warning-percent.ts';
import type { Upstreams } from '../gateway/forward/upstreams.ts';
import { LiveStreams } from '../gateway/live-streams.ts';
import { FailureLimit } from '../gateway/resolve/failure-limit.ts';
import { Resolver } from '../gateway/resolve/resolver.ts';
import { createFastTransport } from '../gateway/transport/fast/server.ts';
import { createGeneralTransport, type GeneralTransport } from '../gateway/transport/general/server.ts';
import { createWebSocketUpgrades, type WebSocketUpgrades } from '../gateway/transport/general/websocket.ts';
import { ZoneDirectory } from '../gateway/zone/zone-directory.ts';
import { ZoneStage } from '../gateway/zone/zone-stage.ts';
import { Breaker } from '../kernel/breaker.ts';
import type { Clock } from '../kernel/clock.ts';
import { quickenStringMethods } from '../kernel/string-methods.ts';
import { Durations } from '../telemetry/durations.ts';
import type { GatewaySources } from '../telemetry/gateway-metrics.ts';
import type { Logger } from '../telemetry/log.ts';
import { RequestLog } from '../telemetry/request-log.ts';
import { RequestMeasures } from '../telemetry/request-measures.ts';
import { openTracing } from '../telemetry/traces/tracing.ts';
import type { LastingParts } from './generation.ts';
import { Generations } from './generations.ts';
import { openFilesLimit } from './open-files.ts';
import type { UpstreamsTls } from './tls-files.ts';
import { VERSION } from './version.ts';

/** How long after a failure the store is left alone before one caller tries it again, in milliseconds. */
const STORE_RETRY_MS = 1_000;
/** How many violations may wait for the System Log while the store is away. */
const VIOLATIONS_MAX = 10_000;
/** How often open streams are held against their tokens' expiry, in milliseconds. */
const STREAM_CHECK_MS = 5_000;
/** The status code of a WebSocket's Close frame when the server goes away (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

export interface Gateway {
  readonly transport: GeneralTransport;
  /** Those that requests are sent to now. */
  readonly upstreams: Upstreams;
  /**
   * Goes by another configuration from the next request on, without dropping a connection or a request. What needs a
   * restart (settingsThatNeedRestart) must be as it was.
   * @param config its upstream targets are origins
   */
  adopt(config: Config, tls?: UpstreamsTls): void;
  readonly metrics: GatewaySources;
  /** What is wrong with a stage's access to the store, in one line; null when nothing is. */
  readonly components: Readonly<Record<'resolve' | 'limit', () => string | null>>;
  /** Stops accepting, lets what is under way end within the time, writes what waits, and closes connections. */
  stop(graceMs: number): Promise<void>;
}

/**
 * @param config its upstream targets are origins: what is built in has been started and resolved before
 * @param store stays the caller's to close, after `stop`
 * @param tls what the configuration's files hold for upstreams
 */
export async function assembleGateway(
  config: Config,
  store: Store,
  clock: Clock,
  log: Logger,
  tls: UpstreamsTls = new Map(),
): Promise<Gateway> {
  quickenStringMethods();
  const onStoreAway = (component: string, goesOn: string) => (reason: string | null) => {
    if (reason === null) log.info({ component }, 'the store is back');
    else log.error({ component, reason }, `the store is away: ${goesOn}`);
  };
  const breaker = new Breaker(
    clock,
    STORE_RETRY_MS,
    onStoreAway('resolve', 'going on with the tokens that are known'),
  );
  // Apart, since a store may refuse to write and still answer; within, so that no request waits for it twice.
  const budgets = new Breaker(
    clock,
    STORE_RETRY_MS,
    onStoreAway('limit', 'going on as limit.onStoreAway says'),
    breaker,
  );
  const lookups = { hit: 0, miss: 0, stale: 0, unknown: 0, junk: 0 };
  const { resolve } = config;

  const failures = new FailureLimit(clock);
  const resolver = new Resolver(
    store,
    clock,
    breaker,
    { ...resolve, size: resolve.cacheSize, failures },
    {
      lookup: (answer) => {
        lookups[answer] += 1;
      },
    },
  );
  const directory = new ZoneDirectory(store, clock, breaker, resolve, (trouble) =>
    log.error({ component: 'zone' }, trouble),
  );
  const usage = new UsageQueue(store, clock, { ...config.account, size: config.account.queueSize });
  const warning = new WarningPercent(store, clock);
  await warning.read();
  const violations = new ViolationQueue(store, clock, {
    flushEvery: config.account.flushEvery,
    size: VIOLATIONS_MAX,
  });
  const requests = new RequestMeasures();
  const peers: Record<PeerKind, number> = { trusted: 0, private: 0, public: 0 };
  const streams = new LiveStreams();
  const { endpoint, ...otlp } = config.telemetry.otlp;
  const tracing =
    endpoint === null ? null : await openTracing({ endpoint, ...otlp }, { clock, log, version: VERSION });
  const parts: LastingParts = {
    clock,
    log,
    requestLog: new RequestLog(log, clock),
    budgets,
    resolver,
    failures,
    zones: new ZoneStage(directory),
    ledger: store.ledger,
    fallback: new InProcessLedger(clock),
    slots: store.slots,
    slotFallback: new InProcessSlots(),
    usage,
    violations,
    warning,
    requests,
    peers,
    tracing,
    streams,
    onBug: (error, requestId) => log.error({ err: error, requestId }, 'a bug'),
    openFiles: openFilesLimit(),
  };
  const generations = new Generations(config, tls, parts);
  const { transport: options, webSockets } = generations.current;
  const upgrades = createWebSocketUpgrades(webSockets);
  const create = config.listen.transport === 'general' ? createGeneralTransport : createFastTransport;
  const transport = create(options, upgrades);

  const mayStay = (credential: Credential) => stays(resolver, credential);
  const stopStreamChecks = streams.recheckEvery(STREAM_CHECK_MS, clock, mayStay);
  const changeLag = new Durations(1);
  const unsubscribe = await store.subscribe({
    onLag: (lagMs) => changeLag.observe(0, lagMs),
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
    onVouched(askedAt) {
      resolver.vouched(askedAt);
      directory.vouched(askedAt);
    },
  });

  return {
    transport,
    get upstreams() {
      return generations.current.upstreams;
    },
    adopt(next, nextTls = new Map()) {
      generations.follow(next, nextTls);
      transport.adopt(generations.current.transport);
      upgrades.adopt(generations.current.webSockets);
    },
    metrics: {
      requests,
      peers,
      underway: () => generations.underway,
      openConnections: () => transport.open + upgrades.open,
      targets: () => generations.current.upstreams.targets(),
      lookups,
      cachedTokens: () => resolver.cached,
      changeLag,
      storeAway: { resolve: () => breaker.open, limit: () => budgets.open },
      leases: store.ledger.leases,
      usage,
      events: violations,
      traces: tracing,
    },
    components: { resolve: () => breaker.reason, limit: () => budgets.reason },
    stop: (graceMs) => stop(graceMs, upgrades),
  };

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
    warning.close();
    await violations.close().catch((error: unknown) => {
      log.error(
        { err: error, lost: violations.depth },
        'the last violations could not be written to the System Log',
      );
    });
    await generations.close();
    parts.requestLog.close();
    await parts.fallback.close();
    await tracing?.close();
  }
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
