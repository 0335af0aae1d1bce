import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { TurnoverMap } from '../../../kernel/turnover.ts';
import type { Head } from '../../listen/head.ts';
import { http1Reading } from '../../listen/http2-head.ts';
import { AskedAcknowledgements } from './asked-acknowledgements.ts';
import { begin, judged } from './begin.ts';
import type { Underway } from './connection.ts';
import { Http2Request, Http2Response } from './http2-message.ts';
import type { GeneralTransportOptions } from './options.ts';

/** Requests that a connection may have under way; more are refused, and their client may send them again. */
export const MOST_STREAMS = 100;

/** Streams that a client may reset at a time, and how many more each second; behind that its connection ends. */
export const RESET_BURST = 200;
const RESETS_A_SECOND = 33;

/**
 * Invalid frames, and empty ones that end nothing, that a client may send while its connection lasts. Each may cost a
 * stream, so they are as few as resets.
 */
export const MOST_INVALID_FRAMES = RESET_BURST;

/** Streams in a row that are opened although there is no room for them; behind that the connection ends. */
const MOST_REFUSED_STREAMS = 100;

/** Settings in one SETTINGS frame. Seven are defined, and clients add some that are not. */
export const MOST_SETTINGS = 32;

/** Memory of a connection, in MiB, beyond which no further stream is taken. */
const MOST_MEMORY_MIB = 10;

/** `:method`, `:scheme`, `:authority`, `:path`. */
const PSEUDO_HEADERS = 4;

/** How long a client may take to close its end, in milliseconds. */
const LINGER_MS = 2_000;

/**
 * A client's connection that speaks HTTP/2. Each stream is an exchange of its own, under way beside the others. What
 * is no HTTP/2 ends the stream or the connection before anybody here hears of it; that is nghttp2's to judge.
 */
export class Http2Connection {
  readonly #socket: Socket;
  /** The address of the other end; empty when it has gone already. */
  readonly #peer: string;
  readonly #session: ServerHttp2Session;
  readonly #underway = new TurnoverMap<ServerHttp2Stream, Underway>();
  readonly #options: () => GeneralTransportOptions;
  readonly #isLastCall: () => boolean;
  /** When there was last a stream, or the connection began; in milliseconds of the monotonic clock. */
  #idleSince: number;
  #wasUsed = false;
  #closing = false;

  /**
   * @param options asked for each stream
   * @param isLastCall whether the next answer is the last
   */
  constructor(socket: Socket, options: () => GeneralTransportOptions, isLastCall: () => boolean) {
    const { rules, limits, clock } = options();
    this.#socket = socket;
    this.#peer = socket.remoteAddress ?? '';
    this.#options = options;
    this.#isLastCall = isLastCall;
    this.#idleSince = clock.monotonic();
    // A client that has ended its side has gone: streams end by frames.
    socket.allowHalfOpen = false;
    this.#session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: MOST_STREAMS, maxHeaderListSize: limits.headSize, enablePush: false },
      // One more than is allowed, so that too many are answered and not only cut off.
      maxHeaderListPairs: rules.maxHeaders + PSEUDO_HEADERS + 1,
      maxSessionMemory: MOST_MEMORY_MIB,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_A_SECOND,
      maxSessionInvalidFrames: MOST_INVALID_FRAMES,
      maxSessionRejectedStreams: MOST_REFUSED_STREAMS,
      maxSettings: MOST_SETTINGS,
      // What an upstream repeats is repeated, as over HTTP/1.1.
      strictSingleValueFields: false,
    });
    this.#session.on('stream', (stream, headers, _flags, raw) =>
      this.#onStream(stream, headers[':method'] ?? '', raw),
    );
    const asked = new AskedAcknowledgements(clock.monotonic());
    const onAsked = () => this.#onAsked(asked);
    this.#session.on('ping', onAsked);
    this.#session.on('remoteSettings', onAsked);
    // It ends with its session, and the streams with it.
    this.#session.on('error', () => {});
  }

  /** How many requests are being answered. */
  get underway(): number {
    return this.#underway.size;
  }

  /** Takes no further request (GOAWAY), and closes when those that were taken are answered. */
  drain(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#idleSince = this.#options().clock.monotonic();
    this.#session.close();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Looks whether the client keeps up. Called now and then, with milliseconds of the monotonic clock. */
  tick(now: number): void {
    for (const underway of this.#underway.values()) underway.tick(now);
    if (this.#underway.size > 0) return;
    const { idleTimeoutMs, headTimeoutMs } = this.#options().limits;
    const idleMs = now - this.#idleSince;
    if (this.#closing) {
      if (idleMs > LINGER_MS) this.destroy();
    } else if (idleMs > (this.#wasUsed ? idleTimeoutMs : headTimeoutMs)) this.drain();
  }

  #onAsked(asked: AskedAcknowledgements): void {
    if (asked.take(this.#options().clock.monotonic())) return;
    this.#session.destroy(new Error('too many PINGs or SETTINGS'), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #onStream(stream: ServerHttp2Stream, method: string, raw: readonly string[]): void {
    // Its failures are its end, which is heard.
    stream.on('error', () => {});
    // Reset before anybody has looked at it.
    if (stream.closed || stream.destroyed) return;
    const options = this.#options();
    const req = new Http2Request(stream, this.#socket, method);
    const res = new Http2Response(stream, req);
    this.#wasUsed = true;
    this.#underway.set(
      stream,
      begin(this.#judge(raw, stream, options), req, res, () => false, options),
    );
    // Behind the listeners of whoever answers it.
    stream.once('close', () => this.#answered(stream));
  }

  #judge(
    raw: readonly string[],
    { endAfterHeaders }: ServerHttp2Stream,
    options: GeneralTransportOptions,
  ): Head | RejectionCode {
    const head = http1Reading(raw, !endAfterHeaders, options.limits.headSize);
    return typeof head === 'string' ? head : judged(head, this.#peer, options);
  }

  #answered(stream: ServerHttp2Stream): void {
    this.#underway.delete(stream);
    this.#idleSince = this.#options().clock.monotonic();
    if (this.#isLastCall()) this.drain();
  }
}
