import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RejectionCode } from '../../../domain/rejection.ts';
import type { ListenerTls } from '../../../kernel/listener-tls.ts';
import { TurnoverMap } from '../../../kernel/turnover.ts';
import { newRequestId } from '../../listen/request-id.ts';
import { begin, judged, settleUnread } from './begin.ts';
import { bind } from './bind.ts';
import { Connection } from './connection.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { Http2Connections } from './http2.ts';
import type { GeneralTransportOptions, Limits } from './options.ts';
import { parseErrorCode } from './parse-error.ts';
import { refusalBytes } from './refusal-answer.ts';
import type { WebSocketUpgrades } from './websocket.ts';

/** What became of the requests that were being answered when the transport was told to stop. */
export interface Drained {
  readonly finished: number;
  /** Cut off when the time was over. */
  readonly cut: number;
}

/** The transport that can carry everything, on node:http and undici. */
export interface GeneralTransport {
  /**
   * Accepts connections at an address, besides those where it does so already.
   * @param port 0 for any free one
   * @param host an IP address
   * @param tls null where clients speak plainly
   * @returns where it is bound; a rejection with the system's error when it cannot be
   */
  listen(port: number, host: string, tls?: ListenerTls | null): Promise<AddressInfo>;
  /**
   * From now on each answer says that its connection closes, and is its last. Connections are still accepted.
   */
  lastCall(): void;
  /**
   * Stops accepting, lets the requests under way end, and cuts off what is left after `graceMs` milliseconds.
   * WebSockets are not among them.
   * @returns a promise that never rejects, fulfilled when all connections are closed
   */
  drain(graceMs: number): Promise<Drained>;
  /**
   * From the next request on, goes by other options; requests under way stay with those that they began with. What
   * belongs to a socket that is bound (`headSize`) stays as it was. The upstreams of before are the caller's to close.
   */
  adopt(options: GeneralTransportOptions): void;
  /** Client connections that are open, without WebSockets. */
  readonly open: number;
}

/** How often connections are looked at for clients that do not keep up, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * Takes every connection first, and may hand it over to node:http: at once, or later with what it has read pushed
 * back. A connection that it keeps is its own to close.
 */
export type Doorkeeper = (socket: Socket, handOver: (socket: Socket) => void) => void;

/**
 * @param upgrades carries WebSockets; null where none are carried
 * @param doorkeeper null where node:http takes every connection
 */
