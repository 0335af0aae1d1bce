import { randomBytes } from 'node:crypto';
import {
  type Attributes,
  type HrTime,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import type { Trace } from '../../domain/trace-context.ts';
import { decidedAt, type Times } from '../request-measures.ts';
import type { TracedEnd } from './tracing.ts';

/** What is the same for all spans of a request. */
export interface SpanFacts {
  /** How the client reached this gateway. */
  readonly scheme: 'http' | 'https';
  /** When it was over, in milliseconds of the clock of its times. */
  readonly now: number;
  /** Milliseconds since the Unix epoch when that clock stood at 0. */
  readonly epoch: number;
  readonly resource: Resource;
}

type Arrival = NonNullable<TracedEnd['arrival']>;

/** What tells the spans of one request apart. Times are in milliseconds of the clock of `SpanFacts`. */
interface Part {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly from: number;
  readonly to: number;
  readonly attributes: Attributes;
  readonly status: SpanStatus;
  readonly moments?: readonly (readonly [name: string, at: number])[];
}

/** Longest value of an attribute that the caller chooses, in characters. */
const LONGEST = 1024;
const SCOPE = { name: 'tollgate' };
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };
const ERROR: SpanStatus = { code: SpanStatusCode.ERROR };

/**
 * The spans of a request that is over, by the semantic conventions of OpenTelemetry for HTTP: one of the exchange, one
 * of the gate with the ends of its stages, and one of the call of the upstream, if one was chosen. None for what is
 * not sampled, or never became a request.
 */
export function spansOf(end: TracedEnd, facts: SpanFacts): ReadableSpan[] {
  const { arrival } = end;
  const trace = arrival?.trace ?? null;
  if (arrival === null || trace === null || !trace.sampled || Number.isNaN(arrival.times.began)) return [];
  const parts = [exchangePart(end, arrival, trace, facts), gatePart(arrival.times, trace, facts)];
  if (end.upstream !== null) parts.push(upstreamPart(end, arrival, trace, facts));
  return parts.map((part) => spanOf(part, trace, facts));
}

function exchangePart(end: TracedEnd, arrival: Arrival, trace: Trace, { scheme, now }: SpanFacts): Part {
  const { method, path, times } = arrival;
  const { decision, status, permit, rejection } = end;
  const endpoint = permit?.endpoint.name ?? rejection?.endpoint ?? null;
  const client = permit?.client ?? rejection?.client ?? null;
  const credential = permit?.credential ?? rejection?.credential ?? null;
  const isError = status >= 500;
  return {
    name: endpoint === null ? method : `${method} ${endpoint}`,
    kind: SpanKind.SERVER,
    spanId: trace.spanId,
    parentId: trace.callerSpanId,
    from: times.began,
    to: now,
    attributes: {
      'http.request.method': method,
      'url.path': path.slice(0, LONGEST),
      'url.scheme': scheme,
      'tollgate.request.id': end.requestId,
      'tollgate.decision': decision,
      ...(status === 0 ? {} : { 'http.response.status_code': status }),
      ...(isError ? { 'error.type': decision === 'forwarded' ? String(status) : decision } : {}),
      ...(end.complete ? {} : { 'tollgate.complete': false }),
      ...(endpoint === null ? {} : { 'tollgate.endpoint': endpoint }),
      ...(client === null ? {} : { 'client.address': client }),
      ...(credential === null ? {} : { 'tollgate.token.id': credential.token.id }),
    },
    status: isError ? ERROR : UNSET,
  };
}

function gatePart(times: Times, trace: Trace, { now }: SpanFacts): Part {
  const { began, resolved, zoned, limited } = times;
  const decided = decidedAt(times);
  const moments = [
    ['resolve', resolved],
    ['zone', zoned],
    ['limit', limited],
  ] as const;
  return {
    name: 'gate',
    kind: SpanKind.INTERNAL,
    spanId: randomBytes(8).toString('hex'),
    parentId: trace.spanId,
    from: began,
    // A client that has gone does not wait for the decision.
    to: Number.isNaN(decided) ? now : decided,
    attributes: {},
    status: UNSET,
    moments,
  };
}

function upstreamPart(end: TracedEnd, arrival: Arrival, trace: Trace, { now }: SpanFacts): Part {
  const { method, path, times } = arrival;
  const { decision, status, target, tries } = end;
  const origin = target !== null && URL.canParse(target) ? new URL(target) : null;
  const answered = decision === 'forwarded' && status > 0;
  const error = upstreamError(end);
  return {
    name: method,
    kind: SpanKind.CLIENT,
    spanId: trace.upstreamSpanId,
    parentId: trace.spanId,
    from: times.limited,
    to: now,
    attributes: {
      'http.request.method': method,
      'tollgate.upstream': end.upstream ?? '',
      ...(origin === null
        ? {}
        : {
            'server.address': origin.hostname,
            'server.port': Number(origin.port) || (origin.protocol === 'https:' ? 443 : 80),
            'url.full': `${origin.origin}${path}`.slice(0, LONGEST),
          }),
      ...(answered ? { 'http.response.status_code': status } : {}),
      ...(tries > 1 ? { 'http.request.resend_count': tries - 1 } : {}),
      ...(error === null ? {} : { 'error.type': error }),
    },
    status: error === null ? UNSET : ERROR,
    moments: [['answered', times.answered]],
  };
}

/** What the call of the upstream failed with, whose client this gateway is; null when it did not. */
function upstreamError({ decision, status }: TracedEnd): string | null {
  if (decision !== 'forwarded') return decision;
  return status >= 400 ? String(status) : null;
}

function spanOf(part: Part, trace: Trace, { epoch, resource }: SpanFacts): ReadableSpan {
  const { name, kind, attributes, status, from, to, moments = [] } = part;
  const context = (spanId: string): SpanContext => ({
    traceId: trace.traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
  });
  const own = context(part.spanId);
  const isRemote = part.parentId === trace.callerSpanId;
  const reached = moments.filter(([, at]) => !Number.isNaN(at));
  return {
    name,
    kind,
    spanContext: () => own,
    ...(part.parentId === null ? {} : { parentSpanContext: { ...context(part.parentId), isRemote } }),
    startTime: hrTime(epoch + from),
    endTime: hrTime(epoch + to),
    duration: hrTime(to - from),
    status,
    attributes,
    links: [],
    events: reached.map(([moment, at]): TimedEvent => ({ name: moment, time: hrTime(epoch + at) })),
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Milliseconds as seconds and nanoseconds. */
function hrTime(ms: number): HrTime {
  const whole = Math.floor(ms / 1000);
  return [whole, Math.round((ms - whole * 1000) * 1e6)];
}
