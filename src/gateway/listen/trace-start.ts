import { parseTraceParent, type Trace } from '../../domain/trace-context.ts';
import { newRequestId } from './request-id.ts';

/**
 * Finds the place of one request in its trace.
 * @param requestId is the trace's id where the trace begins here: both are 128 random bits
 * @param traceParent the one that came; null when there is none, or more than one
 * @param traceState all values that came, joined with commas; null when there are none
 */
export type StartTrace = (requestId: string, traceParent: string | null, traceState: string | null) => Trace;

export interface Sampling {
  /** The part of the traces of which spans are made, from 0 to 1. */
  readonly sample: number;
  /** Whether a caller that has decided for its trace has decided for this gateway, too. */
  readonly parentBased: boolean;
}

/** The numbers of the part of a trace's id that decides: its last 32 bits. */
const ID_RANGE = 2 ** 32;

/**
 * Keeps the trace that a valid `traceparent` names, with its `tracestate`, and begins another in place of an invalid
 * one, whose `tracestate` goes with it (W3C Trace Context §4.3). What is not sampled has its place in the trace all the
 * same, since the upstream may sample by itself.
 */
export function traceStarter({ sample, parentBased }: Sampling): StartTrace {
  const threshold = sample * ID_RANGE;
  // The last bits: those before may be a time, so that they are not random (§3.2.2.3).
  const isDrawn = (traceId: string) => Number.parseInt(traceId.slice(-8), 16) < threshold;
  return (requestId, traceParent, traceState) => {
    const caller = traceParent === null ? null : parseTraceParent(traceParent);
    const traceId = caller?.traceId ?? requestId;
    const spanIds = newRequestId();
    return {
      traceId,
      callerSpanId: caller?.spanId ?? null,
      spanId: spanIds.slice(0, 16),
      upstreamSpanId: spanIds.slice(16),
      sampled: caller !== null && parentBased ? caller.sampled : isDrawn(traceId),
      state: caller === null ? null : traceState,
    };
  };
}
