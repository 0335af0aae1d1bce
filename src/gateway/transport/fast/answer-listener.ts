import type { RejectionCode } from '../../../domain/rejection.ts';
import type { ResponseReader } from './response-reader.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/**
 * Hears what becomes of a request on an upstream connection. After `end`, `failed`, `passedOver`, `cut` or `onBug` it hears
 * nothing more of that request, but for `readOver`.
 */
export interface AnswerListener {
  /** The connection is open: the request can be written. */
  opened(connection: UpstreamConnection): void;
  /** The upstream has taken what was written; there may be more. */
  drained(): void;
  /** An interim answer: 102 or 103. */
  information(head: ResponseReader): void;
  /** The head of the answer. `hasBody`: `data` may follow. @returns false when it cannot be passed on */
  head(head: ResponseReader, hasBody: boolean): boolean;
  /**
   * A piece of the body. `bytes` is read into again, unless `lend` is called.
   * @param text the piece as characters, one for each byte, where it was read so; else null
   */
  data(bytes: Buffer, start: number, end: number, text: string | null): void;
  /** The body is complete. `trailers` as they came, with their empty line; empty where there are none. */
  end(trailers: string): void;
  /** All that one reading has brought is told. @returns false to be given no more until `resume` */
  readOver(): boolean;
  /** There will be no answer. `reason`: what the code leaves open. */
  failed(code: RejectionCode, progress: Progress, reason: string | null): void;
  /**
   * The request stood behind another, and there will be no answer over this connection: it is to be sent over another.
   * @param unseen whether the upstream has not acted on it
   */
  passedOver(unseen: boolean): void;
  /** The answer broke off behind its head. */
  cut(): void;
  /** One of these methods has thrown. */
  onBug(bug: unknown): void;
}

/** How far a request had come when it failed: the upstream has not seen it, may have, or had begun to answer. */
export type Progress = 'unsent' | 'sent' | 'answering';
