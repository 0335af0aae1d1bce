import type { Arrival, Permit, Rejection } from './decision.ts';

/** How an exchange ended; handed to account, whatever the end was. */
export interface Outcome {
  /** What the answer's `X-Request-Id` said, whether or not the head was ever read. */
  readonly requestId: string;
  readonly arrival: Arrival | null;
  /** `forwarded`, or the code of the refusal, whoever refused. */
  readonly decision: 'forwarded' | Rejection['code'];
  readonly permit: Permit | null;
  readonly rejection: Rejection | null;
  /** The status that reached the client; 0 when none did. */
  readonly status: number;
  /** True when the answer's body reached its end. A response cut short by either side is not complete. */
  readonly complete: boolean;
  /** `name` of the upstream in the configuration, once one was chosen. */
  readonly upstream: string | null;
}

/**
 * One request in one transport, as the pipeline sees it: something that can be refused, or forwarded with a
 * permit, once. A transport carries bytes and knows nothing of rules.
 */
export interface Exchange {
  readonly arrival: Arrival;
  /** Answers with the refusal. Calls the pipeline's `settled` when the answer is out. */
  refuse(rejection: Rejection): void;
  /** Carries the request to the upstream and the answer back. Calls `settled` when both are over. */
  forward(permit: Permit): void;
}
