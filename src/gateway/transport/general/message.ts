import type { Socket } from 'node:net';

/** A client's request as an exchange sees it: node:http's `IncomingMessage`, or a stream of HTTP/2. */
export interface RequestMessage {
  readonly method?: string | undefined;
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion: string;
  /** Whether the client has ended it, and not the failure of its connection or stream. */
  readonly complete: boolean;
  readonly socket: Socket;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (chunk: Buffer) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  isPaused(): boolean;
}

/** The answer to it, in the terms of node:http's `ServerResponse`. */
export interface ResponseMessage {
  readonly req: { readonly method?: string | undefined };
  /** 'close' was emitted: nothing more will come of it. */
  readonly closed: boolean;
  readonly destroyed: boolean;
  readonly headersSent: boolean;
  readonly statusCode: number;
  readonly writableEnded: boolean;
  /** The client's system has taken the whole of it. */
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  on(event: 'drain', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  writeContinue(): void;
  writeProcessing(): void;
  writeEarlyHints(hints: { readonly link: string[] }): void;
  /** @param headers names and values in turn */
  writeHead(status: number, headers: string[]): unknown;
  flushHeaders(): void;
  write(chunk: Buffer): boolean;
  addTrailers(trailers: [string, string][]): void;
  end(body?: string): unknown;
  /** Breaks it off: it never looks complete. */
  destroy(): unknown;
}
