import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { AnswerWriter } from './answer-writer.ts';
import { ClientReading } from './client-reading.ts';
import { ClientWait, type ClientWaiting } from './client-wait.ts';
import { FastExchange } from './exchange.ts';
import type { FastOptions } from './options.ts';
import { type Reading, RequestReader } from './request-reader.ts';

/** What a connection tells the server. */
export interface ClientOwner {
  /** The connection is somebody else's from now on, with what was read of it pushed back. */
  handedOver(connection: ClientConnection): void;
  closed(connection: ClientConnection): void;
  /** Refuses what never became a request. */
  lastWords(socket: Socket, code: RejectionCode): void;
  /** Whether the next answer of each connection is its last. */
  readonly isLastCall: boolean;
}

/** In how many pieces a head may come. */
const MOST_PIECES = 8;
/** So much is read ahead of an answer, and then no more. A client that is not read is not seen to go. */
const MOST_AHEAD = 16 * 1024;

/**
 * A client's connection: takes its requests one after the other, and reads little further than one. At the first bytes
 * that are not a plain request it hands the connection over, with these bytes pushed back, and forgets it.
 */
export class ClientConnection {
  readonly socket: Socket;
  readonly writer: AnswerWriter;
  /** The address of the other end; empty when it has gone already. */
  readonly peer: string;
  peerTrusted: boolean;
  /** Bytes of the request's body that are still to come. */
  bodyLeft = 0;
  readonly #incoming: ClientReading;
  readonly #owner: ClientOwner;
  #options: FastOptions;
  /** What to go by when the request under way is over, where that is something else. */
  #toAdopt: FastOptions | null = null;
  #reader: RequestReader;
  #exchange: FastExchange | null = null;
  /** What was not read yet. */
  #bytes: Buffer | null = null;
  #pieces = 0;
  #reading = false;
  #isFirst = true;
  /** Nothing more is taken from the client. */
  #sealed = false;
  /** The last answer is out: the client is given time to read it, and what it sends is thrown away. */
  #lingering = false;
  readonly #wait = new ClientWait();

