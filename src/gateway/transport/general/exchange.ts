import type { RejectionCode } from '../../../domain/rejection.ts';
import { type Arrival, type Permit, type Rejection, rejectBehindGate } from '../../decision.ts';
import type { Exchange } from '../../exchange.ts';
import { isLost } from '../../forward/lost.ts';
import { requestHeaders } from '../../forward/request-headers.ts';
import { responseHeaders } from '../../forward/response-headers.ts';
import type { Choice } from '../../forward/upstreams.ts';
import type { Head } from '../../listen/head.ts';
import { Answer, isEventStream } from './answer.ts';
import type { RequestMessage, ResponseMessage } from './message.ts';
import type { GeneralTransportOptions } from './options.ts';
import { Pace } from './pace.ts';
import { answerRefusal } from './refusal-answer.ts';
import { Upload } from './upload.ts';
import { type CallListener, UpstreamCall } from './upstream-call.ts';

/** How large a refused body may be to be read to its end, so that the connection can be used again; in bytes. */
const WORTH_READING = 64 * 1024;

/** Methods whose repetition changes nothing (RFC 9110 §9.2.2), of those that listen allows. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * One request of a client and its answer. Whatever happens, it is over when the response has closed, and the
 * pipeline hears of it once.
 */
export class GeneralExchange implements Exchange, CallListener {
  readonly arrival: Arrival;
  readonly #head: Head;
  readonly #req: RequestMessage;
  readonly #res: ResponseMessage;
  readonly #answer: Answer;
  readonly #isLast: () => boolean;
  readonly #options: GeneralTransportOptions;
  #permit: Permit | null = null;
  #rejection: Rejection | null = null;
  #upstream: string | null = null;
  #upload: Upload | null = null;
  #pace: Pace | null = null;
  #call: UpstreamCall | null = null;
  #target: string | null = null;
  #tries = 0;
  #triesLeft: number;
  #leaveStreams: (() => void) | null = null;
  /** Bytes of the body of a refusal. */
  #refused = 0;

