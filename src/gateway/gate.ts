import { type AddressChain, readChain } from '../domain/address-chain.ts';
import type { AddressSet } from '../domain/address-set.ts';
import type { Blocklist } from '../domain/blocklist.ts';
import { type Endpoint, slotsOf } from '../domain/endpoint.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import { isSlot, type Slot } from '../domain/slot-ledger.ts';
import type { Credential } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Arrival, type Decision, permit, type Rejection, reject } from './decision.ts';
import type { ConcurrencyStage, SlotVerdict } from './limit/concurrency-stage.ts';
import type { LimitStage, LimitVerdict } from './limit/limit-stage.ts';
import type { FailureLimit } from './resolve/failure-limit.ts';
import type { Resolution, Resolver } from './resolve/resolver.ts';
import type { CompiledZones } from './zone/zone-directory.ts';
import type { ZoneStage } from './zone/zone-stage.ts';

/** zone (blocklists) → resolve → zone (the token's) → limit. Answers at once when everything needed is in memory. */
export type Gate = (arrival: Arrival) => Decision | Promise<Decision>;

export interface GateParts {
  readonly resolver: Resolver;
  /** The one that the resolver has. */
  readonly failures: FailureLimit | null;
  /** The deployment's own proxies. */
  readonly trustedProxies: AddressSet;
  readonly zones: ZoneStage;
  readonly endpointOf: (method: string, path: string) => Endpoint;
  readonly limits: LimitStage;
  readonly concurrency: ConcurrencyStage;
  readonly clock: Clock;
}

/** How long a caller should wait where too many requests are under way, in seconds: nobody knows when one ends. */
const CROWDED_RETRY_SECONDS = 1;
/** How long a caller should wait before it tries again what failed because the store is away, in seconds. */
const STORE_AWAY_RETRY_SECONDS = 1;

/**
 * The gate: turns what a request shows into a permit or a rejection, and knows nothing of sockets. Each of the
 * steps takes what the one before it found, and waits only when that had to ask the store. Blocklists come first, as
 * with Okta: whoever is on one is refused with whatever token. While nobody knows whether there are any, a stranger
 * is told what a stranger is told, and nobody passes.
 */
