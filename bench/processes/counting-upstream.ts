/** An upstream that answers everything with a constant, and counts what it was asked by path. */
import { createServer } from 'node:http';
import { answerQuestions } from '../child.ts';
import { listenOnLoopback } from '../listen.ts';
import { ANSWER } from '../request.ts';

export type CountingUpstream = {
  /** Starts to listen, and answers with the origin. */
  listen(): Promise<string>;
  /** How many requests a path had. */
  asked(path: string): number;
};

const counts = new Map<string, number>();
const server = createServer(({ url = '' }, response) => {
  counts.set(url, (counts.get(url) ?? 0) + 1);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length });
  response.end(ANSWER);
});
server.keepAliveTimeout = 600_000;

answerQuestions({
  listen: () => listenOnLoopback(server),
  asked: (path: string) => counts.get(path) ?? 0,
} satisfies CountingUpstream);
