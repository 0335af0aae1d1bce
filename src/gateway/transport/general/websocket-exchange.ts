import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { type Arrival, type Permit, type Rejection, reject, rejectBehindGate } from '../../decision.ts';
import type { Exchange } from '../../exchange.ts';
import { isLost } from '../../forward/lost.ts';
import { requestHeaders } from '../../forward/request-headers.ts';
import { responseHeaders } from '../../forward/response-headers.ts';
import { targetLookup } from '../../forward/target-lookup.ts';
import type { Choice, Ending } from '../../forward/upstreams.ts';
import type { Head } from '../../listen/head.ts';
import { renderRefusal } from '../../refusal.ts';
import type { WebSocketOptions } from './websocket.ts';
import { UpgradeClient } from './websocket-client.ts';
import { type HandshakeEnd, shakeHands } from './websocket-handshake.ts';
import type { Tunnel } from './websocket-tunnel.ts';

/** A judged upgrade request: the head, and the key that the upstream must answer to. */
export interface UpgradeRequest {
  readonly head: Head;
  readonly key: string;
}

type Switched = Extract<HandshakeEnd, { kind: 'switched' }>;

/** A Close frame's code (RFC 6455 §7.4) and reason. */
export interface Parting {
  readonly code: number;
  readonly reason: string;
}

// Says no more than a refusal does: revoked, expired and deactivated look the same.
const TOKEN_UNUSABLE: Parting = { code: 1008, reason: 'Invalid token provided' };
const SHUTDOWN: Parting = { code: 1001, reason: 'the gateway is going away' };

/**
 * One upgrade request, from the gate's decision to the end of the tunnel. Its last event is that the client's
 * connection closes: what it still holds is released there, and if it has not been settled, it is settled.
 */
export class WebSocketExchange implements Exchange {
  readonly arrival: Arrival;
  readonly #options: WebSocketOptions;
  readonly #request: UpgradeRequest;
  readonly #client: UpgradeClient;
  readonly #onClosed: () => void;

  #phase: 'deciding' | 'shaking' | 'answering' | 'tunnel' = 'deciding';
  #permit: Permit | null = null;
  #rejection: Rejection | null = null;
  #choice: Choice | null = null;
  #upstream: string | null = null;
  #target: string | null = null;
  #tries = 0;
  #tunnel: Tunnel | null = null;
  #parting: Parting | null = null;
  #giveUpHandshake: () => void = () => {};
  #leaveLiveStreams: () => void = () => {};
  #status = 0;
  #settled = false;