  /** @param isLast whether the connection takes no further request, so that this answer says it closes */
  constructor(
    head: Head,
    req: RequestMessage,
    res: ResponseMessage,
    isLast: () => boolean,
    options: GeneralTransportOptions,
  ) {
    this.arrival = head.arrival;
    this.#head = head;
    this.#req = req;
    this.#res = res;
    this.#answer = new Answer(req, res);
    this.#isLast = isLast;
    this.#options = options;
    this.#triesLeft = options.retries;
    res.once('close', this.#closed);
  }

  refuse(rejection: Rejection): void {
    // The request may have proved broken while the gate was asking the store.
    if (this.#rejection !== null) return;
    this.#rejection = rejection;
    if (this.#res.closed) this.#settle();
    else this.#answerRefusal(rejection);
  }

  forward(permit: Permit): void {
    if (this.#rejection !== null) return;
    this.#permit = permit;
    if (this.#res.closed) {
      this.#settle();
      return;
    }
    if (this.#head.expectsContinue) this.#res.writeContinue();
    if (this.#head.body !== 'none' && this.#head.body !== 0) this.#beginUpload();
    this.#send(permit);
  }

  /** The request is broken behind its head: its answer says so, or breaks off, or has been given already. */
  giveUp(code: RejectionCode): void {
    if (this.#res.writableEnded || this.#res.destroyed) return;
    this.#abandonCall();
    if (this.#res.headersSent) this.#answer.cut();
    else this.#fail(code);
  }

  /** Looks whether the client keeps up. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    const upload = this.#upload;
    const slow = upload !== null && this.#pace?.tooSlow(now, upload.waiting, upload.received);
    if (slow) this.giveUp('listen.timeout');
    if (this.#answer.stalledMs(now) > this.#options.limits.stallTimeoutMs) this.cut();
  }

  #beginUpload(): void {
    const { limits, clock } = this.#options;
    this.#upload = new Upload(this.#req, limits.bodySize, () => this.giveUp('listen.body-too-large'));
    if (limits.bodyMinRate !== null) this.#pace = new Pace(limits.bodyMinRate, clock.monotonic());
  }

  /** @param except the origin that has just failed */
  #send(permit: Permit, except?: string): void {
    try {
      const choice = this.#options.upstreams.choose(this.arrival.path, except);
      if (typeof choice === 'string') this.#fail(choice);
      else this.#sendTo(choice, permit);
    } catch (bug) {
      this.onBug(bug);
      this.giveUp('gateway.bug');
    }
  }

  #sendTo(choice: Choice, permit: Permit): void {
    const { preserveHost, scheme, isTrusted } = this.#options;
    const { method, path, query, peer } = this.arrival;
    this.#upstream = choice.upstream;
    this.#target = choice.origin;
    this.#tries += 1;
    this.#call = new UpstreamCall(choice, this);
    const headers = requestHeaders(this.#head, permit, {
      preserveHost,
      targetHost: choice.host,
      scheme,
      peerTrusted: isTrusted(peer),
    });
    this.#call.start({ method, target: path + query, headers, body: this.#upload });
  }

  information(status: number, headers: readonly string[]): void {
    this.#answer.inform(status, headers);
  }

  head(status: number, upstream: readonly string[]): boolean {
    if (this.#permit === null) return false;
    const { clock } = this.#options;
    this.arrival.times.answered = clock.monotonic();
    const facts = { requestId: this.arrival.requestId, now: clock.now() };
    const headers = responseHeaders(upstream, this.#permit, facts);
    if (headers === null) return false;
    // What is still to come of the request would stand before the next one.
    if (this.#isLast() || (this.#upload !== null && !this.#req.complete)) headers.push('Connection', 'close');
    this.#answer.begin(status, headers, upstream, () => this.#call?.resume());
    if (isEventStream(headers))
      this.#leaveStreams = this.#options.streams.add(this.#permit, () => this.cut());
    return true;
  }

  data(chunk: Buffer): boolean {
    return this.#answer.write(chunk);
  }

  end(trailers: readonly string[]): void {
    this.#call = null;
    this.#answer.end(trailers);
  }

  failed(code: RejectionCode, sent: boolean, reason: string | null): void {
    this.#call = null;
    // Something of ours has thrown behind the head, and there is nothing left but to break off.
    if (this.#res.headersSent) {
      this.#answer.cut();
      return;
    }
    const safe = !sent || (this.#upload === null && IDEMPOTENT.has(this.arrival.method));
    if (isLost(code) && safe && this.#triesLeft > 0 && this.#permit !== null) {
      this.#triesLeft -= 1;
      this.#send(this.#permit, this.#target ?? undefined);
    } else this.#fail(code, reason);
  }

  cut(): void {
    this.#abandonCall();
    this.#answer.cut();
  }

  onBug(bug: unknown): void {
    this.#options.onBug(bug, this.arrival.requestId);
  }

  #fail(code: RejectionCode, reason: string | null = null): void {
    this.#upload?.destroy();
    this.#rejection = rejectBehindGate(code, this.#permit, reason);
    this.#answerRefusal(this.#rejection);
  }

  #answerRefusal(rejection: Rejection): void {
    // Who was too slow is not waited for once more (RFC 9110 §15.5.9).
    const late = rejection.code === 'listen.timeout';
    const close = late || this.#isLast() || !this.#restIsWorthReading();
    this.#refused = answerRefusal(this.#res, rejection, this.arrival.requestId, close, this.#options);
  }

  /** Whether what is still to come of a refused request may be read and thrown away. Otherwise the connection closes. */
  #restIsWorthReading(): boolean {
    const { body, expectsContinue } = this.#head;
    if (body === 'none' || body === 0 || this.#req.complete) return true;
    // A client that was not told to continue may send the body or leave it out (RFC 9110 §10.1.1).
    if (expectsContinue && this.#permit === null) return false;
    return body !== 'chunked' && body <= WORTH_READING;
  }

  #abandonCall(): void {
    this.#call?.cancel();
    this.#call = null;
    this.#upload?.destroy();
  }

  /** The response has reached its end, or its connection has. */
  #closed = (): void => {
    this.#leaveStreams?.();
    this.#abandonCall();
    // Else the gate is still asking the store, and what it decides will find the response closed.
    if (this.#permit !== null || this.#rejection !== null) this.#settle();
  };

  #settle(): void {
    this.#options.pipeline.settled({
      requestId: this.arrival.requestId,
      arrival: this.arrival,
      decision: this.#rejection?.code ?? 'forwarded',
      permit: this.#permit,
      rejection: this.#rejection,
      status: this.#res.headersSent ? this.#res.statusCode : 0,
      complete: this.#res.writableFinished,
      upstream: this.#upstream,
      target: this.#target,
      tries: this.#tries,
      bytesIn: this.#upload?.received ?? 0,
      bytesOut: this.#refused + this.#answer.sent,
    });
  }
}
