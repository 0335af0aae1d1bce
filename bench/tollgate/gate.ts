import type { Config } from '../../src/config/config.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';
import { InProcessLedger } from '../../src/domain/limit-window.ts';
import { InProcessSlots } from '../../src/domain/slot-count.ts';
import type { Store } from '../../src/domain/store.ts';
import { createGate, type Gate } from '../../src/gateway/gate.ts';
import { ConcurrencyStage } from '../../src/gateway/limit/concurrency-stage.ts';
import { LimitStage } from '../../src/gateway/limit/limit-stage.ts';
import { Resolver } from '../../src/gateway/resolve/resolver.ts';
import { ZoneDirectory } from '../../src/gateway/zone/zone-directory.ts';
import { ZoneStage } from '../../src/gateway/zone/zone-stage.ts';
import { Breaker } from '../../src/kernel/breaker.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';

/** An endpoint without a limit, for rows without that stage. */
export const UNLIMITED = { name: 'everything', match: [], max: null, windowSeconds: 60, concurrent: null };

const STORE_RETRY_MS = 1_000;

/** The gate that `assembleGateway` makes. @param limited whether endpoints are matched and counted */
export async function createPartialGate(config: Config, store: Store, limited: boolean): Promise<Gate> {
  const { resolve, limit } = config;
  const breaker = new Breaker(clock, STORE_RETRY_MS);
  const lookups = { hit: 0, miss: 0, stale: 0, unknown: 0, junk: 0 };
  const options = { ...resolve, size: resolve.cacheSize, failures: null };
  const resolver = new Resolver(store, clock, breaker, options, {
    lookup: (answer) => {
      lookups[answer] += 1;
    },
  });
  const directory = new ZoneDirectory(store, clock, breaker, resolve);
  await store.subscribe({
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
  const unmatched = { name: 'unmatched', match: [], ...limit.unmatched };
  return createGate({
    failures: null,
    resolver,
    trustedProxies: compileAddressSet(config.zone.trustedProxies),
    zones: new ZoneStage(directory),
    endpointOf: limited ? compileEndpoints(config.endpoints, unmatched) : () => UNLIMITED,
    limits: new LimitStage(store.ledger, new InProcessLedger(clock), clock, breaker, limit),
    concurrency: new ConcurrencyStage(store.slots, new InProcessSlots(), breaker, limit),
    clock,
  });
}