  /** @param onClosed called when the client's connection is closed */
  constructor(options: WebSocketOptions, request: UpgradeRequest, socket: Socket, onClosed: () => void) {
    this.arrival = request.head.arrival;
    this.#options = options;
    this.#request = request;
    this.#onClosed = onClosed;
    this.#client = new UpgradeClient(socket, options.clock, options.timeLimits.graceMs, {
      // A client must wait for the answer (RFC 6455 §4.1). What does not wait may be another request, which an
      // upstream that stays with HTTP would take for one of ours.
      early: () => this.refuse(reject('listen.bad-upgrade')),
      closed: () => this.#close(),
    });
  }

  refuse(rejection: Rejection): void {
    if (this.#phase === 'answering' || this.#phase === 'tunnel') return;
    this.#phase = 'answering';
    this.#rejection = rejection;
    this.#giveUpHandshake();
    this.#release('abandoned');
    if (this.#client.gone) {
      this.#settle(false);
      return;
    }
    const { refusalForm, clock } = this.#options;
    const facts = { requestId: this.arrival.requestId, form: refusalForm, now: clock.now() };
    const refusal = renderRefusal(rejection, facts);
    this.#client.refuse(refusal, () => {
      this.#status = refusal.status;
      this.#settle(true);
    });
  }

  forward(permit: Permit): void {
    // Refused meanwhile for what the client sent while the gate was waiting for the store.
    if (this.#phase !== 'deciding') return;
    this.#phase = 'shaking';
    this.#permit = permit;
    if (this.#client.gone) {
      this.#settle(false);
      return;
    }
    // From here on, and not from the tunnel's opening: a token may be revoked while the upstream makes up its mind.
    this.#leaveLiveStreams = this.#options.streams.add(permit, (why) => {
      if (this.#phase === 'answering') this.#client.destroy();
      else this.part(why === 'shutdown' ? SHUTDOWN : TOKEN_UNUSABLE);
    });
    this.#orBug(() => this.#attempt(permit, this.#options.retries));
  }

  /** Ends the tunnel with a Close frame; one that is not open yet, as soon as it opens. */
  part(parting: Parting): void {
    this.#parting ??= parting;
    this.#tunnel?.part(parting.code, parting.reason);
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#client.destroy();
  }

  /**
   * @param left how many more targets may be tried
   * @param except the origin that has just failed
   */
  #attempt(permit: Permit, left: number, except?: string): void {
    const choice = this.#options.upstreams.choose(this.arrival.path, except);
    if (typeof choice === 'string') {
      this.refuse(rejectBehindGate(choice, permit));
      return;
    }
    this.#choice = choice;
    this.#upstream = choice.upstream;
    this.#target = choice.origin;
    this.#tries += 1;
    const { clock, preserveHost, scheme, isTrusted, timeLimits } = this.#options;
    const { head, key } = this.#request;
    const facts = {
      preserveHost,
      targetHost: choice.host,
      scheme,
      peerTrusted: isTrusted(this.arrival.peer),
    };
    const handshake = {
      origin: choice.origin,
      target: this.arrival.path + this.arrival.query,
      headers: requestHeaders(head, permit, facts),
      key,
      ...timeLimits,
      lookup: targetLookup(choice.options.allowLinkLocal ?? false, choice.options.findAddresses),
      tls: choice.options.tls ?? null,
    };
    this.#giveUpHandshake = shakeHands(handshake, clock, (end) =>
      this.#orBug(() => this.#onHandshake(end, permit, left)),
    );
  }

  #onHandshake(end: HandshakeEnd, permit: Permit, left: number): void {
    if (end.kind === 'failed') {
      this.#onFailure(end.code, permit, left, end.reason);
      return;
    }
    const { clock } = this.#options;
    this.arrival.times.answered = clock.monotonic();
    const facts = { requestId: this.arrival.requestId, now: clock.now() };
    const headers = responseHeaders(end.response.rawHeaders, permit, facts);
    if (headers === null) {
      end.upstream.destroy();
      this.#onFailure('forward.bad-response', permit, 0);
      return;
    }
    this.#choice?.answered();
    if (end.kind === 'switched') this.#open(end, headers);
    else this.#passBack(end.response, headers);
  }

  #onFailure(code: RejectionCode, permit: Permit, left: number, reason: string | null = null): void {
    const failed = this.#choice?.origin;
    this.#release('failed');
    // A handshake is a GET without a body: what the target has lost, another may be asked.
    if (isLost(code) && left > 0) this.#attempt(permit, left - 1, failed);
    else this.refuse(rejectBehindGate(code, permit, reason));
  }

  #open({ tunnel, upstream }: Switched, headers: readonly string[]): void {
    this.#phase = 'tunnel';
    this.#status = 101;
    this.#tunnel = tunnel;
    const { clock, timeLimits } = this.#options;
    const client = this.#client.switchProtocols(headers);
    tunnel.open({ client, upstream, clock, ...timeLimits });
    if (this.#parting !== null) this.part(this.#parting);
  }

  #passBack(response: IncomingMessage, headers: readonly string[]): void {
    this.#phase = 'answering';
    this.#status = response.statusCode ?? 0;
    // RFC 9110 §8.6: there is no body to measure.
    const passed = this.#status === 204 ? withoutLength(headers) : headers;
    this.#client.passBack(response, passed, this.#options.timeLimits.idleMs, () => {
      this.#release('answered');
      this.#settle(true);
    });
  }

  /** An exception is a bug, and costs no more than this exchange. */
  #orBug(step: () => void): void {
    try {
      step();
    } catch (bug) {
      this.#options.onBug(bug, this.arrival.requestId);
      if (this.#phase === 'shaking') this.refuse(reject('gateway.bug'));
      else this.#client.destroy();
    }
  }

  /** The client's connection is closed, whoever closed it. */
  #close(): void {
    this.#onClosed();
    this.#leaveLiveStreams();
    this.#giveUpHandshake();
    this.#release(this.#status === 0 ? 'abandoned' : 'answered');
    // The gate has still to decide; what it says is settled then.
    if (this.#phase !== 'deciding') this.#settle(this.#tunnel?.concluded ?? false);
  }

  #release(ending: Ending): void {
    this.#choice?.done(ending);
    this.#choice = null;
  }

  #settle(complete: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
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
      ...(this.#tunnel?.passed ?? { bytesIn: 0, bytesOut: 0 }),
    });
  }
}

function withoutLength(headers: readonly string[]): string[] {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length');
  return at === -1 ? [...headers] : headers.toSpliced(at, 2);
}
