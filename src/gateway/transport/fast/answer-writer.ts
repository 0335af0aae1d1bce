import type { Socket } from 'node:net';
import type { Permit } from '../../decision.ts';
import { isHintedLink } from '../../forward/early-hints.ts';
import { type ResponseFacts, responseHeaders } from '../../forward/response-headers.ts';
import { rateLines } from '../../limit/rate-headers.ts';
import { placeOf, removeHeader } from '../general/answer.ts';
import { announcedTrailers, passingTrailers } from '../general/trailers.ts';
import { dateLine, linesOf, statusLine } from './heads.ts';
import type { ResponseReader } from './response-reader.ts';

/** Pieces of a body up to so many bytes are written together with what stands around them. */
export const WRITTEN_TOGETHER = 8 * 1024;
const NONE: readonly string[] = [];

/**
 * Writes answers to a client, one after the other. What one reading of the upstream brings is gathered, and goes out
 * with `flush`: head and body together.
 */
export class AnswerWriter {
  readonly #socket: Socket;
  /** What is to be written with the next flush. */
  #out = '';
  #corked = false;
  #inChunks = false;
  /** Names that the head has announced. */
  #trailers = NONE;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Writes an interim answer: 102, or 103 as far as it is a hint. */
  information(head: ResponseReader): void {
    if (head.status === 102) {
      this.#out += `${statusLine(102)}\r\n`;
      return;
    }
    const pairs = head.pairs();
    const link = pairs.filter((_, at) => at % 2 === 1 && pairs[at - 1]?.toLowerCase() === 'link');
    // A hint may be left out.
    if (link.length > 0 && link.every(isHintedLink)) {
      this.#out += `${statusLine(103)}Link: ${link.join(', ')}\r\n\r\n`;
    }
  }

  /**
   * Begins an answer.
   * @param connection what the answer says of its connection: lines with their CRLF
   * @returns false when the upstream's head is not one that may be passed on
   */
  head(
    head: ResponseReader,
    hasBody: boolean,
    permit: Permit,
    facts: ResponseFacts,
    connection: string,
  ): boolean {
    this.#inChunks = hasBody && head.contentLength === null;
    this.#trailers = NONE;
    // RFC 9110 §8.6: a 204 has no body to measure.
    const isUnusual = head.isUnusual || (head.status === 204 && head.contentLength !== null);
    const lines = isUnusual ? this.#unusualLines(head, permit, facts) : usualLines(head, permit, facts);
    if (lines === null) return false;
    this.#out += statusLine(head.status) + lines + connection;
    this.#out += this.#inChunks ? 'Transfer-Encoding: chunked\r\n\r\n' : '\r\n';
    return true;
  }

  /** Writes a piece of the body; the parameters are those of `AnswerListener`. */
  data(bytes: Buffer, start: number, end: number, text: string | null): void {
    const size = end - start;
    if (this.#inChunks) this.#out += `${size.toString(16)}\r\n`;
    if (size <= WRITTEN_TOGETHER) this.#out += text ?? bytes.toString('latin1', start, end);
    else {
      if (!this.#corked) this.#socket.cork();
      this.#corked = true;
      if (this.#out !== '') this.#socket.write(this.#out, 'latin1');
      this.#out = '';
      this.#socket.write(bytes.subarray(start, end));
    }
    if (this.#inChunks) this.#out += '\r\n';
  }

  /** Ends the body. @param trailers as they came, with their empty line; empty where there are none */
  end(trailers: string): void {
    if (!this.#inChunks) return;
    this.#out += '0\r\n';
    if (this.#trailers.length > 0 && trailers.length > 2) {
      for (const [name, value] of passingTrailers(pairsOf(trailers), this.#trailers)) {
        this.#out += `${name}: ${value}\r\n`;
      }
    }
    this.#out += '\r\n';
  }

  /** Writes a whole answer, behind interim ones that were not flushed. @param text one character for each byte */
  whole(text: string): void {
    this.#out += text;
    this.flush();
  }

  /** Writes what was gathered. @returns whether the bytes that `data` was given are still needed where they stand */
  flush(): boolean {
    if (this.#out !== '') {
      this.#socket.write(this.#out, 'latin1');
      this.#out = '';
    }
    if (!this.#corked) return false;
    this.#corked = false;
    this.#socket.uncork();
    return this.#socket.writableLength > 0;
  }

  /** The lines of a head that has to be looked at name by name, or null when it cannot be passed on. */
  #unusualLines(head: ResponseReader, permit: Permit, facts: ResponseFacts): string | null {
    const pairs = head.pairs();
    const headers = responseHeaders(pairs, permit, facts);
    if (headers === null) return null;
    if (this.#inChunks) this.#trailers = announcedTrailers(pairs);
    if (this.#trailers.length > 0) headers.push('Trailer', this.#trailers.join(', '));
    if (head.status === 204) removeHeader(headers, 'content-length');
    const dated = placeOf(headers, 'date') !== -1;
    return linesOf(headers) + (dated ? '' : dateLine(facts.now));
  }
}

function usualLines(
  { passed, hasDate }: ResponseReader,
  { spent, endpoint }: Permit,
  { requestId, now }: ResponseFacts,
): string {
  const limits = spent === null ? '' : rateLines(spent, endpoint.windowSeconds, now);
  return `${passed}X-Request-Id: ${requestId}\r\n${limits}${hasDate ? '' : dateLine(now)}`;
}

/** Trailers as they came, with the empty line behind them, as names and values in turn. */
function pairsOf(trailers: string): string[] {
  const pairs: string[] = [];
  for (const line of trailers.slice(0, -4).split('\r\n')) {
    const colon = line.indexOf(':');
    pairs.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return pairs;
}
