import type { RejectionCode } from '../domain/rejection.ts';
import { type Arrival, type Permit, type Rejection, reject } from './decision.ts';

/** How an exchange ended; handed to account, whatever the end was. */
export interface Outcome {
  /** What the answer's `X-Request-Id` said, whether or not the head was ever read. */
  readonly requestId: string;
  readonly arrival: Arrival | null;
  /** `forwarded`, or the code of the refusal, whoever refused. */
  readonly decision: 'forwarded' | RejectionCode;
  readonly permit: Permit | null;
  readonly rejection: Rejection | null;
  /** The status that reached the client; 0 when none did. */
  readonly status: number;
  /** True when the answer's body reached its end. A response cut short by either side is not complete. */
  readonly complete: boolean;
  /** `name` of the upstream in the configuration, once one was chosen. */
  readonly upstream: string | null;
  /** The origin of the target that was asked last, once one was chosen. */
  readonly target: string | null;
  /** How many targets were asked. */
  readonly tries: number;
  /** Bytes of the request's body that came; 0 for what the gate refused. */
  readonly bytesIn: number;
  /** Bytes of the answer's body that were sent, framing aside; of a WebSocket, what passed through the tunnel. */
  readonly bytesOut: number;
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

/** How what never became a request ended. @param status what reached the client; 0 when nothing did */
export function unread(requestId: string, code: RejectionCode, status: number): Outcome {
  return {
    requestId,
    arrival: null,
    decision: code,
    permit: null,
    rejection: reject(code),
    status,
    complete: status !== 0,
    upstream: null,
    target: null,
    tries: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
}
