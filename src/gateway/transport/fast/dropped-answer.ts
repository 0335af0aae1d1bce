import type { AnswerListener } from './answer-listener.ts';
import type { ResponseReader } from './response-reader.ts';

/** How long an answer may be to be read for the sake of those behind it, in bytes. */
const WORTH_READING = 64 * 1024;

/** Hears an answer whose client has gone, and lets it fall, so that those behind it on the connection are heard. */
export class DroppedAnswer implements AnswerListener {
  readonly #instead: AnswerListener;
  readonly #giveUp: () => void;
  #left = WORTH_READING;

  /**
   * @param instead whose answer it is
   * @param giveUp called when the answer is too long to be read
   */
  constructor(instead: AnswerListener, giveUp: () => void) {
    this.#instead = instead;
    this.#giveUp = giveUp;
  }

  head({ contentLength }: ResponseReader, hasBody: boolean): boolean {
    if (hasBody && (contentLength ?? 0) > WORTH_READING) this.#giveUp();
    return true;
  }

  data(_: Buffer, start: number, end: number): void {
    this.#left -= end - start;
    if (this.#left < 0) this.#giveUp();
  }

  readOver(): boolean {
    return true;
  }

  onBug(bug: unknown): void {
    this.#instead.onBug(bug);
  }

  opened(): void {}
  drained(): void {}
  information(): void {}
  end(): void {}
  failed(): void {}
  passedOver(): void {}
  cut(): void {}
}
