/** node:http in, undici's dispatch out, and as little as possible between: what the general transport builds on. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { listenOnLoopback } from '../listen.ts';
import type { Setting } from '../variant.ts';

// Each side's own connection, which node:http and undici manage.
const CONNECTION_HEADERS: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

export function start({ upstream }: Setting): Promise<string> {
  const pool = new Pool(upstream, { connections: 128 });
  return listenOnLoopback(createServer((request, response) => forward(pool, request, response)));
}

function forward(pool: Pool, request: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET', url = '/', headers } = request;
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  const options = {
    method,
    path: url,
    headers: withoutConnection(request.rawHeaders),
    body: hasBody ? request : null,
  };
  pool.dispatch(options, new Answer(response));
}

class Answer implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.on('close', () => {
      if (!this.#response.writableFinished) controller.abort(new Error('the client is gone'));
    });
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const headers = (controller.rawHeaders ?? []) as readonly (Buffer | string)[];
    this.#response.writeHead(status, withoutConnection(headers));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#response.writeHead(502).end();
  }
}

/** Names and values in turn. */
function withoutConnection(raw: readonly (Buffer | string)[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = String(raw[at]);
    if (!CONNECTION_HEADERS.has(name.toLowerCase())) kept.push(name, String(raw[at + 1]));
  }
  return kept;
}
