import { hash } from 'node:crypto';
import { type ClientRequest, Agent as HttpAgent, type IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP, type LookupFunction, Socket } from 'node:net';
import { createProxyServer } from 'http-proxy-3';
import type { RejectionCode } from '../../../domain/rejection.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { isRefusedAddress } from '../../forward/target-lookup.ts';
import { certificateFault, connectionTls, type TargetTls } from '../../forward/target-tls.ts';
import { Tunnel } from './websocket-tunnel.ts';

/** The handshake to send, complete: nothing is added to it on the way. */
export interface Handshake {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values in turn, `Host`, `Connection` and `Upgrade` among them. */
  readonly headers: readonly string[];
  /** The value of `Sec-WebSocket-Key`. */
  readonly key: string;
  /** Time to connect, with TLS, in milliseconds. */
  readonly connectMs: number;
  /** Time from there until the head of the answer is complete, in milliseconds. */
  readonly headMs: number;
  /** Finds the address of the origin. */
  readonly lookup: LookupFunction;
  /** For an origin over https. */
  readonly tls?: TargetTls | null;
}

interface Answer {
  readonly response: IncomingMessage;
  /** The connection that it came on. */
  readonly upstream: Socket;
}

/** How a handshake came out. */
export type HandshakeEnd =
  /** The upstream has agreed to this very handshake; `tunnel` is to be opened in this tick. */
  | (Answer & { readonly kind: 'switched'; readonly tunnel: Tunnel })
  /** The upstream has answered something else, of status 200 to 599, whose body is to be read from this tick on. */
  | (Answer & { readonly kind: 'answered' })
  | { readonly kind: 'failed'; readonly code: RejectionCode; readonly reason: string | null };

/** An upstream that sends more of them (RFC 9110 §15.2 sets no bound) is not going to answer. */
const MOST_INTERIM_ANSWERS = 16;

/**
 * Sends a WebSocket handshake to the upstream, through http-proxy-3. The library gets a request that holds our
 * header list and nothing else, and a tunnel in place of the client's socket; it is listened to, and never asked to
 * change what it sends.
 * @param done called once with the end, unless the handshake was given up before
 * @returns gives the handshake up
 * @throws TypeError when the target or a header cannot be sent, which the judging of heads rules out
 */
export function shakeHands(
  handshake: Handshake,
  clock: Clock,
  done: (end: HandshakeEnd) => void,
): () => void {
  const tunnel = new Tunnel();
  let request: ClientRequest | null = null;
  let connected = false;
  let over = false;
  let interimAnswers = 0;
  let cancelDeadline = clock.after(handshake.connectMs, () => fail('forward.connect-timeout'));

  function settle(): boolean {
    if (over) return false;
    over = true;
    cancelDeadline();
    return true;
  }
  function giveUp(): void {
    settle();
    tunnel.destroy();
    request?.destroy();
  }
  function fail(code: RejectionCode, reason: string | null = null): void {
    if (over) return;
    giveUp();
    done({ kind: 'failed', code, reason });
  }
  function onConnected(): void {
    connected = true;
    cancelDeadline();
    if (!over) cancelDeadline = clock.after(handshake.headMs, () => fail('forward.head-timeout'));
  }
  function onAnswer(response: IncomingMessage): void {
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 599) fail('forward.bad-response');
    else if (settle()) {
      // The library relays such an answer in its own way, but not to a destroyed socket.
      tunnel.destroy();
      done({ kind: 'answered', response, upstream: response.socket });
    }
  }

  const hostname = new URL(handshake.origin).hostname.replace(/^\[|\]$/g, '');
  const proxy = createProxyServer({
    target: handshake.origin,
    xfwd: false,
    // The target is sent as it is, and not as `new URL` would write it anew.
    toProxy: true,
    prependPath: false,
    // Node would take the server name from `Host`, which may be the client's word.
    ssl: { servername: isIP(hostname) === 0 ? hostname : '' },
    // What the library makes of a target is without its certificates and its lookup; what an agent says goes over it.
    agent: agentFor(handshake),
  });
  // Each call has a callback of its own; without a listener the library throws what comes beside it.
  proxy.on('error', () => {});
  proxy.once('proxyReqWs', (sent) => {
    request = sent;
    sent.once('socket', (socket) =>
      socket.once(handshake.origin.startsWith('https:') ? 'secureConnect' : 'connect', onConnected),
    );
    sent.on('information', () => {
      interimAnswers += 1;
      if (interimAnswers > MOST_INTERIM_ANSWERS) fail('forward.bad-response');
    });
    sent.once('response', onAnswer);
    // Stands before the library's own listener, which believes every 101.
    sent.once('upgrade', (response, upstream) => {
      if (!over && agrees(response, handshake.key)) {
        proxy.once('open', () => {
          if (settle()) done({ kind: 'switched', response, upstream, tunnel });
        });
      } else {
        upstream.destroy();
        fail('forward.bad-response');
      }
    });
  });
  try {
    proxy.ws(outgoing(handshake), tunnel, Buffer.alloc(0), (error: NodeJS.ErrnoException) =>
      fail(failureOf(error, connected), certificateFault(error)),
    );
  } catch (bug) {
    giveUp();
    throw bug;
  }
  return giveUp;
}

function agentFor({ origin, tls, lookup }: Handshake): HttpAgent {
  if (origin.startsWith('https:')) return new HttpsAgent({ lookup, ...connectionTls(tls) });
  return new HttpAgent({ lookup });
}

/** The request that the library is to send: its headers are the list, and it belongs to no connection. */
function outgoing({ target, headers }: Handshake): IncomingMessage {
  const byName: IncomingHttpHeaders = Object.create(null);
  for (let at = 0; at + 1 < headers.length; at += 2) {
    // Small letters, as the library looks for `connection` and would add one of its own.
    const name = (headers[at] ?? '').toLowerCase();
    const value = headers[at + 1] ?? '';
    const before = byName[name];
    byName[name] = before === undefined ? value : [before, value].flat();
  }
  const request = new IncomingMessage(new Socket());
  request.method = 'GET';
  request.url = target;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.headers = byName;
  return request;
}

/**
 * Whether a 101 answers this handshake (RFC 6455 §4.2.2), and is not the echo of another or of none. It has no body,
 * so one that speaks of its length is no such answer (RFC 9110 §8.6).
 */
function agrees({ headers }: IncomingMessage, key: string): boolean {
  return (
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-accept'] === acceptOf(key) &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  );
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function acceptOf(key: string): string {
  return hash('sha1', key + GUID, 'base64');
}

function failureOf(error: NodeJS.ErrnoException, connected: boolean): RejectionCode {
  if (isRefusedAddress(error)) return 'forward.address';
  if (certificateFault(error) !== null) return 'forward.certificate';
  if (!connected) return 'forward.connect';
  return error.code?.startsWith('HPE_') ? 'forward.bad-response' : 'forward.reset';
}
