/** The upstream: answers the measured request with a constant, and any other with what was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { answerQuestions } from '../child.ts';
import { listenOnLoopback } from '../listen.ts';
import { ANSWER, PATH } from '../request.ts';

export type UpstreamProcess = {
  /** Starts to listen, and answers with the origin. */
  listen(): Promise<string>;
  /** How many times the constant was served. */
  served(): number;
};

let served = 0;

const server = createServer((request, response) => {
  if (request.url === PATH && request.method === 'GET') {
    served++;
    send(response, 200, ANSWER);
  } else {
    void echo(request, response);
  }
});
// A connection that idles between two rounds must not be closed under a request.
server.keepAliveTimeout = 600_000;

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/' } = request;
  const status = Number(new URL(url, 'http://upstream').searchParams.get('status') ?? 200);
  send(response, status, JSON.stringify({ method, url, body: await text(request) }));
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

answerQuestions({
  listen: () => listenOnLoopback(server),
  served: () => served,
} satisfies UpstreamProcess);
