import { Readable } from 'node:stream';
import { bodyTurnover } from './body-turnover.ts';
import type { RequestMessage } from './message.ts';

/**
 * A request body on its way to the upstream: counted, at the pace of the slower side, and ended only when the client
 * ended it. When either side gives up it is destroyed, and what the client still sends is read and thrown away
 * until the connection closes.
 */
export class Upload extends Readable {
  readonly #req: RequestMessage;
  readonly #maxBytes: number;
  readonly #onTooLarge: () => void;
  #received = 0;
  #attached = false;

  /** @param onTooLarge called once, when more than `maxBytes` have come; the upload gets no more bytes */
  constructor(req: RequestMessage, maxBytes: number, onTooLarge: () => void) {
    super();
    this.#req = req;
    this.#maxBytes = maxBytes;
    this.#onTooLarge = onTooLarge;
    // Whoever destroys an upload with an error says so elsewhere.
    this.on('error', () => {});
  }

  /** Bytes that the client has sent. */
  get received(): number {
    return this.#received;
  }

  /** Whether it is the client that is waited for. */
  get waiting(): boolean {
    return this.#attached && !this.#req.isPaused() && !this.#req.complete && !this.destroyed;
  }

  override _read(): void {
    if (this.#attached) {
      this.#req.resume();
      return;
    }
    this.#attached = true;
    this.#req.on('data', this.#onData);
    this.#req.on('end', this.#onEnd);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#req.off('data', this.#onData);
    this.#req.off('end', this.#onEnd);
    this.#req.resume();
    done(error);
  }

  #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    bodyTurnover.passed(chunk.length);
    if (this.#received > this.#maxBytes) this.#onTooLarge();
    else if (!this.push(chunk)) this.#req.pause();
  };

  #onEnd = (): void => {
    // A stream of HTTP/2 may end because it was reset.
    if (this.#req.complete) this.push(null);
  };
}
