/**
 * Puts the control plane together. Who makes a request is found out by the gateway's own stages, resolve and zone,
 * so that a token is worth the same on both ports.
 */
import type { AddressInfo } from 'node:net';
import type { Config } from '../config/config.ts';
import type { Authenticate } from '../control/admission.ts';
import type { GateFacts } from '../control/explain/explain.ts';
import { RateLimit } from '../control/rate-limit.ts';
import { resources } from '../control/resources.ts';
import { createControlServer } from '../control/server.ts';
import { Sweeper } from '../control/sweeper.ts';
import { ensureSystemZones } from '../control/zones/system.ts';
import { readChain } from '../domain/address-chain.ts';
import { compileAddressSet } from '../domain/address-set.ts';
import { limitNames, UNMATCHED } from '../domain/endpoint.ts';
import { compileEndpoints } from '../domain/endpoint-match.ts';
import { tightestReading } from '../domain/endpoint-readings.ts';
import { mintSecret, secretIndex } from '../domain/secret.ts';
import type { Store } from '../domain/store.ts';
import { UsageQueue } from '../gateway/account/usage-queue.ts';
import { secretIn } from '../gateway/listen/credential.ts';
import { normalTarget } from '../gateway/listen/target.ts';
import { Resolver } from '../gateway/resolve/resolver.ts';
import { ZoneDirectory } from '../gateway/zone/zone-directory.ts';
import { ZoneStage } from '../gateway/zone/zone-stage.ts';
import { Breaker } from '../kernel/breaker.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ListenerTls } from '../kernel/listener-tls.ts';
import { type ControlSources, controlSources } from '../telemetry/control-metrics.ts';
import type { Logger } from '../telemetry/log.ts';

/** How long after a failure the store is left alone before one caller tries it again, in milliseconds. */
const STORE_RETRY_MS = 1_000;
/** How many tokens the management API remembers: administrators are few. */
const CACHED_TOKENS = 1_000;

export interface Control {
  readonly metrics: ControlSources;
  /** @param port 0 takes any free one */
  listen(port: number, host: string): Promise<AddressInfo>;
  /** Goes by another configuration from the next request on. What needs a restart must be as it was. */
  adopt(config: Config): void;
  /** Lets requests under way end within the time, in milliseconds, and writes what waits. */
  stop(graceMs: number): Promise<void>;
}

/**
 * @param store stays the caller's to close, after `stop`
 * @param tls null where clients speak plainly
 */
export async function assembleControl(
  config: Config,
  store: Store,
  clock: Clock,
  log: Logger,
  tls: ListenerTls | null = null,
): Promise<Control> {
  const { resolve, control } = config;
  await ensureSystemZones(store, clock.now());
  const usage = new UsageQueue(store, clock, { ...config.account, size: config.account.queueSize });
  let rules = rulesOf(config, store);
  const identity = await assembleIdentity(config, store, clock, usage, () => rules);
  const rateLimit = new RateLimit(store.ledger, clock, {
    ...control.limit,
    get defaultPercentage() {
      return rules.gate.defaultPercentage;
    },
  });
  const metrics = controlSources();
  const { sweeps } = metrics;
  const server = createControlServer({
    operations: resources({
      store,
      get defaultPercentage() {
        return rules.gate.defaultPercentage;
      },
      get endpoints() {
        return rules.endpoints;
      },
      get gate() {
        return rules.gate;
      },
      mint() {
        const secret = mintSecret(resolve.prefix);
        return { secret, hash: secretIndex(secret, resolve.pepper) };
      },
    }),
    authenticate: identity.authenticate,
    rateLimit,
    clock,
    bodySize: control.bodySize,
    tls,
    publicUrl: control.publicUrl,
    onAnswered: (operation, status) => metrics.requests.count(operation ?? 'none', String(status)),
    onBug: (error, requestId) => log.error({ err: error, requestId }, 'a bug'),
  });
  const sweeper = new Sweeper(
    store,
    clock,
    { everyMs: control.sweepEvery, retentionMs: control.logRetention },
    {
      swept(revoked, purged) {
        sweeps.done += 1;
        sweeps.revoked += revoked;
        sweeps.purged += purged;
        sweeps.lastDoneAt = clock.now() / 1000;
        if (revoked + purged > 0) log.info({ component: 'sweeper', revoked, purged }, 'swept');
      },
      failed(error) {
        sweeps.failed += 1;
        log.error({ component: 'sweeper', err: error }, 'a sweep failed');
      },
    },
  );
  return {
    metrics,
    listen: (port, host) => server.listen(port, host),
    adopt(next) {
      rules = rulesOf(next, store);
    },
    async stop(graceMs) {
      await server.close(graceMs);
      await sweeper.close();
      identity.stop();
      await rateLimit.close();
      await usage.close().catch((error: unknown) => {
        log.error({ err: error, lost: usage.depth }, 'the last uses of some tokens could not be written');
      });
    },
  };
}

