/** W3C Trace Context (https://www.w3.org/TR/trace-context/): what a request says of the trace that it belongs to. */

/** Where one request stands in its trace. Ids are lower-case hexadecimal: 32 characters of a trace, 16 of a span. */
export interface Trace {
  readonly traceId: string;
  /** The caller's span; null where the trace begins here. */
  readonly callerSpanId: string | null;
  /** The span of the whole exchange. */
  readonly spanId: string;
  /** The span of the call of the upstream, if there comes to be one; the upstream is told that it is the parent. */
  readonly upstreamSpanId: string;
  /** Whether spans are made of it, here and, as they are told, further on. */
  readonly sampled: boolean;
  /** `tracestate`, as it came; null when there is none. */
  readonly state: string | null;
}

/** What a `traceparent` says. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

// §3.2.2: version, trace-id, parent-id and trace-flags; behind those of a version to come there may be more.
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 0x01;

/**
 * Reads a `traceparent`. Of versions that are not known yet, what version 00 has too is read (§4.3).
 * @returns null for what is not valid, which is to be taken as if it had not come (§3.2.2.5)
 */
export function parseTraceParent(value: string): TraceParent | null {
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(value) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** The headers by which the upstream knows its place in the trace: names and values in turn. */
export function traceHeaders({ traceId, upstreamSpanId, sampled, state }: Trace): string[] {
  const headers = ['traceparent', `00-${traceId}-${upstreamSpanId}-${sampled ? '01' : '00'}`];
  if (state !== null) headers.push('tracestate', state);
  return headers;
}
