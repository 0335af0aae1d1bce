import { type AddressChain, readChain } from '../domain/address-chain.ts';
import type { AddressSet } from '../domain/address-set.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import type { Credential } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Arrival, type Decision, permit, reject } from './decision.ts';
import type { LimitStage, LimitVerdict } from './limit/limit-stage.ts';
import type { Resolution, Resolver } from './resolve/resolver.ts';
import type { ZoneStage } from './zone/zone-stage.ts';

/** resolve → zone → limit. Answers at once when everything needed is in memory. */
export type Gate = (arrival: Arrival) => Decision | Promise<Decision>;

export interface GateParts {
  readonly resolver: Resolver;
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
export function createGate({ resolver, trustedProxies, zones, endpointOf, limits, clock }: GateParts): Gate {
  function afterResolve(arrival: Arrival, found: Resolution): Decision | Promise<Decision> {
    if (typeof found === 'string') return refuse(found, null, null);
    const { credential } = found;
    const chain = readChain(arrival.peer, arrival.forwardedFor, trustedProxies);
    const outside = zones.check(credential, chain);
    if (outside instanceof Promise)
      return outside.then((late) => afterZone(arrival, credential, chain, late));
    return afterZone(arrival, credential, chain, outside);
  }

  function afterZone(
    arrival: Arrival,
    credential: Credential,
    chain: AddressChain,
    outside: RejectionCode | null,
  ): Decision | Promise<Decision> {
    const endpoint = endpointOf(arrival.method, arrival.path);
    if (outside !== null) return refuse(outside, credential, endpoint);
    const spent = limits.spend(credential, endpoint);
    if (spent instanceof Promise) return spent.then((late) => afterLimit(credential, endpoint, chain, late));
    return afterLimit(credential, endpoint, chain, spent);
  }

  function afterLimit(
    credential: Credential,
    endpoint: Endpoint,
    chain: AddressChain,
    spent: LimitVerdict,
  ): Decision {
    if (spent === 'store-away') return refuse('limit.store-away', credential, endpoint);
    if (spent === 'unlimited') return permit({ credential, endpoint, client: chain.client, spent: null });
    if (spent.admitted) return permit({ credential, endpoint, client: chain.client, spent });
    const retryAfterSeconds = Math.max(1, Math.ceil((spent.resetAt - clock.now()) / 1000));
    const { name, windowSeconds } = endpoint;
    return reject(`limit.${spent.scope}`, {
      credential,
      endpoint: name,
      spent,
      windowSeconds,
      retryAfterSeconds,
    });
  }

  return (arrival) => {
    const found = resolver.resolve(arrival.credential);
    if (found instanceof Promise) return found.then((late) => afterResolve(arrival, late));
    return afterResolve(arrival, found);
  };
}

function refuse(code: RejectionCode, credential: Credential | null, endpoint: Endpoint | null): Decision {
  const retryAfterSeconds = code.endsWith('store-away') ? STORE_AWAY_RETRY_SECONDS : null;
  return reject(code, { credential, endpoint: endpoint?.name ?? null, retryAfterSeconds });
}
