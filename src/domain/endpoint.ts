/** A bucket of methods and paths that share one maximum. */
export interface Endpoint {
  /** Unique; the `endpoint` label of metrics and the name in stores. */
  readonly name: string;
  /** Requests a window from everybody together; null means the endpoint is not limited. */
  readonly max: number | null;
  readonly windowSeconds: number;
}

/** An endpoint that has a maximum. */
export type LimitedEndpoint = Endpoint & { readonly max: number };

export function isLimited(endpoint: Endpoint): endpoint is LimitedEndpoint {
  return endpoint.max !== null;
}
