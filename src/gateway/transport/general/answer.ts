import { isHintedLink } from '../../forward/early-hints.ts';
import { bodyTurnover } from './body-turnover.ts';
import type { RequestMessage, ResponseMessage } from './message.ts';
import { announcedTrailers, passingTrailers } from './trailers.ts';

/** An upstream's answer on its way to the client: at the pace of the client, and never complete unless it is. */
export class Answer {
  readonly #req: RequestMessage;
  readonly #res: ResponseMessage;
  #sent = 0;
  #bodyBegun = false;
  #trailers: readonly string[] = [];
  #stalledSince: number | null = null;

  constructor(req: RequestMessage, res: ResponseMessage) {
    this.#req = req;
    this.#res = res;
  }

  /** Bytes of the body so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Passes an interim answer: 102, or 103 with its links. Names and values in turn. */
  inform(status: number, headers: readonly string[]): void {
    // HTTP/1.0 has none (RFC 9110 §15.2).
    if (this.#req.httpVersion === '1.0') return;
    if (status === 102) this.#res.writeProcessing();
    else this.#hint(linksIn(headers));
  }

  /**
   * Sends the head, with the first of the body or, when none comes at once, alone.
   * @param headers to send, names and values in turn
   * @param upstream the headers as the upstream sent them
   * @param onDrain called when the client has taken what `write` could not send at once
   */
  begin(status: number, headers: string[], upstream: readonly string[], onDrain: () => void): void {
    // RFC 9110 §8.6: there is no body to measure.
    if (status === 204) removeHeader(headers, 'content-length');
    if (this.#isChunked(status, headers)) this.#trailers = announcedTrailers(upstream);
    if (this.#trailers.length > 0) headers.push('Trailer', this.#trailers.join(', '));
    this.#res.writeHead(status, headers);
    this.#res.on('drain', () => {
      this.#stalledSince = null;
      onDrain();
    });
    // An event stream may be silent for long.
    setImmediate(this.#flushHead);
  }

  /** @returns false when the client does not take it at once */
  write(chunk: Buffer): boolean {
    this.#bodyBegun = true;
    this.#sent += chunk.length;
    bodyTurnover.passed(chunk.length);
    return this.#res.write(chunk);
  }

  /** @param trailers as the upstream sent them, names and values in turn */
  end(trailers: readonly string[]): void {
    if (this.#trailers.length > 0) this.#res.addTrailers(passingTrailers(trailers, this.#trailers));
    this.#res.end();
  }

  /** Breaks the answer off, so that nobody can take it for complete. */
  cut(): void {
    // On HTTP/1.0 a body may end with the connection; only a reset tells that it did not.
    // TLS tells as much when it is left without its own goodbye.
    if (this.#req.httpVersion === '1.0' && !('encrypted' in this.#req.socket)) {
      this.#req.socket.resetAndDestroy();
    } else this.#res.destroy();
  }

  /** How long the client has left the answer untouched, in milliseconds, as far as looks every now and then tell. */
  stalledMs(now: number): number {
    const { writableNeedDrain, writableEnded, writableFinished } = this.#res;
    const waiting = writableNeedDrain || (writableEnded && !writableFinished);
    if (waiting) this.#stalledSince ??= now;
    else this.#stalledSince = null;
    return this.#stalledSince === null ? 0 : now - this.#stalledSince;
  }

  #hint(link: readonly string[]): void {
    // A hint may be left out.
    if (!link.every(isHintedLink)) return;
    try {
      this.#res.writeEarlyHints({ link: [...link] });
    } catch {
      // Not a link as node:http knows them; a hint may be left out.
    }
  }

  /** Whether the body will be sent in chunks, behind which there is room for trailers. */
  #isChunked(status: number, headers: readonly string[]): boolean {
    const hasBody = this.#req.method !== 'HEAD' && status !== 204 && status !== 304;
    return hasBody && this.#req.httpVersion !== '1.0' && placeOf(headers, 'content-length') === -1;
  }

  #flushHead = (): void => {
    if (!this.#bodyBegun && !this.#res.writableEnded && !this.#res.destroyed) this.#res.flushHeaders();
  };
}

/** Whether the headers, names and values in turn, announce an event stream. */
export function isEventStream(headers: readonly string[]): boolean {
  const at = placeOf(headers, 'content-type');
  return at !== -1 && (headers[at + 1] ?? '').toLowerCase().startsWith('text/event-stream');
}

function linksIn(headers: readonly string[]): string[] {
  const links: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === 'link') links.push(headers[at + 1] ?? '');
  }
  return links;
}

/** Takes a header out of a list of names and values in turn. */
export function removeHeader(headers: string[], lowered: string): void {
  const at = placeOf(headers, lowered);
  if (at !== -1) headers.splice(at, 2);
}

/** The place of a header in a list of names and values in turn, or -1. */
export function placeOf(headers: readonly string[], lowered: string): number {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === lowered) return at;
  }
  return -1;
}
