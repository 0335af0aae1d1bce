import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { RejectionCode } from '../../../domain/rejection.ts';
import type { TargetOptions } from '../../forward/target.ts';
import { ChunkReader } from './chunk-reader.ts';
import { ResponseReader } from './response-reader.ts';

/**
 * Hears what becomes of a request on an upstream connection. After `end`, `failed` or `cut` it hears nothing more of
 * that request, but for `readOver`.
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
  /** There will be no answer. */
  failed(code: RejectionCode, progress: Progress): void;
  /** The answer broke off behind its head. */
  cut(): void;
  onBug(bug: unknown): void;
}

/** How far a request had come when it failed: the upstream has not seen it, may have, or had begun to answer. */
export type Progress = 'unsent' | 'sent' | 'answering';

/** Where a connection is opened to. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** Its request is over, and it can carry another. */
  released(connection: UpstreamConnection): void;
  closed(connection: UpstreamConnection): void;
}

/** What the connection waits for. `body-until-close` is a body that ends with the connection. */
type Phase = 'connecting' | 'idle' | 'sending' | 'head' | 'length' | 'chunks' | 'until-close' | 'closed';

const BUFFER_BYTES = 64 * 1024;
/** A head is looked for in so many bytes of one reading. */
const HEAD_BYTES = 16 * 1024;
/** What is so small is read as a whole, its body with it. */
const SMALL_BYTES = 2 * 1024;
/** RFC 9110 §15.2 bounds nothing here; an upstream that sends more of them is not going to answer. */
const MOST_INTERIM_ANSWERS = 16;

