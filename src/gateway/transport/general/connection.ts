import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import type { Clock } from '../../../kernel/clock.ts';

/** A request that is being answered. */
export interface Underway {
  /** The request proved broken behind its head. */
  giveUp(code: RejectionCode): void;
  /** Looks whether the client keeps up. */
  tick(now: number): void;
}

export interface ConnectionParts {
  readonly clock: Clock;
  /** How long what is left of an answered request may take to arrive, in milliseconds. */
  readonly leftoverMs: () => number;
  /** Begins to answer a request. The connection sees its end when `res` closes. */
  begin(connection: Connection, req: IncomingMessage, res: ServerResponse): Underway;
  /** Refuses what never became a request. */
  lastWords(socket: Socket, code: RejectionCode): void;
  /** Whether the next answer of each connection is its last. */
  isLastCall(): boolean;
}

interface Parsed {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** How many requests may wait behind the one that is being answered. A client that sends more gets that one answer, and is closed. */
const MOST_WAITING = 128;

/** How long a client may take to read the last answer and to close, in milliseconds (RFC 9112 §9.6). */
const LINGER_MS = 2_000;

/**
 * A client's connection: takes its requests one after the other. node:http hands over a pipelined request while the
 * one before it is being answered, and an unparsable one at once; here each waits for its turn, so that answers are
 * in order and none is cut off by the next one's refusal.
 */
export class Connection {
  readonly socket: Socket;
  /** The address of the other end; empty when it has gone already. */
  readonly peer: string;
  readonly #parts: ConnectionParts;
  readonly #waiting: Parsed[] = [];
  /** What was parsed last; when it is answered before it has arrived, the rest is read and thrown away. */
  #latest: IncomingMessage | null = null;
  #answeredAt = 0;
  #underway: Underway | null = null;
  #lastWords: RejectionCode | null = null;
  /** No further request is taken. */
  #sealed = false;
  /** Nothing that comes is looked at any more. */
  #deaf = false;
  /** The request behind which nothing more will be taken. */
  #final: IncomingMessage | null = null;

  constructor(socket: Socket, parts: ConnectionParts) {
    this.socket = socket;
    this.peer = socket.remoteAddress ?? '';
    this.#parts = parts;
    this.#lingerOnClose();
  }

  /** Whether a request is being answered. */
  get busy(): boolean {
    return this.#underway !== null;
  }

  /** Whether nothing is being answered, and something may be taken. */
  get idle(): boolean {
    return this.#underway === null && !this.#sealed;
  }

  /** Whether the answer now under way is the last one. */
  readonly isLast = (): boolean =>
    (this.#sealed || this.#parts.isLastCall()) && this.#waiting.length === 0 && this.#lastWords === null;

  /** Takes a request that node:http has parsed. */
  request(req: IncomingMessage, res: ServerResponse): void {
    // What a closing connection leaves unanswered, its client may send again (RFC 9112 §9.3.2).
    if (this.#sealed || !this.socket.writable) {
      this.#stopParsing();
      return;
    }
    this.#latest = req;
    if (req === this.#final) this.#sealed = true;
    if (this.#underway === null) {
      this.#begin({ req, res });
      return;
    }
    this.#waiting.push({ req, res });
    if (this.#waiting.length > MOST_WAITING) {
      this.#sealed = true;
      this.#waiting.length = 0;
      this.#stopParsing();
    }
  }

  /** Says of a request that is about to be taken that it is the last. */
  endsWith(req: IncomingMessage): void {
    this.#final = req;
  }

  /** The client has sent what is no request, or a broken one. Its refusal is the last answer. */
  broken(code: RejectionCode): void {
    if (this.#deaf) return;
    this.#deaf = true;
    const cutShort = this.#latest !== null && !this.#latest.complete;
    // It was answered before, or nobody would have looked at it: there is nothing to add.
    const nothingToSay = cutShort ? this.#underway === null : this.#sealed;
    this.#sealed = true;
    if (nothingToSay) {
      if (this.#underway === null) this.socket.destroySoon();
    } else if (cutShort && this.#waiting.length === 0) {
      this.#underway?.giveUp(code);
    } else {
      if (cutShort) this.#waiting.pop();
      this.#lastWords = code;
      if (this.#underway === null) this.#speakLast(code);
    }
  }

  /** Takes no further request, and closes when those that were taken are answered. */
  drain(): void {
    this.#sealed = true;
    if (this.#underway === null) this.socket.destroySoon();
  }

  /** Looks whether the client keeps up. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    if (this.#underway !== null) this.#underway.tick(now);
    else if (this.#latest?.complete === false && now - this.#answeredAt > this.#parts.leftoverMs()) {
      this.socket.destroy();
    }
  }

  #begin({ req, res }: Parsed): void {
    this.#underway = this.#parts.begin(this, req, res);
    // Behind the listeners of whoever answers it, so that its account comes before the next one begins.
    res.once('close', () => this.#answered());
  }

  #answered(): void {
    this.#underway = null;
    this.#answeredAt = this.#parts.clock.monotonic();
    if (!this.socket.writable) return;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else if (this.#lastWords !== null) this.#speakLast(this.#lastWords);
    else if (this.#sealed) this.socket.destroySoon();
  }

  #speakLast(code: RejectionCode): void {
    this.#parts.lastWords(this.socket, code);
    this.socket.destroySoon();
  }

  /**
   * A socket that is closed while the client still sends is reset, and the reset can overtake the answer. So where
   * more may come, the last answer is followed by an end of our own, and the client gets time for its.
   */
  #lingerOnClose(): void {
    const { socket } = this;
    const destroySoon = socket.destroySoon.bind(socket);
    socket.destroySoon = () => {
      const moreMayCome = this.#lastWords !== null || this.#latest?.complete === false;
      if (moreMayCome) this.#linger();
      else destroySoon();
    };
  }

  #linger(): void {
    this.#sealed = true;
    this.socket.end();
    this.#stopParsing();
    const cancel = this.#parts.clock.after(LINGER_MS, () => this.socket.destroy());
    this.socket.once('close', cancel);
  }

  /** What still comes is read past the parser, which would make ever more requests of it, and thrown away. */
  #stopParsing(): void {
    this.#deaf = true;
    this.socket.removeAllListeners('data');
    this.socket.on('data', () => {});
    this.socket.resume();
  }
}
