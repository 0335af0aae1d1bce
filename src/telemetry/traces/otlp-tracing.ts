import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { CountedExporter } from './counted-exporter.ts';
import { spansOf } from './spans.ts';
import type { OtlpOptions, TracedEnd, Tracing, TracingParts } from './tracing.ts';

/** How many spans one export holds at the most, and how long the first of them waits, in milliseconds. */
const BATCH_SIZE = 512;
const BATCH_DELAY_MS = 1_000;
/** How long the last spans may take when the process ends, in milliseconds. */
const CLOSE_MS = 2_000;

/** Exports spans by OTLP over HTTP, in batches, one after the other. */
export class OtlpTracing implements Tracing {
  readonly #parts: TracingParts;
  readonly #resource: Resource;
  readonly #exporter: CountedExporter;
  readonly #processor: BatchSpanProcessor;
  readonly #queueSize: number;
  /** Spans that found no room. */
  #refused = 0;
  #closing: Promise<void> | null = null;

  constructor({ endpoint, headers, timeout, queueSize }: OtlpOptions, parts: TracingParts) {
    this.#parts = parts;
    this.#resource = resourceOf(parts.version);
    this.#queueSize = queueSize;
    const exporter = new OTLPTraceExporter({
      url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
      headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
      timeoutMillis: timeout,
    });
    this.#exporter = new CountedExporter(exporter, parts.log);
    this.#processor = new BatchSpanProcessor({
      exporter: this.#exporter,
      maxQueueSize: queueSize,
      maxExportBatchSize: Math.min(BATCH_SIZE, queueSize),
      scheduledDelayMillis: BATCH_DELAY_MS,
      // The exporter gives up by itself; one that does not must not stop those behind it.
      exportTimeoutMillis: timeout * 2,
    });
  }

  get dropped(): number {
    return this.#refused + this.#exporter.failed;
  }

  record(end: TracedEnd, scheme: 'http' | 'https', now: number): void {
    const { clock } = this.#parts;
    const place = { scheme, now, epoch: clock.now() - clock.monotonic(), resource: this.#resource };
    for (const span of spansOf(end, place)) this.#hand(span);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    let stopTimer = () => {};
    const tooLate = new Promise<void>((resolve) => {
      stopTimer = this.#parts.clock.after(CLOSE_MS, resolve);
    });
    // A failed export is counted and told of by the exporter.
    await Promise.race([this.#processor.shutdown().catch(() => {}), tooLate]);
    stopTimer();
    const lost = this.#exporter.unsent;
    if (lost > 0) this.#parts.log.warn({ component: 'traces', lost }, 'the last spans could not be exported');
  }

  /** What the processor would drop silently is refused and counted here: it holds what was handed over and not exported. */
  #hand(span: ReadableSpan): void {
    if (this.#exporter.waiting >= this.#queueSize) {
      this.#refused += 1;
      return;
    }
    this.#exporter.waiting += 1;
    this.#processor.onEnd(span);
  }
}

/** Who speaks: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over what is said here. */
function resourceOf(version: string): Resource {
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'tollgate', 'service.version': version }))
    .merge(
      detectResources({
        detectors: [serviceInstanceIdDetector, resourceAttributesEnvDetector, serviceNameEnvDetector],
      }),
    );
}
