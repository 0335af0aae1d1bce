/** A bucket of methods and paths that share one maximum. */
export interface Endpoint {
  /** Unique; the `endpoint` label of metrics and the name in stores. */
  readonly name: string;
  /** Requests a window from everybody together; null means the endpoint is not limited. */
  readonly max: number | null;
  readonly windowSeconds: number;
  /** Requests under way at once from everybody together; null, or left out, where any number may be. */
  readonly concurrent?: number | null;
  /** Where requests under way count in place of here, for a path that can be read in two ways. */
  readonly slotsAt?: ConcurrentEndpoint;
}

/** An endpoint that has a maximum. */
export type LimitedEndpoint = Endpoint & { readonly max: number };

export function isLimited(endpoint: Endpoint): endpoint is LimitedEndpoint {
  return endpoint.max !== null;
}

/** The limit of requests that match no endpoint, under the name of which tokens may have a percentage too. */
export const UNMATCHED = 'unmatched';
/** The limit of the management API, likewise. */
export const MANAGEMENT = 'management';

/** Every name for which a token may have a percentage of its own. */
export function limitNames(endpoints: readonly { readonly name: string }[]): readonly string[] {
  return [...endpoints.map(({ name }) => name), UNMATCHED, MANAGEMENT];
}

/** An endpoint that may have so many requests under way and no more. */
export type ConcurrentEndpoint = Endpoint & { readonly concurrent: number };

export function isConcurrent(endpoint: Endpoint): endpoint is ConcurrentEndpoint {
  return typeof endpoint.concurrent === 'number';
}

/** The endpoint at which a request counts while it is under way; null where any number may be. */
export function slotsOf(endpoint: Endpoint): ConcurrentEndpoint | null {
  return endpoint.slotsAt ?? (isConcurrent(endpoint) ? endpoint : null);
}