/** What a reload may change. */
interface Rules {
  readonly gate: GateFacts;
  readonly endpoints: readonly string[];
  readonly schemes: readonly string[];
}

function rulesOf(config: Config, store: Store): Rules {
  return {
    gate: gateFacts(config, store),
    endpoints: limitNames(config.endpoints),
    schemes: config.resolve.schemes,
  };
}

/** What the gateway of the same configuration decides by. */
function gateFacts({ zone, limit, endpoints }: Config, store: Store): GateFacts {
  const unmatched = { name: UNMATCHED, match: [], ...limit.unmatched };
  const endpointOf = tightestReading(compileEndpoints(endpoints, unmatched));
  return {
    trustedProxies: compileAddressSet(zone.trustedProxies),
    endpointOf(method, target) {
      const normal = normalTarget(target);
      return normal === null ? null : endpointOf(method, normal.path);
    },
    ledger: store.ledger,
    slots: store.slots,
    defaultPercentage: limit.defaultPercentage,
  };
}

/** The gateway's stages resolve and zone, for requests that administer. */
async function assembleIdentity(
  { resolve }: Config,
  store: Store,
  clock: Clock,
  usage: UsageQueue,
  rules: () => Rules,
): Promise<{ readonly authenticate: Authenticate; stop(): void }> {
  const breaker = new Breaker(clock, STORE_RETRY_MS);
  const resolver = new Resolver(
    store,
    clock,
    breaker,
    { ...resolve, size: CACHED_TOKENS, failures: null },
    { lookup: () => {} },
  );
  const directory = new ZoneDirectory(store, clock, breaker, resolve);
  const zones = new ZoneStage(directory);
  const stop = await store.subscribe({
    onChange(change) {
      resolver.changed(change);
      directory.changed(change);
    },
    onGap() {
      resolver.gap();
      directory.gap();
    },
    onVouched(askedAt) {
      resolver.vouched(askedAt);
      directory.vouched(askedAt);
    },
  });
  return {
    stop,
    async authenticate({ authorization, peer, forwardedFor }) {
      const { gate, schemes } = rules();
      const chain = readChain(peer, forwardedFor, gate.trustedProxies);
      const compiled = await zones.current();
      const blocked = compiled?.blocklist?.judge(chain) ?? null;
      if (blocked !== null) return blocked === 'undecidable' ? 'zone.undecidable' : 'zone.blocked';
      const secret = authorization === null ? null : secretIn(authorization, schemes);
      const found = await resolver.resolve(secret);
      if (typeof found === 'string') return found;
      const { token, owner, share } = found.credential;
      // A token that may act has an owner; `unusable` in domain/token.ts holds that.
      if (owner === null) return 'resolve.owner-inactive';
      if (compiled === null) return 'zone.store-away';
      const outside = await zones.check(found.credential, chain);
      if (outside !== null) return outside;
      usage.note(token);
      return { user: owner, token, share, chain };
    },
  };
}
