import type { RejectionCode } from '../../../domain/rejection.ts';
import { type Arrival, type Permit, type Rejection, rejectBehindGate } from '../../decision.ts';
import type { Exchange } from '../../exchange.ts';
import { bodyTurnover } from '../general/body-turnover.ts';
import type { AnswerListener, Progress } from './answer-listener.ts';
import { Attempts } from './attempts.ts';
import type { ClientConnection } from './client-connection.ts';
import type { FastOptions } from './options.ts';
import type { PlainHeaders } from './plain-headers.ts';
import { writeRefusal } from './refusal-writer.ts';
import { RequestBody } from './request-body.ts';
import { writeRequest } from './request-writer.ts';
import type { ResponseReader } from './response-reader.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** How large a refused body may be to be read to its end, so that the connection can be used again; in bytes. */
const WORTH_READING = 64 * 1024;

/** `asked`: the gate or the upstream is. `answering`: the head is out. `answered`: all is written. */
type Phase = 'asked' | 'answering' | 'answered' | 'over';

/**
 * One request and its answer. Whatever happens, the pipeline hears once that it is over.
 */
export class FastExchange implements Exchange, AnswerListener {
  readonly arrival: Arrival;
  readonly #headers: PlainHeaders;
  readonly #client: ClientConnection;
  readonly #options: FastOptions;
  #phase: Phase = 'asked';
  #permit: Permit | null = null;
  #rejection: Rejection | null = null;
  #status = 0;
  readonly #attempts: Attempts;
  /** Null where the request has none. */
  readonly #body: RequestBody | null;
  /** Bytes of the answer's body. */
  #answered = 0;
  #closes = false;
  #stalledSince: number | null = null;
  #leaveStreams: (() => void) | null = null;

  /** @param body what has come of the body together with the head, or null */
  constructor(
    arrival: Arrival,
    headers: PlainHeaders,
    body: Buffer | null,
    client: ClientConnection,
    options: FastOptions,
  ) {
    this.arrival = arrival;
    this.#headers = headers;
    this.#body = headers.contentLength === null ? null : new RequestBody(body);
    this.#client = client;
    this.#options = options;
    this.#attempts = new Attempts(options);
  }

