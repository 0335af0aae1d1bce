/** Upstreams for tunnels: one that speaks WebSocket by the book, and one that does what a script says. */
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createRawServer, type Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { ACCEPT, listening } from './websocket-gateway.ts';

export interface EchoUpstream {
  readonly origin: string;
  /** The requests that have come, in order. */
  readonly requests: IncomingMessage[];
  /** The next connection. */
  connection(): Promise<WebSocket>;
  close(): Promise<void>;
}

/** Sends every message back as it came. */
export async function startEcho(perMessageDeflate = false): Promise<EchoUpstream> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate, maxPayload: 64 * 1024 * 1024 });
  const requests: IncomingMessage[] = [];
  sockets.on('connection', (socket, request) => {
    requests.push(request);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => {});
  });
  const port = await listening(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    async connection() {
      const [socket] = await once(sockets, 'connection');
      return socket;
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.close();
      await once(server, 'close');
    },
  };
}

/** One connection of the gateway to a scripted upstream. */
export interface UpstreamConnection {
  readonly socket: Socket;
  /** All that has come, one character per byte. */
  received(): string;
  /** Fulfilled when `length` bytes have come behind the first request head. */
  behindHead(length: number): Promise<string>;
  readonly closed: Promise<void>;
}

export interface ScriptedUpstream {
  readonly origin: string;
  readonly connections: UpstreamConnection[];
  /** Fulfilled when the `index`th connection has sent a request head. */
  request(index?: number): Promise<UpstreamConnection>;
  close(): Promise<void>;
}

export const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

/** Answers the first request head of every connection with `answer`, byte by byte as given; null stays silent. */
export async function startScripted(
  answer: string | null | ((socket: Socket, head: string) => void),
): Promise<ScriptedUpstream> {
  const connections: UpstreamConnection[] = [];
  const events = new EventEmitter();
  events.setMaxListeners(0);
  const bytes = () => once(events, 'bytes');
  const server = createRawServer((socket) => {
    let received = '';
    let answered = false;
    socket.on('error', () => {});
    const connection: UpstreamConnection = {
      socket,
      received: () => received,
      async behindHead(length) {
        while (received.length < received.indexOf('\r\n\r\n') + 4 + length) await bytes();
        return received.slice(received.indexOf('\r\n\r\n') + 4);
      },
      closed: new Promise((resolve) => socket.once('close', () => resolve())),
    };
    connections.push(connection);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!answered && received.includes('\r\n\r\n')) {
        answered = true;
        if (typeof answer === 'string') socket.write(answer, 'latin1');
        else answer?.(socket, received);
      }
      events.emit('bytes');
    });
  });
  const port = await listening(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    connections,
    async request(index = 0) {
      for (;;) {
        const connection = connections[index];
        if (connection?.received().includes('\r\n\r\n')) return connection;
        await bytes();
      }
    },
    async close() {
      for (const { socket } of connections) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
