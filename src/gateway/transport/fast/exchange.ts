import type { RejectionCode } from '../../../domain/rejection.ts';
import { type Arrival, type Permit, type Rejection, reject } from '../../decision.ts';
import type { Exchange } from '../../exchange.ts';
import { responseHeaders } from '../../forward/response-headers.ts';
import type { Choice, Ending } from '../../forward/upstreams.ts';
import { rateLines } from '../../limit/rate-headers.ts';
import { renderRefusal } from '../../refusal.ts';
import { placeOf, removeHeader } from '../general/answer.ts';
import { bodyTurnover } from '../general/body-turnover.ts';
import { Pace } from '../general/pace.ts';
import { announcedTrailers, passingTrailers } from '../general/trailers.ts';
import type { ClientConnection } from './client-connection.ts';
import { dateLine, linesOf, requestHead, statusLine } from './heads.ts';
import type { FastOptions } from './options.ts';
import type { PlainHeaders } from './request-reader.ts';
import type { ResponseReader } from './response-reader.ts';
import type { AnswerListener, Progress, UpstreamConnection } from './upstream-connection.ts';

/** How large a refused body may be to be read to its end, so that the connection can be used again; in bytes. */
const WORTH_READING = 64 * 1024;
/** How long a caller should wait before it tries again what no upstream could serve, in seconds. */
const RETRY_SECONDS = 1;
/** Pieces of a body up to so many bytes are written together with what stands around them. */
const WRITTEN_TOGETHER = 8 * 1024;
/** Methods whose repetition changes nothing (RFC 9110 §9.2.2), of those that listen allows. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
// RFC 8288 §3, as node:http takes it.
const LINK = /^(?:<[^>]*>)(?:\s*;\s*[^;"\s]+(?:=(")?[^;"\s]*\1)?)*$/;

/** `asked`: the gate or the upstream is. `answering`: the head is out. `answered`: all is written. */
type Phase = 'asked' | 'answering' | 'answered' | 'over';

