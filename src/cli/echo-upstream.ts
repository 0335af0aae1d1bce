import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * The upstream of the quickstart: answers every request with what arrived, so that a newcomer sees what a gateway
 * adds and removes, and `/events` with a stream of server-sent events. Listens on loopback only.
 */
export function createEchoUpstream(): Server {
  return createServer((request, response) => {
    if (request.url?.startsWith('/events')) streamEvents(request, response);
    else echo(request, response);
  });
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  let bodyBytes = 0;
  request.on('data', (chunk: Buffer) => {
    bodyBytes += chunk.length;
  });
  request.on('end', () => {
    const { method, url, headers } = request;
    const body = `${JSON.stringify({ method, url, headers, bodyBytes }, null, 2)}\n`;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
}

/** Five events, one a second: enough to see that nothing between here and the reader buffers. */
function streamEvents(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  let sent = 0;
  const send = () => {
    sent += 1;
    response.write(`data: ${JSON.stringify({ event: sent, at: new Date().toISOString() })}\n\n`);
    if (sent === 5) {
      clearInterval(timer);
      response.end();
    }
  };
  const timer = setInterval(send, 1000);
  send();
  request.on('close', () => clearInterval(timer));
}
