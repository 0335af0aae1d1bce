import type { AnswerListener } from './answer-listener.ts';
import { ChunkReader } from './chunk-reader.ts';
import { ResponseReader } from './response-reader.ts';

/**
 * What is read next of an answer, or why nothing is. `unseen`: nothing has come. `head`: a part of the head has, or an
 * interim answer. `length`, `chunks`, `until-close`: the body, by its framing. `over`: all has come. `bad`: it is not
 * one that may be passed on. `broken`: its body is not well-formed. `stopped`: nobody wants it any more.
 */
type State = 'unseen' | 'head' | 'length' | 'chunks' | 'until-close' | 'over' | 'bad' | 'broken' | 'stopped';

/** A head is looked for in so many bytes of one reading. */
const HEAD_BYTES = 16 * 1024;
/** What is so small is read as a whole, its body with it. */
const SMALL_BYTES = 2 * 1024;
/** RFC 9110 §15.2 bounds nothing here; an upstream that sends more of them is not going to answer. */
const MOST_INTERIM_ANSWERS = 16;

/** Reads the answers that come over one connection, one after the other, and tells a listener what they are made of. */
export class AnswerReader {
  readonly head = new ResponseReader();
  /** Those of an answer in chunks that is over, as they came, with their empty line; else empty. */
  trailers = '';
  readonly #chunks = new ChunkReader();
  #state: State = 'stopped';
  /** Whether the request was a HEAD, so that there is no body. */
  #isHead = false;
  /** A head that has not all come. */
  #begun = '';
  /** What of this reading was read as characters, and where in the buffer it begins. */
  #text = '';
  #textAt = 0;
  /** Bytes of the body that are still to come. */
  #left = 0;
  #interimAnswers = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #listener: AnswerListener | null = null;

  get state(): State {
    return this.#state;
  }

  /** Whether the answer's own head has not come, or not all of it. */
  get isBeforeBody(): boolean {
    return this.#state === 'unseen' || this.#state === 'head';
  }

  /** Waits for the answer to a request. @param isHead whether that is a HEAD */
  restart(isHead: boolean): void {
    this.#state = 'unseen';
    this.#isHead = isHead;
    this.#begun = '';
    this.#interimAnswers = 0;
    this.trailers = '';
  }

  /** Reads nothing more, also not what is left of a reading under way. */
  stop(): void {
    this.#state = 'stopped';
  }

  /**
   * Reads the bytes of one reading, or what is left of them behind another answer.
   * @param from index of the first of them in the buffer
   * @param length the index behind the last
   * @returns the index behind what belongs to the answer
   */
  read(buffer: Buffer, from: number, length: number, listener: AnswerListener): number {
    this.#buffer = buffer;
    this.#listener = listener;
    const next = this.#readOn(buffer, from, length, listener);
    // The connection may rest for seconds, and whatever it holds on to that long becomes an old object.
    this.#listener = null;
    this.#text = '';
    return next;
  }

  #readOn(buffer: Buffer, from: number, length: number, listener: AnswerListener): number {
    let at = from;
    while (at < length) {
      switch (this.#state) {
        case 'unseen':
        case 'head':
          at = this.#readHead(listener, at, length);
          break;
        case 'length':
          at = this.#readLength(listener, at, length);
          break;
        case 'chunks':
          at = this.#readChunks(at, length);
          break;
        case 'until-close':
          listener.data(buffer, at, length, null);
          return length;
        default:
          return at;
      }
    }
    return at;
  }

  /** @returns the index behind the head in what was read */
  #readHead(listener: AnswerListener, at: number, length: number): number {
    const fresh = this.#buffer.toString('latin1', at, this.#endOfHead(at, length));
    const before = this.#begun.length;
    const text = this.#begun + fresh;
    this.#state = 'head';
    const reading = this.head.read(text);
    if (reading === 'more') {
      this.#begun = text;
      return at + fresh.length;
    }
    if (reading === 'bad') {
      this.#state = 'bad';
      return length;
    }
    this.#begun = '';
    this.#text = fresh;
    this.#textAt = at;
    this.#takeHead(listener);
    return at + this.head.end - before;
  }

  /** How far to look for a head. A body behind it would be kept in memory for as long as the head is remembered. */
  #endOfHead(at: number, length: number): number {
    if (length - at <= SMALL_BYTES) return length;
    const most = Math.min(length, at + HEAD_BYTES);
    const end = this.#buffer.indexOf('\r\n\r\n', at) + 4;
    return end < at + 4 || end > most ? most : end;
  }

  #takeHead(listener: AnswerListener): void {
    const { status, contentLength, chunked } = this.head;
    if (status === 102 || status === 103) {
      this.#interimAnswers += 1;
      if (this.#interimAnswers > MOST_INTERIM_ANSWERS) this.#state = 'bad';
      else listener.information(this.head);
      return;
    }
    // A 101 without an upgrade, a 100 that nobody asked for, or a number that is no status (RFC 9110 §15).
    if (status < 200 || status > 599) {
      this.#state = 'bad';
      return;
    }
    const hasBody = !this.#isHead && status !== 204 && status !== 304;
    const passes = listener.head(this.head, hasBody);
    if (this.#state === 'stopped') return;
    if (!passes) this.#state = 'bad';
    else if (!hasBody || contentLength === 0) this.#state = 'over';
    else if (chunked) {
      this.#state = 'chunks';
      this.#chunks.restart();
    } else if (contentLength !== null) {
      this.#state = 'length';
      this.#left = contentLength;
    } else this.#state = 'until-close';
  }

  #readLength(listener: AnswerListener, at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    listener.data(this.#buffer, at, end, this.#behindHead(at, end));
    this.#left -= end - at;
    if (this.#left === 0 && this.#state === 'length') this.#state = 'over';
    return end;
  }

  /** The piece of the buffer as characters, where it was read together with the head. */
  #behindHead(start: number, end: number): string | null {
    const from = start - this.#textAt;
    const to = end - this.#textAt;
    return this.#text !== '' && to <= this.#text.length ? this.#text.slice(from, to) : null;
  }

  #readChunks(at: number, length: number): number {
    const next = this.#chunks.read(this.#buffer, at, length, this.#onChunkData);
    if (next === -1) {
      this.#state = 'broken';
      return length;
    }
    if (this.#chunks.isOver && this.#state === 'chunks') {
      this.#state = 'over';
      this.trailers = this.#chunks.trailers;
    }
    return next;
  }

  #onChunkData = (start: number, end: number): void => {
    this.#listener?.data(this.#buffer, start, end, null);
  };
}
