/**
 * Requests by endpoint and decision, counted without building a label set for each request: a metric reads the
 * sums when it is scraped. Both labels are bounded: endpoints by the configuration, decisions by the table of
 * rejections.
 */
export class RequestCounts {
  readonly #byEndpoint = new Map<string, Map<string, number>>();

  /** Counts one request. `endpoint` is `none` for a request refused before its endpoint was known. */
  count(endpoint: string, decision: string): void {
    let byDecision = this.#byEndpoint.get(endpoint);
    if (byDecision === undefined) {
      byDecision = new Map();
      this.#byEndpoint.set(endpoint, byDecision);
    }
    byDecision.set(decision, (byDecision.get(decision) ?? 0) + 1);
  }

  *entries(): Generator<{ endpoint: string; decision: string; count: number }> {
    for (const [endpoint, byDecision] of this.#byEndpoint) {
      for (const [decision, count] of byDecision) yield { endpoint, decision, count };
    }
  }
}
