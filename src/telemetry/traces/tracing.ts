import type { Trace } from '../../domain/trace-context.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Ended } from '../access-line.ts';
import type { Logger } from '../log.ts';
import type { Times } from '../request-measures.ts';

/** What spans are made of; the gateway's `Outcome` has it all. */
export interface TracedEnd extends Ended {
  readonly arrival:
    | (NonNullable<Ended['arrival']> & { readonly times: Times; readonly trace?: Trace | null })
    | null;
}

/** Where spans go. */
export interface OtlpOptions {
  /** The receiver's base URL; `/v1/traces` is put behind it. */
  readonly endpoint: string;
  /** Headers that are sent along: they may be secret. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** How long one export may take, with its further tries, in milliseconds. */
  readonly timeout: number;
  /** How many spans may wait. */
  readonly queueSize: number;
}

export interface TracingParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the package. */
  readonly version: string;
}

/** Takes sampled requests that are over, and exports their spans in the background. */
export interface Tracing {
  /**
   * Makes the spans of a request. Never waits and never throws: what finds no room is dropped.
   * @param scheme how the client reached this gateway
   * @param now when it was over, in milliseconds of the clock of its times
   */
  record(end: TracedEnd, scheme: 'http' | 'https', now: number): void;
  /** Spans that found no room, or whose export failed. */
  readonly dropped: number;
  /** Exports what waits, as far as there is time. Never rejects. */
  close(): Promise<void>;
}

/** Opens the way to a receiver. OpenTelemetry is loaded here, and by nobody who does not trace. */
export async function openTracing(options: OtlpOptions, parts: TracingParts): Promise<Tracing> {
  const { OtlpTracing } = await import('./otlp-tracing.ts');
  return new OtlpTracing(options, parts);
}
