import type { Clock } from '../../kernel/clock.ts';
import type { Outcome } from '../exchange.ts';
import type { Account } from '../pipeline.ts';
import type { UsageQueue } from './usage-queue.ts';
import type { ViolationQueue } from './violation-queue.ts';
import type { WarningPercent } from './warning-percent.ts';

export interface AccountParts {
  readonly usage: UsageQueue;
  readonly violations: ViolationQueue;
  readonly warning: WarningPercent;
  /** Counts and times a request. @param now when it was over, in milliseconds of the monotonic clock */
  readonly measure: (outcome: Outcome, endpoint: string, now: number) => void;
  /** Null where the access log is off. */
  readonly accessLog: ((outcome: Outcome, now: number) => void) | null;
  /** Makes spans of a sampled request; null where requests are not traced. */
  readonly trace: ((outcome: Outcome, now: number) => void) | null;
  readonly clock: Clock;
}

/** The account stage: hears how every exchange ended, notes the token's use and what the System Log tells, and feeds metrics and access log. */
export function createAccount({
  usage,
  violations,
  warning,
  measure,
  accessLog,
  trace,
  clock,
}: AccountParts): Account {
  return (outcome) => {
    const used = usedCredential(outcome);
    if (used !== null) usage.note(used.token);
    const { arrival, permit, rejection } = outcome;
    if (arrival !== null && permit !== null) violations.noteSpent(arrival, permit, warning.current);
    if (arrival !== null && rejection !== null) violations.note(arrival, rejection);
    const now = clock.monotonic();
    measure(outcome, endpointOf(outcome), now);
    if (accessLog !== null) accessLog(outcome, now);
    if (trace !== null && outcome.arrival?.trace?.sampled) trace(outcome, now);
  };
}

/** A request renews its token when the token and its network were accepted, even if a limit then refused it. */
function usedCredential(outcome: Outcome) {
  if (outcome.permit !== null) return outcome.permit.credential;
  const { rejection } = outcome;
  return rejection?.code.startsWith('limit.') ? rejection.credential : null;
}

function endpointOf(outcome: Outcome): string {
  return outcome.permit?.endpoint.name ?? outcome.rejection?.endpoint ?? 'none';
}
