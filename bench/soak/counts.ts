/** What the clients of the soak saw. Plain JSON. */
export interface ClientCounts {
  /** Requests whose head was sent as a whole. */
  readonly sent: number;
  /** Answers by status that came to their end; 101 is a WebSocket that opened. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that the client itself left before an answer. */
  readonly hungUp: number;
  /** Requests whose answer broke off, or that had none, though the client stayed. */
  readonly cut: number;
}

export interface Latency {
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