export function createGeneralTransport(
  first: GeneralTransportOptions,
  upgrades: Pick<WebSocketUpgrades, 'handle'> | null,
  doorkeeper: Doorkeeper | null = null,
): GeneralTransport {
  let options = first;
  const { clock } = first;
  const connections = new TurnoverMap<Duplex, Connection>();
  const servers: Server[] = [];
  const counts = new ConnectionCounts();
  const http2 = new Http2Connections(first);
  let onEmpty: () => void = () => {};
  let isLastCall = false;
  const parts = {
    clock,
    leftoverMs: () => options.limits.headTimeoutMs,
    begin: (connection: Connection, req: IncomingMessage, res: ServerResponse) =>
      begin(judge(req, connection), req, res, connection.isLast, options),
    lastWords: (socket: Socket, code: RejectionCode) => speakLast(socket, code, options),
    isLastCall: () => isLastCall,
  };

  function admit(socket: Socket, pass: (socket: Socket) => void): void {
    const { isTrusted, limits, onConnection } = options;
    const address = socket.remoteAddress ?? '';
    onConnection?.(address);
    if (counts.admits(socket, isTrusted(address) ? null : address, limits)) pass(socket);
    else socket.destroy();
  }
  function divert(socket: Socket, pass: (socket: Socket) => void): void {
    if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') http2.take(socket);
    else pass(socket);
  }
  function onConnection(socket: Socket): void {
    connections.set(socket, new Connection(socket, parts));
    socket.once('close', () => leave(socket));
  }
  function leave(socket: Duplex): void {
    connections.delete(socket);
    if (connections.size === 0) onEmpty();
  }
  function judge({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage, { peer }: Connection) {
    return judged({ method, url, httpVersion, rawHeaders }, peer, options);
  }
  function onRequest(req: IncomingMessage, res: ServerResponse): void {
    connections.get(req.socket)?.request(req, res);
  }
  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const code = parseErrorCode(error);
    const connection = connections.get(socket);
    // Without a connection it is a handshake that failed.
    if (code === null || connection === undefined) socket.destroy();
    else connection.broken(code);
  }
  function onConnect(_req: IncomingMessage, socket: Duplex): void {
    // node:http has let go of the socket, so its errors are nobody's.
    socket.on('error', () => {});
    connections.get(socket)?.broken('listen.method');
  }
  function shouldUpgrade(req: IncomingMessage): boolean {
    const connection = connections.get(req.socket);
    if (connection === undefined) return false;
    // A WebSocket needs the connection to itself: behind other answers its handshake is an ordinary request.
    if (upgrades !== null && connection.idle) {
      const head = judge(req, connection);
      if (typeof head !== 'string' && head.wantsWebSocket) return true;
    }
    // node:http loses what came in one piece with an upgrade that is not to be, so nothing behind it can be trusted.
    connection.endsWith(req);
    return false;
  }
  function onUpgrade(req: IncomingMessage, socket: Duplex, early: Buffer): void {
    leave(socket);
    upgrades?.handle(req, req.socket, early);
  }

  function openServer(tls: ListenerTls | null): Server {
    const { limits } = options;
    const settings = {
      maxHeaderSize: limits.headSize,
      connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, limits.headTimeoutMs),
      // Bodies are held to a rate, not to a time.
      requestTimeout: 0,
      requireHostHeader: false,
      insecureHTTPParser: false,
      shouldUpgradeCallback: shouldUpgrade,
    };
    const alpn = options.http2 ? ['h2', 'http/1.1'] : ['http/1.1'];
    const secure =
      tls && createTlsServer({ ...settings, ...tls.options(limits.headTimeoutMs), ALPNProtocols: alpn });
    const server = secure ?? createServer(settings);
    // What TLS says of a connection before its handshake is between the two of them.
    const connection = tls === null ? 'connection' : 'secureConnection';
    // node:http would hide headers past its count from us while it still obeys them; we count for ourselves.
    server.maxHeadersCount = 0;
    setLimits(server, limits);
    server.on(connection, onConnection);
    server.on('request', onRequest);
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', onRequest);
    server.on('upgrade', onUpgrade);
    server.on('connect', onConnect);
    server.on('clientError', onClientError);
    if (doorkeeper !== null) putBefore(server, connection, doorkeeper);
    if (tls !== null) putBefore(server, connection, divert);
    putBefore(server, 'connection', admit);
    // Last, so that a bad certificate of a client is seen before anybody is given its connection.
    if (secure !== null) tls?.attach(secure);
    servers.push(server);
    return server;
  }

  const stopLooking = clock.every(LOOK_EVERY_MS, () => {
    const now = clock.monotonic();
    for (const connection of connections.values()) connection.tick(now);
    http2.tick(now);
  });

  return {
    listen(port, host, tls = null) {
      return bind(
        () => openServer(tls),
        port,
        host,
        (error) => options.onBug(error, null),
      );
    },

    lastCall() {
      isLastCall = true;
      http2.lastCall();
    },

    async drain(graceMs) {
      const underway = [...connections.values()].filter(({ busy }) => busy);
      let cut = 0;
      const cutOff = () => {
        cut = underway.filter(({ busy }) => busy).length;
        for (const { socket } of connections.values()) socket.destroy();
        return () => {};
      };
      for (const server of servers) server.close();
      const streams = http2.drain(graceMs);
      for (const connection of connections.values()) connection.drain();
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      const stopWaiting = graceMs > 0 ? clock.after(graceMs, cutOff) : cutOff();
      if (connections.size > 0) await empty;
      stopWaiting();
      const { finished, cut: alsoCut } = await streams;
      stopLooking();
      return { finished: finished + underway.length - cut, cut: alsoCut + cut };
    },

    adopt(next) {
      options = next;
      http2.adopt(next);
      for (const server of servers) setLimits(server, next.limits);
    },

    get open() {
      return connections.size + http2.open;
    },
  };
}

/** The bounds that node:http keeps itself, and that it takes anew for each connection or request. */
function setLimits(server: Server, limits: Limits): void {
  server.headersTimeout = limits.headTimeoutMs;
  server.keepAliveTimeout = limits.idleTimeoutMs;
}

/** Puts the doorkeeper between the listening socket and those who hear of its connections now. */
function putBefore(
  server: Server,
  connection: 'connection' | 'secureConnection',
  doorkeeper: Doorkeeper,
): void {
  const listeners = server.listeners(connection);
  server.removeAllListeners(connection);
  const handOver = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  server.on(connection, (socket: Socket) => doorkeeper(socket, handOver));
}

/** Refuses what never became a request. */
export function speakLast(socket: Socket, code: RejectionCode, options: GeneralTransportOptions): void {
  const requestId = newRequestId();
  const heard = socket.writable;
  if (heard) socket.write(refusalBytes(code, requestId, options), 'latin1');
  settleUnread(code, requestId, heard, options);
}
