/** node:http alone: answers the constant itself. What any gateway on node:http cannot go below. */
import { createServer } from 'node:http';
import { listenOnLoopback } from '../listen.ts';
import { ANSWER } from '../request.ts';

export function start(): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length });
    response.end(ANSWER);
  });
  return listenOnLoopback(server);
}
