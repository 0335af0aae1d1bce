/** An upstream that keeps what comes until a test ends it, over two targets: each request names itself by its last segment. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { listening } from '../gateway/websocket-gateway.ts';

/** What stands open at the upstream. */
export interface Standing {
  readonly socket: Socket;
  /** Of a plain request. */
  readonly response: ServerResponse | null;
  /** Of a WebSocket. */
  readonly webSocket: WebSocket | null;
}

export interface SlotUpstream {
  readonly origins: readonly string[];
  /** Resolves when the request or WebSocket of this name stands open. */
  standing(name: string): Promise<Standing>;
  /** Requests that stand open, by what they ask for, and the most that did at once. */
  readonly open: number;
  readonly most: number;
  close(): Promise<void>;
}

/** How long a brief request takes, in milliseconds: long enough for others to come meanwhile. */
const BRIEF_MS = 5;

/**
 * `/…/brief` is answered a little later. `/…/head/NAME` gets the head of an answer, `/…/events/NAME` the beginning of an event stream, `/…/retried/NAME` is
 * reset the first time and answered like `head` then; any other is left without an answer.
 */
export async function startSlotUpstream(): Promise<SlotUpstream> {
  const waiting = new Map<string, PromiseWithResolvers<Standing>>();
  const reset = new Set<string>();
  let open = 0;
  let most = 0;
  const waitFor = (name: string) => {
    const found = waiting.get(name) ?? Promise.withResolvers<Standing>();
    waiting.set(name, found);
    return found;
  };
  const count = (until: { once(event: 'close', heard: () => void): unknown }) => {
    open += 1;
    most = Math.max(most, open);
    until.once('close', () => {
      open -= 1;
    });
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const [name = '', how = ''] = (request.url ?? '').split('/').reverse();
    if (name === 'brief') {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        // Before the gateway can know, which may then send the next one.
        open -= 1;
        response.end('the end');
      }, BRIEF_MS);
      return;
    }
    if (how === 'retried' && !reset.has(name)) {
      reset.add(name);
      request.socket.resetAndDestroy();
      return;
    }
    count(response);
    if (how === 'events') response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    if (how === 'head' || how === 'retried') response.writeHead(200, { 'Content-Type': 'text/plain' });
    if (response.headersSent) response.write('data: here\n\n');
    waitFor(name).resolve({ socket: request.socket, response, webSocket: null });
  };
  const servers = [createServer(answer), createServer(answer)];
  const webSockets = servers.map((server) => new WebSocketServer({ server }));
  for (const each of webSockets) {
    each.on('connection', (webSocket, request) => {
      count(webSocket);
      const name = (request.url ?? '').split('/').at(-1) ?? '';
      waitFor(name).resolve({ socket: request.socket, response: null, webSocket });
    });
  }
  const ports = await Promise.all(servers.map(listening));
  return {
    origins: ports.map((port) => `http://127.0.0.1:${port}`),
    standing: (name) => waitFor(name).promise,
    get open() {
      return open;
    },
    get most() {
      return most;
    },
    async close() {
      for (const { clients } of webSockets) for (const each of clients) each.terminate();
      for (const server of servers) server.close().closeAllConnections();
    },
  };
}
