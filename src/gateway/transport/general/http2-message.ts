import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { RequestMessage, ResponseMessage } from './message.ts';

const { NGHTTP2_NO_ERROR } = constants;

/** A stream's request. */
export class Http2Request implements RequestMessage {
  readonly method: string;
  readonly httpVersion = '2.0';
  readonly socket: Socket;
  readonly #stream: ServerHttp2Stream;
  #complete: boolean;

  constructor(stream: ServerHttp2Stream, socket: Socket, method: string) {
    this.#stream = stream;
    this.socket = socket;
    this.method = method;
    this.#complete = stream.endAfterHeaders;
    // Node ends a stream that was reset with NO_ERROR as if its client had ended it; but such a one is closed by then.
    stream.once('end', () => {
      if (!stream.closed) this.#complete = true;
    });
  }

  get complete(): boolean {
    return this.#complete;
  }

  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): void {
    this.#stream.on(event, listener);
  }

  off(event: 'data' | 'end', listener: (chunk: Buffer) => void): void {
    this.#stream.off(event, listener);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  isPaused(): boolean {
    return this.#stream.isPaused();
  }
}

/** What has no body whatever its headers say (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * A stream's answer. Where HTTP/1.1 would close the connection because the rest of a request is not wanted, the stream
 * is reset with NO_ERROR behind the whole answer (RFC 9113 §8.1), and the connection goes on.
 */
export class Http2Response implements ResponseMessage {
  readonly req: Http2Request;
  readonly #stream: ServerHttp2Stream;
  #closed = false;
  #status = 0;
  #ended = false;
  #finished = false;
  #bodiless = false;
  #awaitsTrailers = false;
  #trailers: readonly (readonly [string, string])[] = [];

  constructor(stream: ServerHttp2Stream, req: Http2Request) {
    this.#stream = stream;
    this.req = req;
    const { session } = stream;
    stream.once('close', () => {
      this.#closed = true;
      // nghttp2 closes a stream that has ended both ways before Node says that this side has finished.
      const orderly = (stream.rstCode ?? 0) === NGHTTP2_NO_ERROR && !stream.aborted && !session?.destroyed;
      if (this.#ended && orderly) this.#finished = true;
    });
    stream.once('finish', () => {
      // Of a HEAD request Node has ended this side before there was an answer.
      if (this.#bodiless || !this.#ended || (stream.rstCode ?? 0) !== NGHTTP2_NO_ERROR) return;
      this.#finished = true;
      if (!this.#awaitsTrailers) this.#leaveRest();
    });
    stream.once('wantTrailers', () => {
      stream.sendTrailers(byName(this.#trailers));
      // Node sends them in the next turn.
      setImmediate(() => this.#leaveRest());
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get headersSent(): boolean {
    return this.#status !== 0;
  }

  get statusCode(): number {
    return this.#status;
  }

  get writableEnded(): boolean {
    return this.#ended;
  }

  get writableFinished(): boolean {
    return this.#finished;
  }

  get writableNeedDrain(): boolean {
    return this.#stream.writableNeedDrain;
  }

  on(event: 'drain', listener: () => void): void {
    this.#stream.on(event, listener);
  }

  once(event: 'close', listener: () => void): void {
    this.#stream.once(event, listener);
  }

  writeContinue(): void {
    this.#inform({ ':status': 100 });
  }

  writeProcessing(): void {
    this.#inform({ ':status': 102 });
  }

  writeEarlyHints({ link }: { readonly link: string[] }): void {
    if (link.length > 0) this.#inform({ ':status': 103, link });
  }

  writeHead(status: number, headers: readonly string[]): void {
    if (this.#isGone()) return;
    this.#bodiless = this.req.method === 'HEAD' || WITHOUT_BODY.has(status);
    const list = [':status', String(status)];
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = (headers[at] ?? '').toLowerCase();
      if (name === 'trailer') this.#awaitsTrailers = !this.#bodiless;
      // What concerns a connection has no place here (RFC 9113 §8.2.2), and the length of nothing is not stated.
      if (name === 'connection' || (name === 'content-length' && status === 205)) continue;
      list.push(name, headers[at + 1] ?? '');
    }
    this.#stream.respond(list, { waitForTrailers: this.#awaitsTrailers });
    this.#status = status;
  }

  flushHeaders(): void {
    // The head of a stream has gone out by itself.
  }

  write(chunk: Buffer): boolean {
    return this.#bodiless || this.#isGone() || this.#stream.write(chunk);
  }

  addTrailers(trailers: [string, string][]): void {
    this.#trailers = trailers.map(([name, value]) => [name.toLowerCase(), value]);
  }

  end(body?: string): void {
    if (this.#ended || this.#isGone()) return;
    this.#ended = true;
    if (this.#bodiless) {
      this.#finished = true;
      this.#leaveRest();
    } else this.#stream.end(body);
  }

  destroy(): void {
    this.#stream.destroy(new Error('the answer is broken off'));
  }

  /** Whether nobody is there any more to be answered. */
  #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  #inform(headers: { readonly ':status': number; readonly link?: string[] }): void {
    if (!this.#isGone() && !this.headersSent) this.#stream.additionalHeaders(headers);
  }

  #leaveRest(): void {
    if (!this.req.complete && !this.#isGone()) this.#stream.close(NGHTTP2_NO_ERROR);
  }
}

/** The values of each name, in their order: a name may come more than once. */
function byName(pairs: readonly (readonly [string, string])[]): Record<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries(values);
}
