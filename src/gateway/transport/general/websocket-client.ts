import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline, Transform } from 'node:stream';
import type { Clock } from '../../../kernel/clock.ts';
import type { Refusal } from '../../refusal.ts';

/** Hears of the client until it is answered. */
export interface ClientEvents {
  /** Bytes have come that may not come before the answer. */
  early(): void;
  /** The connection is closed; the last event, and always sent. */
  closed(): void;
}

/**
 * The client's connection from the upgrade request until it is a tunnel or closed. Node's server has let go of it,
 * so heads and framing are written here. It is always read: bytes that come before the answer are an event, bytes
 * that come after a refusal are thrown away, and its end is seen at once.
 */
export class UpgradeClient {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #onData: () => void;
  readonly #onEnd: () => void;
  #answered = false;

  /**
   * @param graceMs how long a client may take to close after it was answered, in milliseconds
   */
  constructor(socket: Socket, clock: Clock, graceMs: number, events: ClientEvents) {
    this.#socket = socket;
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#onData = () => {
      if (!this.#answered) events.early();
    };
    // Who waits for a WebSocket does not close its side first.
    this.#onEnd = () => {
      if (!this.#answered) socket.destroy();
    };
    // What matters of an error is that the connection closes.
    socket.on('error', () => {});
    socket.on('data', this.#onData);
    socket.once('end', this.#onEnd);
    socket.once('close', () => events.closed());
  }

  get gone(): boolean {
    return this.#socket.destroyed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** @param sent called when the whole answer has left, and not when it could not */
  refuse({ status, headers, body }: Refusal, sent: () => void): void {
    this.#answered = true;
    const date = new Date(this.#clock.now()).toUTCString();
    this.#socket.write(
      head(status, ['Date', date, ...headers, 'Connection', 'close']) + body,
      'latin1',
      (error) => {
        if (error === null || error === undefined) sent();
      },
    );
    this.#closeSoon();
  }

  /**
   * Passes an answer of the upstream's back, and closes the connection.
   * @param headers names and values in turn, without those of the connection
   * @param idleMs how long it may stand still, in milliseconds
   * @param sent called when the whole answer has left, and not when it was cut short
   */
  passBack(response: IncomingMessage, headers: readonly string[], idleMs: number, sent: () => void): void {
    this.#answered = true;
    const status = response.statusCode ?? 0;
    const hasFraming = response.headers['content-length'] !== undefined || status === 204 || status === 304;
    const framing = hasFraming ? [] : ['Transfer-Encoding', 'chunked'];
    this.#socket.setTimeout(idleMs, () => this.#socket.destroy());
    this.#socket.write(head(status, [...headers, ...framing, 'Connection', 'close']), 'latin1');
    const done = (cut: Error | null | undefined) => {
      // A pipeline that was cut has destroyed the socket, so no end of the body was faked.
      if (cut !== null && cut !== undefined) return;
      sent();
      this.#closeSoon();
    };
    if (hasFraming) pipeline(response, this.#socket, done);
    else pipeline(response, inChunks(), this.#socket, done);
  }

  /** Says that protocols are switched, and leaves the connection to whoever is to read it from this tick on. */
  switchProtocols(headers: readonly string[]): Socket {
    this.#answered = true;
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.write(head(101, [...headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket']), 'latin1');
    return socket;
  }

  /** Ends our side, and gives the client time to read: closing with its bytes unread would destroy the answer on its way (RFC 9112 §9.6). */
  #closeSoon(): void {
    this.#socket.end();
    const cancel = this.#clock.after(this.#graceMs, () => this.#socket.destroy());
    this.#socket.once('close', cancel);
  }
}

/** @param headers names and values in turn */
function head(status: number, headers: readonly string[]): string {
  let lines = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${lines}\r\n`;
}

/** Frames a body in chunks (RFC 9112 §7.1). */
function inChunks(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      // An empty chunk would end the body.
      if (chunk.length > 0) {
        this.push(`${chunk.length.toString(16)}\r\n`, 'latin1');
        this.push(chunk);
        this.push('\r\n', 'latin1');
      }
      done();
    },
    flush(done) {
      done(null, '0\r\n\r\n');
    },
  });
}