  constructor(accepted: Socket, owner: ClientOwner, options: FastOptions) {
    this.#incoming = new ClientReading(accepted, this.#onBytes);
    const { socket } = this.#incoming;
    this.socket = socket;
    this.writer = new AnswerWriter(socket);
    this.peer = socket.remoteAddress ?? '';
    this.peerTrusted = options.isTrusted(this.peer);
    this.#owner = owner;
    this.#options = options;
    this.#reader = new RequestReader(options.rules, options.limits.headSize);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#lost);
    socket.on('close', this.#onClose);
  }

  /** Whether nothing that is written reaches the client any more. */
  get isGone(): boolean {
    return !this.socket.writable;
  }

  /** Whether a request is being answered. */
  get isBusy(): boolean {
    return this.#exchange !== null;
  }

  /** Whether an answer that begins now is the last one. */
  get isLast(): boolean {
    return (this.#sealed || this.#owner.isLastCall) && this.#bytes === null;
  }

  /** Whether it is the client that an upload waits for. */
  get isWaitedFor(): boolean {
    return !this.socket.isPaused();
  }

  /** Whether the client leaves untouched what was written. */
  get isBehind(): boolean {
    return this.socket.writableNeedDrain || (this.#exchange !== null && this.socket.writableLength > 0);
  }

  /** From the next request on, goes by other options; what of it is here already is read anew. */
  adopt(options: FastOptions): void {
    if (this.#exchange !== null) {
      this.#toAdopt = options;
      return;
    }
    this.#toAdopt = null;
    this.#options = options;
    this.#reader = new RequestReader(options.rules, options.limits.headSize);
    this.peerTrusted = options.isTrusted(this.peer);
  }

  /** Takes no further request, and closes when the one under way is answered. */
  drain(): void {
    this.#sealed = true;
    if (this.#exchange === null) this.#close();
  }

  /** Lets the client go on sending. */
  resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  /** Tells the exchange when all that was written has been taken by the system. */
  tellWhenWritten(): void {
    this.socket.write('', this.#onWritten);
  }

  /** @param closes whether the answer said that the connection ends with it */
  exchangeOver(closes: boolean): void {
    this.#exchange = null;
    if (this.#toAdopt !== null) this.adopt(this.#toAdopt);
    if (this.isGone) return;
    this.#wait.anew(this.bodyLeft > 0 ? this.#options.clock.monotonic() : null);
    if (closes || (this.#sealed && this.#bytes === null)) this.#close();
    else if (this.#bytes === null) this.resume();
    else if (!this.#reading) this.#read();
  }

  /** Looks whether the client keeps up. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    if (this.#exchange !== null) {
      this.#exchange.tick(now);
      return;
    }
    const waiting = this.#waiting;
    if (!this.#wait.isOverdue(now, waiting, this.#options.limits)) return;
    if (waiting === 'head') this.#speakLast('listen.timeout');
    else if (waiting === 'request') this.#close();
    else this.socket.destroy();
  }

  get #waiting(): ClientWaiting {
    if (this.#lingering) return 'close';
    if (this.bodyLeft > 0) return 'body';
    return this.#bytes !== null || this.#isFirst ? 'head' : 'request';
  }

  #onBytes = (bytes: Buffer): void => {
    if (this.#lingering) return;
    const rest = this.bodyLeft > 0 ? this.#takeBody(bytes) : bytes;
    if (rest === null || (this.#sealed && this.#exchange !== null)) return;
    this.#bytes = this.#bytes === null ? rest : Buffer.concat([this.#bytes, rest]);
    if (this.#exchange === null) this.#read();
    else if (this.#bytes.length > MOST_AHEAD) this.socket.pause();
    if (this.#bytes !== null) this.#bytes = this.#incoming.kept(this.#bytes);
  };

  /** @returns what is not the body's, or null */
  #takeBody(bytes: Buffer): Buffer | null {
    const isAll = bytes.length <= this.bodyLeft;
    const part = this.#incoming.toWrite(isAll ? bytes : bytes.subarray(0, this.bodyLeft));
    const rest = isAll ? null : bytes.subarray(this.bodyLeft);
    this.bodyLeft -= part.length;
    if (this.bodyLeft === 0) this.#wait.anew();
    const flowing = this.#exchange?.upload(part) ?? true;
    this.#incoming.written(part, this.#exchange?.holdsBody ?? false);
    if (!flowing && this.bodyLeft > 0) this.socket.pause();
    return rest;
  }

  /** Takes request after request, as long as each is answered at once and there are more. */
  #read(): void {
    this.#reading = true;
    while (this.#exchange === null && this.#bytes !== null && !this.isGone) {
      const reading = this.#judge(this.#bytes);
      if (reading === null) {
        this.#speakLast('gateway.bug');
        break;
      }
      // Who is told to stop takes what is here already, and waits for no more.
      if (reading !== 'head' && this.#sealed) {
        this.#close();
        break;
      }
      if (reading === 'more' && this.#pieces < MOST_PIECES) {
        if (this.#pieces === 0) this.#wait.anew();
        this.#pieces += 1;
        this.resume();
        break;
      }
      if (reading !== 'head' || (this.#reader.headers.contentLength ?? 0) > this.#options.limits.bodySize) {
        this.#handOver(this.#bytes);
        break;
      }
      this.#begin(this.#bytes);
    }
    this.#reading = false;
  }

  #judge(bytes: Buffer): Reading | null {
    try {
      return this.#reader.readBytes(bytes);
    } catch (bug) {
      this.#options.onBug(bug, null);
      return null;
    }
  }

  /** Lets the request that was read into the pipeline. */
  #begin(bytes: Buffer): void {
    const { headers, end } = this.#reader;
    const bodyLength = headers.contentLength ?? 0;
    const bodyEnd = Math.min(bytes.length, end + bodyLength);
    this.bodyLeft = end + bodyLength - bodyEnd;
    this.#bytes = bodyEnd < bytes.length ? bytes.subarray(bodyEnd) : null;
    this.#pieces = 0;
    this.#isFirst = false;
    if (bytes.length - bodyEnd > MOST_AHEAD) this.socket.pause();
    else this.resume();
    const arrival = this.#reader.arrival(this.peer);
    const body = bodyEnd > end ? this.#incoming.toWrite(bytes.subarray(end, bodyEnd)) : null;
    const exchange = new FastExchange(arrival, headers, body, this, this.#options);
    this.#exchange = exchange;
    this.#options.pipeline.enter(exchange);
    if (body !== null) this.#incoming.written(body, exchange.holdsBody);
  }

  /** Gives the connection to whoever can judge what has come, as if nothing had been read. */
  #handOver(bytes: Buffer): void {
    this.#letGo();
    this.#incoming.handOver(bytes);
    this.#owner.handedOver(this);
    this.socket.resume();
  }

  #letGo(): void {
    this.#bytes = null;
    this.socket.off('drain', this.#onDrain);
    this.socket.off('end', this.#onEnd);
    this.socket.off('error', this.#lost);
    this.socket.off('close', this.#onClose);
  }

  #onDrain = (): void => {
    this.#exchange?.clientDrained();
  };

  #onWritten = (error?: Error | null): void => {
    if (!error) this.#exchange?.written();
  };

  /** The client has ended its side. */
  #onEnd = (): void => {
    if (this.#exchange !== null) {
      if (this.bodyLeft > 0) this.#exchange.giveUp('listen.bad-framing');
      // Nobody waits for an answer on a connection that it has ended.
      else this.#lost();
    } else if (this.#bytes !== null && !this.#lingering) this.#speakLast('listen.bad-framing');
    else this.socket.destroySoon();
  };

  /** Nobody waits for an answer any more, so the request is over before the system has closed the connection. */
  #lost = (): void => {
    this.socket.destroy();
    this.#exchange?.clientGone();
  };

  #onClose = (): void => {
    this.#lost();
    this.#owner.closed(this);
  };

  #speakLast(code: RejectionCode): void {
    this.#sealed = true;
    this.#owner.lastWords(this.socket, code);
    this.#close();
  }

  /**
   * A socket that is closed while the client still sends is reset, and the reset can overtake the answer. So where
   * more may come, the last answer is followed by an end of our own, and the client gets time for its.
   */
  #close(): void {
    this.#sealed = true;
    this.#lingering = true;
    this.#wait.anew();
    if (this.bodyLeft === 0 && this.#bytes === null) {
      this.socket.destroySoon();
      return;
    }
    this.#bytes = null;
    this.socket.end();
    this.resume();
  }
}