  refuse(rejection: Rejection): void {
    // The request may have proved broken, or its client may have gone, while the gate was asking the store.
    if (this.#rejection !== null) return;
    this.#rejection = rejection;
    if (this.#client.isGone) this.#settle(false);
    else this.#answerRefusal(rejection);
  }

  forward(permit: Permit): void {
    if (this.#rejection !== null) return;
    this.#permit = permit;
    if (this.#client.isGone) {
      this.#settle(false);
      return;
    }
    // A body that has not all come is held to a rate.
    if (this.#client.bodyLeft > 0) this.#body?.hold(this.#options.limits, this.#options.clock.monotonic());
    this.#send();
  }

  /** Takes more of the body. @returns false when the client should wait until it is resumed */
  upload(bytes: Buffer): boolean {
    const body = this.#body;
    if (body === null) return true;
    body.received += bytes.length;
    if (this.#rejection !== null || this.#phase === 'answered' || this.#phase === 'over') return true;
    if (body.isSent) return this.#attempts.connection?.sendMore(bytes, this.#client.bodyLeft === 0) ?? true;
    body.keep(bytes);
    return false;
  }

  /** Whether what came last of the body is still needed where it stands. */
  get holdsBody(): boolean {
    return (this.#body?.isWaiting ?? false) || (this.#attempts.connection?.isBehind ?? false);
  }

  /** The request is broken behind its head: its answer says so, or, if that has begun, breaks off. */
  giveUp(code: RejectionCode): void {
    if (this.#phase === 'asked' || this.#phase === 'answering') this.#stop(code);
  }

  /** Something of ours has thrown: the request ends with it, and the target is not blamed. */
  onBug(bug: unknown): void {
    this.#options.onBug(bug, this.arrival.requestId);
    if (this.#phase !== 'over') this.#stop('gateway.bug');
  }

  #stop(code: RejectionCode): void {
    this.#attempts.abandon(this);
    if (this.#status > 0) this.#breakOff();
    else this.#fail(code);
  }

  /** The client's connection is closed. */
  clientGone(): void {
    this.#attempts.abandon(this);
    // Else the gate is still asking the store, and what it decides will find the client gone.
    if (this.#permit !== null || this.#rejection !== null) this.#settle(false);
  }

  /** All that was written has reached the client's connection. */
  written(): void {
    if (this.#phase === 'answered') this.#settle(true);
  }

  /** The client takes more of the answer. */
  clientDrained(): void {
    this.#stalledSince = null;
    this.#attempts.connection?.resume(this);
  }

  /** Looks whether the client keeps up. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    const { limits } = this.#options;
    const { bodyLeft, isWaitedFor, isBehind } = this.#client;
    if (bodyLeft > 0 && this.#body?.isTooSlow(now, isWaitedFor)) this.giveUp('listen.timeout');
    if (!isBehind) this.#stalledSince = null;
    else this.#stalledSince ??= now;
    if (this.#stalledSince !== null && now - this.#stalledSince > limits.stallTimeoutMs) this.#breakOff();
  }

  /** @param except the origin that has just failed */
  #send(except?: string): void {
    try {
      const missing = this.#attempts.begin(this.arrival, this.#headers.contentLength, this, except);
      if (missing !== null) this.#fail(missing);
    } catch (bug) {
      this.onBug(bug);
    }
  }

  opened(connection: UpstreamConnection): void {
    const permit = this.#permit;
    const { choice } = this.#attempts;
    if (permit === null || choice === null) return;
    try {
      const { preserveHost, scheme } = this.#options;
      const { peerTrusted, bodyLeft } = this.#client;
      const facts = { preserveHost, targetHost: choice.host, scheme, peerTrusted };
      const complete = bodyLeft === 0;
      const { arrival } = this;
      const flowing = writeRequest(connection, arrival, this.#headers, permit, facts, this.#body, complete);
      if (!complete && flowing) this.#client.resume();
    } catch (bug) {
      this.onBug(bug);
    }
  }

  drained(): void {
    if (this.#client.bodyLeft > 0) this.#client.resume();
  }

  information(head: ResponseReader): void {
    this.#client.writer.information(head);
  }

  head(head: ResponseReader, hasBody: boolean): boolean {
    const permit = this.#permit;
    if (permit === null) return false;
    const { requestId, times } = this.arrival;
    const { clock, keepAliveLines, streams } = this.#options;
    const facts = { requestId, now: clock.now() };
    times.answered = clock.monotonic();
    this.#closes = this.#client.isLast || this.#client.bodyLeft > 0;
    const connection = this.#closes ? 'Connection: close\r\n' : keepAliveLines;
    if (!this.#client.writer.head(head, hasBody, permit, facts, connection)) return false;
    this.#phase = 'answering';
    this.#status = head.status;
    this.#attempts.choice?.answered();
    if (head.isEventStream) this.#leaveStreams = streams.add(permit, () => this.#breakOff());
    return true;
  }

  data(bytes: Buffer, start: number, end: number, text: string | null): void {
    this.#answered += end - start;
    this.#client.writer.data(bytes, start, end, text);
  }

  end(trailers: string): void {
    this.#attempts.answered();
    this.#phase = 'answered';
    this.#client.writer.end(trailers);
  }

  readOver(): boolean {
    const { connection } = this.#attempts;
    // What this reading brought was refused, and the client has been told.
    if (connection === null) return true;
    const { socket, writer } = this.#client;
    // What the system has not taken is still to be read from where the upstream's bytes stand.
    if (writer.flush()) bodyTurnover.passed(connection.lend());
    // The socket asks for a pause after a large piece also where the system has taken it at once.
    if (this.#phase === 'answering') return socket.writableLength === 0 || !socket.writableNeedDrain;
    if (this.#phase === 'answered') {
      // From here on it serves others.
      this.#attempts.connection = null;
      this.#whenWritten();
    }
    return true;
  }

  failed(code: RejectionCode, progress: Progress, reason: string | null): void {
    const failedOrigin = this.#attempts.choice?.origin;
    this.#attempts.over('failed');
    const bodyLength = this.#headers.contentLength ?? 0;
    if (this.#attempts.takeAnother(code, progress, this.arrival, bodyLength)) this.#send(failedOrigin);
    else this.#fail(code, reason);
  }

  passedOver(unseen: boolean): void {
    const failedOrigin = unseen ? undefined : this.#attempts.choice?.origin;
    this.#attempts.over('abandoned');
    if (this.#attempts.takeAnotherAfterPassing(unseen)) this.#send(failedOrigin);
    else this.#fail('forward.reset');
  }

  cut(): void {
    this.#attempts.over('failed');
    this.#breakOff();
  }

  #fail(code: RejectionCode, reason: string | null = null): void {
    this.#rejection = rejectBehindGate(code, this.#permit, reason);
    this.#answerRefusal(this.#rejection);
  }

  #answerRefusal(rejection: Rejection): void {
    // Who was too slow is not waited for once more (RFC 9110 §15.5.9).
    const late = rejection.code === 'listen.timeout';
    this.#closes = late || this.#client.isLast || !this.#restIsWorthReading();
    this.#body?.drop();
    this.#phase = 'answered';
    const { writer } = this.#client;
    const { status, length } = writeRefusal(writer, rejection, this.arrival, this.#closes, this.#options);
    this.#status = status;
    this.#answered = length;
    this.#whenWritten();
  }

  /** Whether what is still to come of a refused request may be read and thrown away. Otherwise the connection closes. */
  #restIsWorthReading(): boolean {
    return this.#client.bodyLeft === 0 || (this.#headers.contentLength ?? 0) <= WORTH_READING;
  }

  /** Settles as soon as the system has taken the whole answer, which is nearly always at once. */
  #whenWritten(): void {
    if (this.#client.socket.writableLength === 0) this.#settle(!this.#client.isGone);
    else this.#client.tellWhenWritten();
  }

  /** Breaks the answer off, so that nobody can take it for complete. */
  #breakOff(): void {
    this.#attempts.abandon(this);
    this.#client.socket.destroy();
    this.#settle(false);
  }

  #settle(complete: boolean): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    const { upstream, target, count } = this.#attempts;
    this.#attempts.connection = null;
    this.#leaveStreams?.();
    this.#options.pipeline.settled({
      requestId: this.arrival.requestId,
      arrival: this.arrival,
      decision: this.#rejection?.code ?? 'forwarded',
      permit: this.#permit,
      rejection: this.#rejection,
      status: this.#status,
      complete,
      upstream,
      target,
      tries: count,
      bytesIn: this.#permit === null ? 0 : (this.#body?.received ?? 0),
      bytesOut: this.#answered,
    });
    this.#client.exchangeOver(this.#closes);
  }
}
