import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from '../log.ts';

type OnResult = Parameters<SpanExporter['export']>[1];

/** The code of a result that is well; `ExportResultCode.SUCCESS` of OpenTelemetry. */
const SUCCESS = 0;

/** An exporter of which it is known how many spans wait for it and how many it could not deliver. */
export class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Logger;
  /** Spans that were handed over and are not being exported yet; whoever hands them over counts them. */
  waiting = 0;
  #underway = 0;
  #failed = 0;
  #isAway = false;

  constructor(exporter: SpanExporter, log: Logger) {
    this.#exporter = exporter;
    this.#log = log;
  }

  /** Spans whose export failed. */
  get failed(): number {
    return this.#failed;
  }

  /** Spans that are neither delivered nor given up. */
  get unsent(): number {
    return this.waiting + this.#underway;
  }

  export(spans: ReadableSpan[], onResult: OnResult): void {
    this.waiting -= spans.length;
    this.#underway += spans.length;
    this.#exporter.export(spans, (result) => {
      this.#underway -= spans.length;
      if (result.code === SUCCESS) this.#delivered();
      else this.#lost(spans.length, result.error);
      onResult(result);
    });
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }

  #delivered(): void {
    if (this.#isAway) this.#log.info({ component: 'traces' }, 'the receiver of traces is back');
    this.#isAway = false;
  }

  #lost(count: number, error: Error | undefined): void {
    this.#failed += count;
    if (this.#isAway) return;
    this.#isAway = true;
    const reason = reasonOf(error);
    this.#log.warn({ component: 'traces', reason }, 'the receiver of traces is away: spans are dropped');
  }
}

/** What went wrong, in a few words. What the receiver wrote is not among them. */
function reasonOf(error: (Error & { readonly code?: unknown }) | undefined): string {
  if (error === undefined) return 'unknown';
  const code = typeof error.code === 'number' || typeof error.code === 'string' ? error.code : null;
  return code === null ? error.message : `${error.message} (${code})`;
}