export function createGate(parts: GateParts): Gate {
  const { resolver, failures, trustedProxies, zones, endpointOf, limits, concurrency, clock } = parts;

  function withZones(arrival: Arrival, compiled: CompiledZones | null): Decision | Promise<Decision> {
    const kept = compiled?.blocklist == null ? null : keptOut(arrival, compiled.blocklist);
    if (kept !== null) {
      arrival.times.zoned = clock.monotonic();
      return kept;
    }
    const found = resolver.resolve(arrival.credential, arrival, arrival.findings);
    if (found instanceof Promise) return found.then((late) => afterResolve(arrival, late, compiled !== null));
    return afterResolve(arrival, found, compiled !== null);
  }

  function keptOut(arrival: Arrival, blocklist: Blocklist): Rejection | null {
    const chain = chainOf(arrival);
    const verdict = blocklist.judge(chain);
    if (verdict === null) return null;
    const { client } = chain;
    if (verdict === 'undecidable') return reject('zone.undecidable', { client });
    return reject('zone.blocked', { client, blockedBy: verdict });
  }

  function afterResolve(
    arrival: Arrival,
    found: Resolution,
    zonesKnown: boolean,
  ): Decision | Promise<Decision> {
    arrival.times.resolved = clock.monotonic();
    if (found === 'resolve.too-many-failures') {
      return reject(found, { retryAfterSeconds: failures?.retryAfterSeconds(arrival) ?? null });
    }
    if (typeof found === 'string') return reject(found, { retryAfterSeconds: retryAfter(found) });
    const { credential } = found;
    const chain = chainOf(arrival);
    const outside = zonesKnown ? zones.check(credential, chain) : 'zone.store-away';
    const { client } = chain;
    if (outside instanceof Promise) {
      return outside.then((late) => afterZone(arrival, credential, client, late));
    }
    return afterZone(arrival, credential, client, outside);
  }

  function chainOf({ peer, forwardedFor, findings }: Arrival): AddressChain {
    const chain = findings?.chain ?? readChain(peer, forwardedFor, trustedProxies);
    if (findings !== undefined) findings.chain = chain;
    return chain;
  }

  function afterZone(
    arrival: Arrival,
    credential: Credential,
    client: string,
    outside: RejectionCode | null,
  ): Decision | Promise<Decision> {
    arrival.times.zoned = clock.monotonic();
    const endpoint = endpointOf(arrival.method, arrival.path);
    if (outside !== null) {
      const facts = { credential, client, endpoint: endpoint.name, retryAfterSeconds: retryAfter(outside) };
      return reject(outside, facts);
    }
    const crowded = slotsOf(endpoint);
    if (crowded === null) return spend(arrival, credential, client, endpoint, null);
    const held = concurrency.hold(credential, crowded);
    if (held instanceof Promise)
      return held.then((late) => afterHold(arrival, credential, client, endpoint, late));
    return afterHold(arrival, credential, client, endpoint, held);
  }

  function afterHold(
    arrival: Arrival,
    credential: Credential,
    client: string,
    endpoint: Endpoint,
    held: SlotVerdict,
  ): Decision | Promise<Decision> {
    if (held !== 'store-away' && isSlot(held)) return spend(arrival, credential, client, endpoint, held);
    arrival.times.limited = clock.monotonic();
    const facts = { credential, client, endpoint: (slotsOf(endpoint) ?? endpoint).name };
    if (held === 'store-away') {
      return reject('limit.store-away', { ...facts, retryAfterSeconds: STORE_AWAY_RETRY_SECONDS });
    }
    const code = held.scope === 'token' ? 'limit.concurrent-token' : 'limit.concurrent-endpoint';
    return reject(code, { ...facts, crowded: held, retryAfterSeconds: CROWDED_RETRY_SECONDS });
  }

  /** @param slot released again where the budget refuses */
  function spend(
    arrival: Arrival,
    credential: Credential,
    client: string,
    endpoint: Endpoint,
    slot: Slot | null,
  ): Decision | Promise<Decision> {
    let spent: LimitVerdict | Promise<LimitVerdict>;
    try {
      spent = limits.spend(credential, endpoint);
    } catch (bug) {
      slot?.release();
      throw bug;
    }
    if (!(spent instanceof Promise)) return afterLimit(arrival, credential, client, endpoint, slot, spent);
    return spent.then(
      (late) => afterLimit(arrival, credential, client, endpoint, slot, late),
      (bug: unknown) => {
        slot?.release();
        throw bug;
      },
    );
  }

  function afterLimit(
    arrival: Arrival,
    credential: Credential,
    client: string,
    endpoint: Endpoint,
    slot: Slot | null,
    verdict: LimitVerdict,
  ): Decision {
    arrival.times.limited = clock.monotonic();
    if (verdict === 'unlimited') return permit({ credential, client, endpoint, spent: null }, slot);
    if (verdict !== 'store-away' && verdict.admitted) {
      return permit({ credential, client, endpoint, spent: verdict }, slot);
    }
    slot?.release();
    const { name, windowSeconds } = endpoint;
    const facts = { credential, client, endpoint: name };
    if (verdict === 'store-away') {
      return reject('limit.store-away', { ...facts, retryAfterSeconds: STORE_AWAY_RETRY_SECONDS });
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((verdict.resetAt - clock.now()) / 1000));
    return reject(`limit.${verdict.scope}`, { ...facts, spent: verdict, windowSeconds, retryAfterSeconds });
  }

  return (arrival) => {
    arrival.times.began = clock.monotonic();
    const compiled = zones.current();
    if (compiled instanceof Promise) return compiled.then((late) => withZones(arrival, late));
    return withZones(arrival, compiled);
  };
}

function retryAfter(code: RejectionCode): number | null {
  return code.endsWith('store-away') ? STORE_AWAY_RETRY_SECONDS : null;
}