/**
 * One request and its answer. Whatever happens, the pipeline hears once that it is over. What one reading of the
 * upstream brings is written to the client at once, head and body together.
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
  #choice: Choice | null = null;
  #upstream: string | null = null;
  #target: string | null = null;
  #tries = 0;
  #connection: UpstreamConnection | null = null;
  /** What has come of the body and was not sent yet. */
  #body: Buffer | null;
  /** The body's bytes so far. */
  #received: number;
  #pace: Pace | null = null;
  /** Bytes of the answer's body. */
  #answered = 0;
  #sent = false;
  #triesLeft: number;
  /** What is to be written when this reading is over. */
  #out = '';
  #corked = false;
  #inChunks = false;
  #closes = false;
  #trailers: readonly string[] = [];
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
    this.#body = body;
    this.#received = body === null ? 0 : body.length;
    this.#client = client;
    this.#options = options;
    this.#triesLeft = options.retries;
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
    try {
      this.#setPace();
      this.#send(permit);
    } catch (bug) {
      this.onBug(bug);
      this.giveUp('gateway.bug');
    }
  }

  /** Takes more of the body. @returns false when the client should wait until it is resumed */
  upload(bytes: Buffer): boolean {
    this.#received += bytes.length;
    bodyTurnover.passed(bytes.length);
    if (this.#rejection !== null || this.#phase === 'answered' || this.#phase === 'over') return true;
    if (this.#sent) return this.#connection?.sendMore(bytes, this.#client.bodyLeft === 0) ?? true;
    this.#body = this.#body === null ? bytes : Buffer.concat([this.#body, bytes]);
    return false;
  }

  /** The request is broken behind its head: its answer says so, or, if that has begun, breaks off. */
  giveUp(code: RejectionCode): void {
    if (this.#phase === 'answered' || this.#phase === 'over') return;
    this.#abandonCall();
    if (this.#status > 0) this.#breakOff();
    else this.#fail(code);
  }

  /** The client's connection is closed. */
  clientGone(): void {
    this.#abandonCall();
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
    this.#connection?.resume();
  }

  /** Looks whether the client keeps up. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    const { limits } = this.#options;
    const { bodyLeft, isWaitedFor, isBehind } = this.#client;
    if (bodyLeft > 0 && this.#pace?.tooSlow(now, isWaitedFor, this.#received)) this.giveUp('listen.timeout');
    if (!isBehind) this.#stalledSince = null;
    else this.#stalledSince ??= now;
    if (this.#stalledSince !== null && now - this.#stalledSince > limits.stallTimeoutMs) this.#breakOff();
  }

  /** A body that has not all come is held to a rate. */
  #setPace(): void {
    const { limits, clock } = this.#options;
    if (this.#client.bodyLeft === 0 || limits.bodyMinRate === null) return;
    this.#pace = new Pace(limits.bodyMinRate, clock.monotonic());
  }

  /** @param except the origin that has just failed */
  #send(permit: Permit, except?: string): void {
    const { upstreams, pools } = this.#options;
    const choice = upstreams.choose(this.arrival.path, except);
    if (typeof choice === 'string') {
      this.#fail(choice);
      return;
    }
    this.#permit = permit;
    this.#choice = choice;
    this.#upstream = choice.upstream;
    this.#target = choice.origin;
    this.#tries += 1;
    this.#connection = pools.of(choice).connect(this);
  }

  opened(connection: UpstreamConnection): void {
    if (this.#permit === null || this.#choice === null) return;
    try {
      this.#write(connection, this.#permit, this.#choice);
    } catch (bug) {
      this.onBug(bug);
      this.giveUp('gateway.bug');
    }
  }

  #write(connection: UpstreamConnection, permit: Permit, choice: Choice): void {
    const { preserveHost, scheme } = this.#options;
    const facts = {
      preserveHost,
      targetHost: choice.host,
      scheme,
      peerTrusted: this.#client.peerTrusted,
    };
    let head = requestHead(this.arrival, this.#headers, permit, facts);
    let body = this.#body;
    if (body !== null && body.length <= WRITTEN_TOGETHER) {
      head += body.toString('latin1');
      body = null;
    }
    this.#body = null;
    this.#sent = true;
    const complete = this.#client.bodyLeft === 0;
    const flowing = connection.send(head, body, complete, this.arrival.method === 'HEAD');
    if (!complete && flowing) this.#client.resume();
  }

  drained(): void {
    if (this.#client.bodyLeft > 0) this.#client.resume();
  }

  information(head: ResponseReader): void {
    if (head.status === 102) {
      this.#out += `${statusLine(102)}\r\n`;
      return;
    }
    const pairs = head.pairs();
    const link = pairs.filter((_, at) => at % 2 === 1 && pairs[at - 1]?.toLowerCase() === 'link');
    // A hint may be left out.
    if (link.length > 0 && link.every((each) => LINK.test(each))) {
      this.#out += `${statusLine(103)}Link: ${link.join(', ')}\r\n\r\n`;
    }
  }

  head(head: ResponseReader, hasBody: boolean): boolean {
    if (this.#permit === null) return false;
    const { requestId, times } = this.arrival;
    const { clock } = this.#options;
    const now = clock.now();
    times.answered = clock.monotonic();
    this.#inChunks = hasBody && head.contentLength === null;
    this.#closes = this.#client.isLast || this.#client.bodyLeft > 0;
    // RFC 9110 §8.6: a 204 has no body to measure.
    if (head.isUnusual || (head.status === 204 && head.contentLength !== null)) {
      const lines = this.#unusualLines(head, this.#permit, now);
      if (lines === null) return false;
      this.#out += lines;
    } else {
      const { spent, endpoint } = this.#permit;
      this.#out += `${statusLine(head.status)}${head.passed}X-Request-Id: ${requestId}\r\n${
        spent === null ? '' : rateLines(spent, endpoint.windowSeconds, now)
      }${head.hasDate ? '' : dateLine(now)}`;
    }
    this.#out += this.#closes ? 'Connection: close\r\n' : this.#options.keepAliveLines;
    this.#out += this.#inChunks ? 'Transfer-Encoding: chunked\r\n\r\n' : '\r\n';
    this.#phase = 'answering';
    this.#status = head.status;
    this.#choice?.answered();
    if (head.isEventStream) {
      this.#leaveStreams = this.#options.streams.add(this.#permit, () => this.#breakOff());
    }
    return true;
  }

  data(bytes: Buffer, start: number, end: number, text: string | null): void {
    const size = end - start;
    this.#answered += size;
    if (this.#inChunks) this.#out += `${size.toString(16)}\r\n`;
    if (size <= WRITTEN_TOGETHER) this.#out += text ?? bytes.toString('latin1', start, end);
    else {
      const { socket } = this.#client;
      if (!this.#corked) socket.cork();
      this.#corked = true;
      if (this.#out !== '') socket.write(this.#out, 'latin1');
      this.#out = '';
      socket.write(bytes.subarray(start, end));
    }
    if (this.#inChunks) this.#out += '\r\n';
  }

  end(trailers: string): void {
    this.#choice?.done('answered');
    this.#choice = null;
    this.#phase = 'answered';
    if (!this.#inChunks) return;
    this.#out += '0\r\n';
    if (this.#trailers.length > 0 && trailers.length > 2) {
      for (const [name, value] of passingTrailers(pairsOf(trailers), this.#trailers)) {
        this.#out += `${name}: ${value}\r\n`;
      }
    }
    this.#out += '\r\n';
  }

  readOver(): boolean {
    const { socket } = this.#client;
    if (this.#out !== '') {
      socket.write(this.#out, 'latin1');
      this.#out = '';
    }
    if (this.#corked) {
      this.#corked = false;
      socket.uncork();
      // What the system has not taken is still to be read from where the upstream's bytes stand.
      if (socket.writableLength > 0) this.#lend();
    }
    if (this.#phase === 'answering') return !socket.writableNeedDrain;
    if (this.#phase === 'answered') {
      // From here on it serves others.
      this.#connection = null;
      this.#whenWritten();
    }
    return true;
  }

  #lend(): void {
    if (this.#connection !== null) bodyTurnover.passed(this.#connection.lend());
  }

  failed(code: RejectionCode, progress: Progress): void {
    const failedOrigin = this.#choice?.origin;
    this.#callIsOver('failed');
    const { method } = this.arrival;
    const lost = code === 'forward.connect' || code === 'forward.reset';
    const repeatable = (this.#headers.contentLength ?? 0) === 0 && IDEMPOTENT.has(method);
    const safe = progress === 'unsent' || (progress === 'sent' && repeatable);
    if (lost && safe && this.#triesLeft > 0 && this.#permit !== null) {
      this.#triesLeft -= 1;
      this.#send(this.#permit, failedOrigin);
    } else this.#fail(code);
  }

  cut(): void {
    this.#callIsOver('failed');
    this.#breakOff();
  }

  onBug(bug: unknown): void {
    this.#options.onBug(bug, this.arrival.requestId);
  }

  /** The lines of a head that has to be looked at name by name, or null when it cannot be passed on. */
  #unusualLines(head: ResponseReader, permit: Permit, now: number): string | null {
    const pairs = head.pairs();
    const headers = responseHeaders(pairs, permit, { requestId: this.arrival.requestId, now });
    if (headers === null) return null;
    if (this.#inChunks) this.#trailers = announcedTrailers(pairs);
    if (this.#trailers.length > 0) headers.push('Trailer', this.#trailers.join(', '));
    if (head.status === 204) removeHeader(headers, 'content-length');
    const dated = placeOf(headers, 'date') !== -1;
    return statusLine(head.status) + linesOf(headers) + (dated ? '' : dateLine(now));
  }

  #fail(code: RejectionCode): void {
    this.#rejection = this.#rejectionFor(code);
    this.#answerRefusal(this.#rejection);
  }

  #rejectionFor(code: RejectionCode): Rejection {
    if (this.#permit === null) return reject(code);
    const { credential, endpoint, spent } = this.#permit;
    // The request has counted, so its caller is told where it stands.
    return reject(code, {
      credential,
      endpoint: endpoint.name,
      spent,
      windowSeconds: endpoint.windowSeconds,
      retryAfterSeconds: RETRY_SECONDS,
    });
  }

  #answerRefusal(rejection: Rejection): void {
    const { requestId, method } = this.arrival;
    const { refusalForm: form, clock, keepAliveLines } = this.#options;
    const now = clock.now();
    const { status, headers, body } = renderRefusal(rejection, { requestId, form, now });
    // Who was too slow is not waited for once more (RFC 9110 §15.5.9).
    const late = rejection.code === 'listen.timeout';
    this.#closes = late || this.#client.isLast || !this.#restIsWorthReading();
    const connection = this.#closes
      ? `Connection: close\r\n${dateLine(now)}`
      : dateLine(now) + keepAliveLines;
    const shown = method === 'HEAD' ? '' : body;
    this.#body = null;
    this.#status = status;
    this.#answered = shown.length;
    this.#phase = 'answered';
    this.#client.socket.write(`${statusLine(status)}${linesOf(headers)}${connection}\r\n${shown}`, 'latin1');
    this.#whenWritten();
  }

  /** Whether what is still to come of a refused request may be read and thrown away. Otherwise the connection closes. */
  #restIsWorthReading(): boolean {
    return this.#client.bodyLeft === 0 || (this.#headers.contentLength ?? 0) <= WORTH_READING;
  }

  /** Settles as soon as the system has taken the whole answer, which is nearly always at once. */
  #whenWritten(): void {
    if (this.#client.socket.writableLength === 0) this.#settle(true);
    else this.#client.tellWhenWritten();
  }

  /** Breaks the answer off, so that nobody can take it for complete. */
  #breakOff(): void {
    this.#abandonCall();
    this.#client.socket.destroy();
    this.#settle(false);
  }

  #abandonCall(): void {
    if (this.#choice === null) return;
    this.#connection?.destroy();
    this.#callIsOver('abandoned');
  }

  #callIsOver(ending: Ending): void {
    this.#choice?.done(ending);
    this.#choice = null;
    this.#connection = null;
  }

  #settle(complete: boolean): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#connection = null;
    this.#leaveStreams?.();
    this.#options.pipeline.settled({
      requestId: this.arrival.requestId,
      arrival: this.arrival,
      decision: this.#rejection?.code ?? 'forwarded',
      permit: this.#permit,
      rejection: this.#rejection,
      status: this.#status,
      complete,
      upstream: this.#upstream,
      target: this.#target,
      tries: this.#tries,
      bytesIn: this.#permit === null ? 0 : this.#received,
      bytesOut: this.#answered,
    });
    this.#client.exchangeOver(this.#closes);
  }
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
