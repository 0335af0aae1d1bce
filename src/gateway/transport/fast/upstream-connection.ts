import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { agedEarly, type TargetOptions } from '../../forward/target.ts';
import { isRefusedAddress } from '../../forward/target-lookup.ts';
import { certificateFault } from '../../forward/target-tls.ts';
import type { AnswerListener, Progress } from './answer-listener.ts';
import { AnswerReader } from './answer-reader.ts';
import { type Destination, dial } from './dial.ts';

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** Its request is over, and it can carry another. */
  released(connection: UpstreamConnection): void;
  closed(connection: UpstreamConnection): void;
}

/** `busy`: a request was written, and its answer is not over. */
type Phase = 'connecting' | 'idle' | 'busy' | 'closed';

const BUFFER_BYTES = 64 * 1024;

/** A connection to one target, which carries one request at a time. */
export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #options: TargetOptions;
  readonly #answer = new AnswerReader();
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #lent = false;
  /** The listener has asked for a pause. */
  #held = false;
  #phase: Phase = 'connecting';
  #listener: AnswerListener | null;
  #isHead = false;
  #requestComplete = false;
  #keepMs: number;
  /** When it was first looked at, and whether it is not to be used again, for its age. */
  #seenSince: number | null = null;
  #isAged = false;
  readonly #maxAgeMs: number;
  /** When the wait was first looked at, in milliseconds of the monotonic clock; null when it is a new one. */
  #waitingSince: number | null = null;

  constructor(to: Destination, options: TargetOptions, owner: ConnectionOwner, listener: AnswerListener) {
    this.#owner = owner;
    this.#options = options;
    this.#keepMs = options.keepAliveMs;
    this.#listener = listener;
    this.#maxAgeMs = options.maxAgeMs === undefined ? Number.POSITIVE_INFINITY : agedEarly(options.maxAgeMs);
    this.#socket = dial(to, options.tls, { buffer: this.#nextBuffer, callback: this.#onRead });
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
    this.#phase = 'busy';
    this.#isHead = isHead;
    this.#answer.restart(isHead);
    this.#requestComplete = complete;
    this.#waitingSince = null;
    if (body === null) return this.#socket.write(head, 'latin1');
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    const flowing = this.#socket.write(body);
    this.#socket.uncork();
    return flowing || !this.isBehind;
  }

  /** Writes more of the body. @returns as `send` does */
  sendMore(body: Buffer, complete: boolean): boolean {
    this.#requestComplete = complete;
    this.#waitingSince = null;
    const flowing = this.#socket.write(body);
    // What the system has taken may have been large enough for the socket to ask for a pause.
    return flowing || !this.isBehind;
  }

  /** Whether the system is still to read from what was written. */
  get isBehind(): boolean {
    return this.#socket.writableLength > 0;
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
    this.#answer.stop();
    this.#socket.destroy();
  }

  /** Looks whether what is waited for takes too long. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    this.#waitingSince ??= now;
    this.#seenSince ??= now;
    this.#isAged = now - this.#seenSince >= this.#maxAgeMs;
    const waited = now - this.#waitingSince;
    const { connectTimeoutMs, headTimeoutMs, idleTimeoutMs } = this.#options;
    switch (this.#phase) {
      case 'connecting':
        if (waited >= connectTimeoutMs) this.#fail('forward.connect-timeout', 'unsent');
        break;
      case 'idle':
        if (waited >= this.#keepMs || this.#isAged) this.destroy();
        break;
      case 'busy':
        if (this.#answer.isBeforeBody) {
          if (this.#requestComplete && waited >= headTimeoutMs) this.#fail('forward.head-timeout', 'sent');
        } else if (idleTimeoutMs > 0 && waited >= idleTimeoutMs && !this.#held) this.#cut();
        break;
      case 'closed':
        break;
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
    try {
      this.#read(listener, length);
      this.#held = !listener.readOver();
    } catch (bug) {
      listener.onBug(bug);
      if (this.#phase === 'busy' && this.#answer.isBeforeBody) this.#fail('gateway.bug', 'answering');
      else this.#cut();
    }
    return !this.#held;
  };

  #read(listener: AnswerListener, length: number): void {
    const next = this.#answer.read(this.#buffer, length, listener);
    // The time for a head is not begun anew by a part of it.
    if (!this.#answer.isBeforeBody) this.#waitingSince = null;
    switch (this.#answer.state) {
      case 'over':
        this.#end(listener, this.#answer.trailers, next < length);
        break;
      case 'bad':
        this.#fail('forward.bad-response', 'answering');
        break;
      case 'broken':
        this.#cut();
        break;
    }
  }

  /** @param stray whether more has come than the answer */
  #end(listener: AnswerListener, trailers: string, stray: boolean): void {
    const { closes, keepAliveSeconds } = this.#answer.head;
    const { keepAliveMs } = this.#options;
    // A second earlier than the upstream would close it: requests cross its end on the way.
    this.#keepMs =
      keepAliveSeconds === null ? keepAliveMs : Math.min(keepAliveMs, keepAliveSeconds * 1000 - 1000);
    // A server that does not know that a response to HEAD has no body may still send one.
    const isWhole = !stray && !closes && !this.#isHead && this.#requestComplete;
    const reusable = isWhole && this.#keepMs > 0 && !this.#isAged;
    this.#listener = null;
    this.#waitingSince = null;
    if (reusable) this.#phase = 'idle';
    else this.destroy();
    listener.end(trailers);
    if (reusable) this.#owner.released(this);
  }

  #fail(code: RejectionCode, progress: Progress, reason: string | null = null): void {
    const listener = this.#listener;
    this.destroy();
    listener?.failed(code, progress, reason);
  }

  #cut(): void {
    const listener = this.#listener;
    this.destroy();
    listener?.cut();
  }

  #onEnd = (): void => {
    const listener = this.#listener;
    if (this.#phase === 'busy' && this.#answer.state === 'until-close' && listener !== null) {
      this.#end(listener, '', true);
      listener.readOver();
    } else this.#lost();
  };

  #onError = (error: NodeJS.ErrnoException): void => {
    const connecting = this.#phase === 'connecting';
    const unseen = connecting || (this.#phase === 'busy' && this.#answer.state === 'unseen');
    const fault = unseen ? certificateFault(error) : null;
    if (isRefusedAddress(error)) this.#fail('forward.address', 'unsent');
    else if (fault !== null) this.#fail('forward.certificate', connecting ? 'unsent' : 'sent', fault);
    else this.#lost();
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
      case 'busy':
        if (!this.#answer.isBeforeBody) this.#cut();
        else this.#fail('forward.reset', this.#answer.state === 'unseen' ? 'sent' : 'answering');
        break;
      case 'idle':
        this.destroy();
        break;
      case 'closed':
        break;
    }
  }
}
