import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RejectionCode } from '../domain/rejection.ts';
import { type ApiError, errorBody, rejected } from './api-error.ts';
import type { Answer } from './operation.ts';

/** What every answer says: it is nobody's to keep, and it is what it says it is. */
const HEADERS = {
  'cache-control': 'no-cache, no-store',
  pragma: 'no-cache',
  expires: '0',
  'x-content-type-options': 'nosniff',
};

/** How long a caller should wait before it tries again what failed because the store is away, in seconds. */
const STORE_AWAY_RETRY_SECONDS = '1';

export function send(request: FastifyRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status).headers(HEADERS);
  reply.headers({ 'x-request-id': request.id, 'x-okta-request-id': request.id });
  for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value);
  if (answer.body === null) return reply.send();
  // As bytes: of text, fastify would say the character set, which JSON does not have (RFC 8259 §11).
  return reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(answer.body)));
}

export function refuse(request: FastifyRequest, reply: FastifyReply, refusal: ApiError): FastifyReply {
  return send(request, reply, {
    kind: 'answer',
    status: refusal.status,
    body: errorBody(refusal),
    headers: refusal.status === 503 ? { 'retry-after': STORE_AWAY_RETRY_SECONDS } : {},
  });
}

/** Errors of Node's parser (llhttp) that say more than "not HTTP". */
const PARSE_ERRORS: ReadonlyMap<string | undefined, RejectionCode> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 'listen.timeout'],
  ['HPE_HEADER_OVERFLOW', 'listen.head-too-large'],
]);

/** Answers what is not a request, and ends the connection. */
export function refuseBytes({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) return;
  const refusal = rejected(PARSE_ERRORS.get(code) ?? 'listen.bad-request');
  const body = JSON.stringify(errorBody(refusal));
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
