/** The upstream of the soak: plain answers, bodies, event streams and WebSockets; it can be restarted. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { WebSocketServer } from 'ws';
import { answerQuestions } from '../child.ts';
import { ANSWER } from '../request.ts';

export type SoakUpstream = {
  /** Starts to listen, and answers with the origin. */
  listen(): Promise<string>;
  /** Cuts every connection, is away for so many milliseconds, and comes back on the same port. */
  restart(awayMs: number): Promise<void>;
  /** Requests whose head has come, WebSockets with them. */
  asked(): number;
};

const EVENTS = 5;
const EVENT_MS = 40;

let asked = 0;
let server: Server | null = null;
const sockets = new WebSocketServer({ noServer: true });

async function open(port: number): Promise<number> {
  server = createServer((request, response) => {
    asked += 1;
    void answer(request, response);
  });
  server.keepAliveTimeout = 600_000;
  server.on('upgrade', (request, socket, head) => {
    asked += 1;
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on('error', () => {});
      opened.on('message', (bytes) => opened.send(bytes));
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => {});
  if (request.url === '/events') return sendEvents(response);
  // A body whose client is gone ends with an error, and there is nobody to answer.
  const body = await buffer(request).catch(() => null);
  if (body === null) return;
  const text = request.method === 'POST' ? JSON.stringify({ bytes: body.length }) : ANSWER;
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function sendEvents(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`data: ${sent}\n\n`);
    if (++sent === EVENTS) response.end();
  }, EVENT_MS);
  response.once('close', () => clearInterval(timer));
}

let port = 0;

answerQuestions({
  async listen() {
    port = await open(0);
    return `http://127.0.0.1:${port}`;
  },
  async restart(awayMs: number) {
    const closed = server === null ? Promise.resolve() : once(server, 'close');
    for (const socket of sockets.clients) socket.terminate();
    server?.close().closeAllConnections();
    await closed;
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    await open(port);
  },
  asked: () => asked,
} satisfies SoakUpstream);
