import { type AddressChain, readChain } from '../domain/address-chain.ts';
import type { AddressSet } from '../domain/address-set.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import type { Credential } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Arrival, type Decision, permit, reject } from './decision.ts';
import type { LimitStage, LimitVerdict } from './limit/limit-stage.ts';
import type { FailureLimit } from './resolve/failure-limit.ts';
import type { Resolution, Resolver } from './resolve/resolver.ts';
import type { ZoneStage } from './zone/zone-stage.ts';

/** resolve → zone → limit. Answers at once when everything needed is in memory. */
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
  readonly clock: Clock;
}

/** How long a caller should wait before it tries again what failed because the store is away, in seconds. */
const STORE_AWAY_RETRY_SECONDS = 1;

/**
 * The gate: turns what a request shows into a permit or a rejection, and knows nothing of sockets. Each of the
 * three steps takes what the one before it found, and waits only when that had to ask the store.
 */
export function createGate(parts: GateParts): Gate {
  const { resolver, failures, trustedProxies, zones, endpointOf, limits, clock } = parts;

  function afterResolve(arrival: Arrival, found: Resolution): Decision | Promise<Decision> {
    if (found === 'resolve.too-many-failures') {
      return reject(found, { retryAfterSeconds: failures?.retryAfterSeconds(arrival) ?? null });
    }
    if (typeof found === 'string') return reject(found, { retryAfterSeconds: retryAfter(found) });
    const { credential } = found;
    const chain = chainOf(arrival);
    const outside = zones.check(credential, chain);
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
    const endpoint = endpointOf(arrival.method, arrival.path);
    if (outside !== null) {
      const facts = { credential, client, endpoint: endpoint.name, retryAfterSeconds: retryAfter(outside) };
      return reject(outside, facts);
    }
    const spent = limits.spend(credential, endpoint);
    if (spent instanceof Promise) return spent.then((late) => afterLimit(credential, client, endpoint, late));
    return afterLimit(credential, client, endpoint, spent);
  }

  function afterLimit(
    credential: Credential,
    client: string,
    endpoint: Endpoint,
    verdict: LimitVerdict,
  ): Decision {
    if (verdict === 'unlimited') return permit({ credential, client, endpoint, spent: null });
    const { name, windowSeconds } = endpoint;
    const facts = { credential, client, endpoint: name };
    if (verdict === 'store-away') {
      return reject('limit.store-away', { ...facts, retryAfterSeconds: STORE_AWAY_RETRY_SECONDS });
    }
    if (verdict.admitted) return permit({ credential, client, endpoint, spent: verdict });
    const retryAfterSeconds = Math.max(1, Math.ceil((verdict.resetAt - clock.now()) / 1000));
    return reject(`limit.${verdict.scope}`, { ...facts, spent: verdict, windowSeconds, retryAfterSeconds });
  }

  return (arrival) => {
    const found = resolver.resolve(arrival.credential, arrival, arrival.findings);
    if (found instanceof Promise) return found.then((late) => afterResolve(arrival, late));
    return afterResolve(arrival, found);
  };
}

function retryAfter(code: RejectionCode): number | null {
  return code.endsWith('store-away') ? STORE_AWAY_RETRY_SECONDS : null;
}