/** A connection to one target, which carries one request at a time. */
export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #options: TargetOptions;
  readonly #reader = new ResponseReader();
  readonly #chunks = new ChunkReader();
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #lent = false;
  /** The listener has asked for a pause. */
  #held = false;
  #phase: Phase = 'connecting';
  #listener: AnswerListener | null;
  #isHead = false;
  /** A head that has not all come. */
  #begun = '';
  /** What of this reading was read as characters, and where in the buffer it begins. */
  #text = '';
  #textAt = 0;
  /** Bytes of the body that are still to come. */
  #left = 0;
  #interimAnswers = 0;
  #requestComplete = false;
  #keepMs: number;
  /** When the wait was first looked at, in milliseconds of the monotonic clock; null when it is a new one. */
  #waitingSince: number | null = null;

  constructor(to: Destination, options: TargetOptions, owner: ConnectionOwner, listener: AnswerListener) {
    this.#owner = owner;
    this.#options = options;
    this.#keepMs = options.keepAliveMs;
    this.#listener = listener;
    this.#socket = dial(to, { buffer: this.#nextBuffer, callback: this.#onRead });
    const { secure } = to;
    this.#socket.setNoDelay(true);
    this.#socket.once(secure ? 'secureConnect' : 'connect', this.#onConnect);
    this.#socket.on('drain', this.#onDrain);
    this.#socket.once('end', this.#onEnd);
    this.#socket.on('error', this.#onError);
    this.#socket.once('close', this.#onClose);
  }

  /** Whether a request can be written. */
  get isOpen(): boolean {
    return this.#phase === 'idle';
  }

  /** Takes a request whose answer `listener` hears. The connection is open. */
  assign(listener: AnswerListener): void {
    this.#listener = listener;
    listener.opened(this);
  }

  /**
   * Writes a request, or its beginning.
   * @param head request line, headers and as much of the body as stands in characters, one for each byte
   * @param body what follows as bytes, or null
   * @param complete whether that is all of it
   * @returns false when the upstream should be given time, until `drained`
   */
  send(head: string, body: Buffer | null, complete: boolean, isHead: boolean): boolean {
    this.#phase = 'sending';
    this.#isHead = isHead;
    this.#begun = '';
    this.#interimAnswers = 0;
    this.#requestComplete = complete;
    this.#waitingSince = null;
    if (body === null) return this.#socket.write(head, 'latin1');
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    const flowing = this.#socket.write(body);
    this.#socket.uncork();
    return flowing;
  }

  /** Writes more of the body. @returns as `send` does */
  sendMore(body: Buffer, complete: boolean): boolean {
    this.#requestComplete = complete;
    this.#waitingSince = null;
    return this.#socket.write(body);
  }

  /** Keeps the bytes that `data` brought from being read into again. @returns how large their buffer is */
  lend(): number {
    this.#lent = true;
    return BUFFER_BYTES;
  }

  /** Lets the answer flow again after `readOver` returned false. */
  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#waitingSince = null;
    this.#socket.resume();
  }

  /** Closes the connection; the listener hears nothing more. */
  destroy(): void {
    this.#listener = null;
    this.#phase = 'closed';
    this.#socket.destroy();
  }

  /** Looks whether what is waited for takes too long. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    this.#waitingSince ??= now;
    const waited = now - this.#waitingSince;
    const { connectTimeoutMs, headTimeoutMs, idleTimeoutMs } = this.#options;
    switch (this.#phase) {
      case 'connecting':
        if (waited >= connectTimeoutMs) this.#fail('forward.connect-timeout', 'unsent');
        break;
      case 'idle':
        if (waited >= this.#keepMs) this.destroy();
        break;
      case 'sending':
      case 'head':
        if (this.#requestComplete && waited >= headTimeoutMs) this.#fail('forward.head-timeout', 'sent');
        break;
      case 'closed':
        break;
      default:
        if (idleTimeoutMs > 0 && waited >= idleTimeoutMs && !this.#held) this.#cut();
    }
  }

  #nextBuffer = (): Buffer => {
    if (this.#lent) {
      this.#lent = false;
      this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    }
    return this.#buffer;
  };

  #onConnect = (): void => {
    this.#phase = 'idle';
    this.#waitingSince = null;
    this.#listener?.opened(this);
  };

  #onDrain = (): void => {
    this.#waitingSince = null;
    this.#listener?.drained();
  };

  #onRead = (length: number): boolean => {
    const listener = this.#listener;
    if (listener === null) {
      // What comes when nothing was asked for could pass for the answer to the next request.
      this.destroy();
      return false;
    }
    // The time for a head is not begun anew by a part of it.
    if (this.#phase !== 'sending' && this.#phase !== 'head') this.#waitingSince = null;
    try {
      this.#text = '';
      this.#read(listener, length);
      this.#held = !listener.readOver();
    } catch (bug) {
      listener.onBug(bug);
      if (this.#phase === 'sending' || this.#phase === 'head') this.#fail('gateway.bug', 'answering');
      else this.#cut();
    }
    return !this.#held;
  };

  #read(listener: AnswerListener, length: number): void {
    let at = 0;
    while (at < length) {
      switch (this.#phase) {
        case 'sending':
        case 'head':
          at = this.#readHead(listener, at, length);
          break;
        case 'length':
          at = this.#readLength(listener, at, length);
          break;
        case 'chunks':
          at = this.#readChunks(listener, at, length);
          break;
        case 'until-close':
          listener.data(this.#buffer, at, length, null);
          return;
        default:
          return;
      }
    }
  }

  /** @returns the index behind the head in what was read */
  #readHead(listener: AnswerListener, at: number, length: number): number {
    const fresh = this.#buffer.toString('latin1', at, this.#endOfHead(at, length));
    const before = this.#begun.length;
    const text = this.#begun + fresh;
    this.#phase = 'head';
    const reading = this.#reader.read(text);
    if (reading === 'more') {
      this.#begun = text;
      return at + fresh.length;
    }
    if (reading === 'bad') {
      this.#fail('forward.bad-response', 'answering');
      return length;
    }
    this.#begun = '';
    this.#text = fresh;
    this.#textAt = at;
    const next = at + this.#reader.end - before;
    if (!this.#takeHead(listener)) this.#fail('forward.bad-response', 'answering');
    else if (this.#phase !== 'head' && this.#isOver()) this.#end(listener, '', next < length);
    return next;
  }

  /** How far to look for a head. A body behind it would be kept in memory for as long as the head is remembered. */
  #endOfHead(at: number, length: number): number {
    if (length - at <= SMALL_BYTES) return length;
    const most = Math.min(length, at + HEAD_BYTES);
    const end = this.#buffer.indexOf('\r\n\r\n', at) + 4;
    return end < at + 4 || end > most ? most : end;
  }

  /** @returns false when the head is not one that may be passed on */
  #takeHead(listener: AnswerListener): boolean {
    const { status, contentLength, chunked } = this.#reader;
    if (status === 102 || status === 103) {
      this.#interimAnswers += 1;
      if (this.#interimAnswers > MOST_INTERIM_ANSWERS) return false;
      listener.information(this.#reader);
      return true;
    }
    // A 101 without an upgrade, a 100 that nobody asked for, or a number that is no status (RFC 9110 §15).
    if (status < 200 || status > 599) return false;
    this.#waitingSince = null;
    const hasBody = !this.#isHead && status !== 204 && status !== 304;
    if (!listener.head(this.#reader, hasBody)) return false;
    if (!hasBody) {
      this.#phase = 'length';
      this.#left = 0;
    } else if (chunked) {
      this.#phase = 'chunks';
      this.#chunks.restart();
    } else if (contentLength !== null) {
      this.#phase = 'length';
      this.#left = contentLength;
    } else this.#phase = 'until-close';
    return true;
  }

  #isOver(): boolean {
    return this.#phase === 'length' && this.#left === 0;
  }

  #readLength(listener: AnswerListener, at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    if (end > at) listener.data(this.#buffer, at, end, this.#behindHead(at, end));
    this.#left -= end - at;
    if (this.#left === 0) this.#end(listener, '', end < length);
    return end;
  }

  /** The piece of the buffer as characters, where it was read together with the head. */
  #behindHead(start: number, end: number): string | null {
    const from = start - this.#textAt;
    const to = end - this.#textAt;
    return this.#text !== '' && to <= this.#text.length ? this.#text.slice(from, to) : null;
  }

  #readChunks(listener: AnswerListener, at: number, length: number): number {
    const next = this.#chunks.read(this.#buffer, at, length, this.#onChunkData);
    if (next === -1) {
      this.#cut();
      return length;
    }
    if (this.#chunks.isOver) this.#end(listener, this.#chunks.trailers, next < length);
    return next;
  }

  #onChunkData = (start: number, end: number): void => {
    this.#listener?.data(this.#buffer, start, end, null);
  };

  /** @param stray whether more has come than the answer */
  #end(listener: AnswerListener, trailers: string, stray: boolean): void {
    const { closes, keepAliveSeconds } = this.#reader;
    const { keepAliveMs } = this.#options;
    // A second earlier than the upstream would close it: requests cross its end on the way.
    this.#keepMs =
      keepAliveSeconds === null ? keepAliveMs : Math.min(keepAliveMs, keepAliveSeconds * 1000 - 1000);
    // A server that does not know that a response to HEAD has no body may still send one.
    const reusable = !stray && !closes && !this.#isHead && this.#requestComplete && this.#keepMs > 0;
    this.#listener = null;
    this.#waitingSince = null;
    if (reusable) this.#phase = 'idle';
    else this.destroy();
    listener.end(trailers);
    if (reusable) this.#owner.released(this);
  }

  #fail(code: RejectionCode, progress: Progress): void {
    const listener = this.#listener;
    this.destroy();
    listener?.failed(code, progress);
  }

  #cut(): void {
    const listener = this.#listener;
    this.destroy();
    listener?.cut();
  }

  #onEnd = (): void => {
    const listener = this.#listener;
    if (this.#phase === 'until-close' && listener !== null) {
      this.#end(listener, '', true);
      listener.readOver();
    } else this.#lost();
  };

  #onError = (): void => {
    this.#lost();
  };

  #onClose = (): void => {
    this.#lost();
    this.#owner.closed(this);
  };

  /** The connection is gone before its request was over. */
  #lost(): void {
    switch (this.#phase) {
      case 'connecting':
        this.#fail('forward.connect', 'unsent');
        break;
      case 'sending':
        this.#fail('forward.reset', 'sent');
        break;
      case 'head':
        this.#fail('forward.reset', 'answering');
        break;
      case 'closed':
        break;
      case 'idle':
        this.destroy();
        break;
      default:
        this.#cut();
    }
  }
}

/** Begins to connect. A TLS target is called, and held to, the name that the configuration gives it. */
function dial({ host, port, secure }: Destination, onread: OnReadOpts): Socket {
  if (!secure) return connect({ host, port, onread });
  const options: ConnectionOptions & { onread: OnReadOpts } = {
    host,
    port,
    onread,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  return connectTls(options);
}
