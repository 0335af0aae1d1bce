import { STATUS_CODES } from 'node:http';
import type { Credential } from '../../../domain/token.ts';
import { traceHeaders } from '../../../domain/trace-context.ts';
import { Memo } from '../../../kernel/memo.ts';
import type { Arrival, Permit } from '../../decision.ts';
import { identityHeaders, type RequestFacts } from '../../forward/request-headers.ts';
import { inOnePiece } from './one-piece.ts';
import type { PlainHeaders } from './plain-headers.ts';

/*
 * Heads as they go out, as text: one character for each byte. What is in them, and in which order, is what the general
 * transport sends.
 */

/** Methods for which a length is stated also where there is no body (RFC 9110 §8.6). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** Of how many credentials, about, the lines that say who the caller is are kept: some 2 MiB at the most. */
const IDENTITIES = 8_192;

/** These lines, by credential: they change with it. */
const identities = new Memo<Credential, string>(IDENTITIES, (credential) =>
  inOnePiece(linesOf(identityHeaders(credential))),
);

/** The head of the request to the upstream. */
export function requestHead(
  arrival: Arrival,
  headers: PlainHeaders,
  permit: Permit,
  facts: RequestFacts,
): string {
  const { method, path, query, trace = null } = arrival;
  const { credential } = permit;
  const lines = headers.forwarded.of(headers, arrival, permit, facts);
  return `${method} ${path}${query} HTTP/1.1\r\n${lines}X-Request-Id: ${arrival.requestId}\r\n${identities.of(
    credential,
    credential.token.id,
  )}${trace === null ? '' : linesOf(traceHeaders(trace))}${bodyLength(method, headers.contentLength ?? 0)}\r\n`;
}

function bodyLength(method: string, length: number): string {
  return length > 0 || WITH_BODY.has(method) ? `content-length: ${length}\r\n` : '';
}

/** Headers, names and values in turn, as lines with their CRLF. */
export function linesOf(headers: readonly string[]): string {
  let lines = '';
  for (let at = 0; at + 1 < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return lines;
}

const STATUS_LINES = Array.from({ length: 600 }, (_, status) => {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
});

/** @param status from 100 to 599 */
export function statusLine(status: number): string {
  return STATUS_LINES[status] ?? '';
}

let dateSecond = Number.NaN;
let dateText = '';

/** `Date` as a line, made once a second. @param now milliseconds since the epoch */
export function dateLine(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateText;
}
