import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import type { TargetOptions } from '../../forward/target.ts';
import type { AnswerListener, Progress } from './answer-listener.ts';
import { AnswerReader } from './answer-reader.ts';
import { AnswerTurns, passOver } from './answer-turns.ts';
import { type ConnectionPhase, lossOf } from './connection-loss.ts';
import { ConnectionTimes } from './connection-times.ts';
import { type Destination, dial } from './dial.ts';
import { Gathering } from './gathering.ts';
import { ReadBuffer } from './read-buffer.ts';
import { RequestSender } from './request-sender.ts';

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** Its requests are over, and it can carry others. */
  released(connection: UpstreamConnection): void;
  closed(connection: UpstreamConnection): void;
  /** The target has sent what is no answer, or was not asked for: where its answers begin and end is in doubt. */
  doubted(): void;
}

/** A connection to one target, which carries one request at a time, or some that were written together. */
export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #answer = new AnswerReader();
  readonly #buffer = new ReadBuffer();
  readonly #times: ConnectionTimes;
  readonly #turns: AnswerTurns;
  readonly #sender: RequestSender;
  readonly #gathering: Gathering;
  #phase: ConnectionPhase = 'connecting';
  #isReading = false;
  /** The listener has asked for a pause. */
  #held = false;
  #isHead = false;
  #requestComplete = false;
  /** Answers will come that nobody waits for. */
  #isLast = false;

  constructor(to: Destination, options: TargetOptions, owner: ConnectionOwner, listener: AnswerListener) {
    this.#owner = owner;
    this.#times = new ConnectionTimes(options);
    this.#turns = new AnswerTurns(listener);
    this.#gathering = new Gathering(this.#turns);
    this.#socket = dial(to, options.tls, { buffer: this.#buffer.next, callback: this.#onRead });
    this.#sender = new RequestSender(this.#socket);
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
    this.#turns.first = listener;
    listener.opened(this);
  }

  /**
   * Keeps the requests that it takes from now on until `sendGathered`. The connection is open.
   * @param most how many it takes; when they have come, they are written at once
   */
  gather(most: number): void {
    this.#phase = 'gathering';
    this.#gathering.begin(most);
  }

  /** Takes a further request, without a body, behind those it has gathered. @returns false when it takes none */
  join(listener: AnswerListener): boolean {
    if (this.#phase !== 'gathering') return false;
    if (this.#gathering.isEmpty) {
      // Whose request should have been the first did not write it.
      this.destroy();
      return false;
    }
    this.#gathering.join(listener, this);
    return true;
  }

  /** Writes the requests that it has gathered, unless that is done. */
  sendGathered(): void {
    if (this.#phase !== 'gathering') return;
    if (this.#gathering.isEmpty) {
      this.destroy();
      return;
    }
    this.#begin(false, true);
    this.#gathering.write(this.#sender);
  }

  /**
   * Writes a request, or its beginning.
   * @param head request line, headers and as much of the body as stands in characters, one for each byte
   * @param body what follows as bytes, or null
   * @param complete whether that is all of it
   * @returns false when the upstream should be given time, until `drained`
   */
  send(head: string, body: Buffer | null, complete: boolean, isHead: boolean): boolean {
    if (this.#phase === 'gathering') {
      if (this.#gathering.keep(head)) this.sendGathered();
      return true;
    }
    this.#begin(isHead, complete);
    return this.#sender.send(head, body);
  }

  #begin(isHead: boolean, complete: boolean): void {
    this.#phase = 'busy';
    this.#isHead = isHead;
    this.#answer.restart(isHead);
    this.#requestComplete = complete;
    this.#times.turnAnew();
  }

  /** Writes more of the body. @returns as `send` does */
  sendMore(body: Buffer, complete: boolean): boolean {
    this.#requestComplete = complete;
    this.#times.waitAnew();
    return this.#sender.sendMore(body);
  }

  /** Whether the system is still to read from what was written. */
  get isBehind(): boolean {
    return this.#sender.isBehind;
  }

  /** Keeps the bytes that `data` brought from being read into again. @returns how large their buffer is */
  lend(): number {
    return this.#buffer.lend();
  }

  /** Lets the answer flow again after `readOver` returned false to `listener`. */
  resume(listener: AnswerListener): void {
    if (this.#held && listener === this.#turns.first) this.#flow();
  }

  #flow(): void {
    this.#held = false;
    this.#times.waitAnew();
    this.#socket.resume();
  }

  /**
   * The answer to the request of `listener` is not wanted, and it hears nothing more. The connection is closed, unless
   * others wait for theirs: then the answer is read and let fall.
   */
  abandon(listener: AnswerListener): void {
    const isFirst = this.#turns.drop(listener, this.#giveUp);
    // Whoever hears this very reading would go on to hear it.
    if (this.#isReading && isFirst) this.#giveUp();
    else if (!this.#turns.isWanted) this.destroy();
    else if (isFirst && this.#held) this.#flow();
  }

  #giveUp = (): void => {
    this.#close(() => {});
  };

  /** Closes the connection; no listener hears anything more. */
  destroy(): void {
    this.#turns.clear();
    this.#phase = 'closed';
    this.#answer.stop();
    this.#socket.destroy();
  }

  /** Looks whether what is waited for takes too long. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    switch (this.#phase) {
      case 'connecting':
        if (this.#times.isOverdue(now, 'connect')) this.#fail('forward.connect-timeout', 'unsent');
        break;
      case 'idle':
        if (this.#times.isOverdue(now, 'use')) this.destroy();
        break;
      case 'busy':
        // Nobody waits longer for another's answer than for the head of the own.
        if (this.#times.isTurnLong(now)) this.#takeNoMore(false);
        this.#tickAnswer(now);
        break;
      case 'gathering':
      case 'closed':
        break;
    }
  }

  /** Whether it is the upstream, and not the client, that a request is waiting for. */
  get #isWaitedFor(): boolean {
    return this.#requestComplete || this.#sender.isBehind;
  }

  #tickAnswer(now: number): void {
    if (!this.#answer.isBeforeBody) {
      if (this.#times.isOverdue(now, 'body') && !this.#held) this.#cut();
    } else if (this.#times.isOverdue(now, 'answer') && this.#isWaitedFor) {
      this.#fail('forward.head-timeout', 'sent');
    }
  }

  #onConnect = (): void => {
    this.#phase = 'idle';
    this.#times.waitAnew();
    this.#turns.first?.opened(this);
  };

  #onDrain = (): void => {
    this.#times.waitAnew();
    this.#turns.first?.drained();
  };

  #onRead = (length: number): boolean => {
    let listener = this.#turns.first;
    if (listener === null || this.#phase === 'gathering') {
      // What comes when nothing was asked for could pass for the answer to the next request.
      this.#owner.doubted();
      this.#lost();
      return false;
    }
    this.#isReading = true;
    try {
      for (let at = 0; listener !== null && at < length; listener = this.#turns.first) {
        at = this.#read(listener, at, length);
        this.#held = !listener.readOver();
      }
    } catch (bug) {
      listener?.onBug(bug);
      // Whose turn has come meanwhile stood behind it.
      this.#close((first) => first !== listener && first.passedOver(false));
    }
    this.#isReading = false;
    return !this.#held;
  };

  /** Reads one answer, or a part of it. @returns the index from which on the next one is to be read */
  #read(listener: AnswerListener, at: number, length: number): number {
    const next = this.#answer.read(this.#buffer.bytes, at, length, listener);
    // The time for a head is not begun anew by a part of it.
    if (!this.#answer.isBeforeBody) {
      this.#times.waitAnew();
      if (this.#turns.hasBehind) this.#lookAhead();
    }
    switch (this.#answer.state) {
      case 'over':
        return this.#end(listener, this.#answer.trailers, next, length);
      case 'bad':
        this.#owner.doubted();
        this.#fail('forward.bad-response', 'answering');
        break;
      case 'broken':
        this.#owner.doubted();
        this.#cut();
        break;
    }
    return length;
  }

  /** Sends those behind an answer elsewhere as soon as its head says that theirs will not come, or not soon. */
  #lookAhead(): void {
    const { closes, status, isEventStream } = this.#answer.head;
    // A 408 is said to a connection, not to a request (RFC 9110 §15.5.9).
    const isLast = closes || status === 408 || this.#answer.state === 'until-close';
    if (isLast || isEventStream) this.#takeNoMore(isLast);
  }

  /** The connection ends with the answer under way. @param unseen whether the upstream will not look at those behind */
  #takeNoMore(unseen: boolean): void {
    if (!this.#turns.hasBehind) return;
    this.#isLast = true;
    const behind = this.#turns.takeBehind();
    if (!this.#turns.isWanted) this.destroy();
    passOver(behind, unseen);
  }

  /** @param next the index behind the answer @returns the index from which on the next one is to be read */
  #end(listener: AnswerListener, trailers: string, next: number, length: number): number {
    const { closes, keepAliveSeconds } = this.#answer.head;
    this.#times.answered(keepAliveSeconds);
    // A server that does not know that a response to HEAD has no body may still send one.
    const isWhole =
      this.#answer.state === 'over' && !closes && !this.#isHead && this.#requestComplete && !this.#isLast;
    if (isWhole && this.#turns.hasBehind) return this.#endBeforeOthers(listener, trailers, next, length);
    const stray = next < length;
    if (stray && !this.#isHead && !this.#isLast) this.#owner.doubted();
    const reusable = isWhole && !stray && this.#times.isWorthKeeping;
    this.#turns.first = null;
    this.#times.waitAnew();
    if (reusable) this.#phase = 'idle';
    else this.destroy();
    listener.end(trailers);
    if (reusable) this.#owner.released(this);
    return length;
  }

  #endBeforeOthers(listener: AnswerListener, trailers: string, next: number, length: number): number {
    const goesOn = this.#turns.isBehindWanted;
    this.#turns.next();
    if (goesOn) this.#begin(false, true);
    else this.destroy();
    listener.end(trailers);
    return goesOn ? next : length;
  }

  #fail(code: RejectionCode, progress: Progress, reason: string | null = null): void {
    this.#close((listener) => listener.failed(code, progress, reason));
  }

  #cut(): void {
    this.#close((listener) => listener.cut());
  }

  /** @param tell tells whose turn it is what the end means for it @param unseen as for `passedOver` */
  #close(tell: (listener: AnswerListener) => unknown, unseen = false): void {
    const listener = this.#turns.first;
    const behind = this.#turns.takeBehind();
    this.destroy();
    if (listener !== null) tell(listener);
    passOver(behind, unseen);
  }

  #onEnd = (): void => {
    const listener = this.#turns.first;
    if (this.#phase === 'busy' && this.#answer.state === 'until-close' && listener !== null) {
      this.#end(listener, '', 0, 0);
      listener.readOver();
    } else this.#lost();
  };

  #onError = (error: NodeJS.ErrnoException): void => {
    this.#lost(error);
  };

  #onClose = (): void => {
    this.#lost();
    this.#buffer.giveBack();
    this.#owner.closed(this);
  };

  /** The connection is gone, whether or not its requests are over. */
  #lost(error: NodeJS.ErrnoException | null = null): void {
    const loss = lossOf(this.#phase, this.#answer, error);
    if (loss === 'unused') this.destroy();
    else if (loss === 'cut') this.#cut();
    else if (loss === 'unwritten') this.#close((listener) => listener.passedOver(true), true);
    else this.#fail(loss.code, loss.progress, loss.reason);
  }
}
