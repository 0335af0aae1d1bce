import type { HeadersRead } from './headers.ts';

/** How a request body is framed: not at all, in chunks, or by its length in bytes. */
export type BodyFraming = 'none' | 'chunked' | number;

// At most 15 digits is always a safe integer. Signs, lists, hexadecimal and empty values are none of ours.
const LENGTH = /^[0-9]{1,15}$/;

/**
 * The one framing that the head states, or null when it states none plainly (RFC 9112 §6). `Transfer-Encoding` is
 * `chunked` in just these letters, and never on HTTP/1.0 or beside `Content-Length`: the RFC lets a proxy repair
 * more than that, and every repair has been somebody's smuggling hole.
 */
export function judgeFraming(read: HeadersRead, httpVersion: string): BodyFraming | null {
  if (read.transferEncoding !== null) {
    const plain = read.transferEncoding === 'chunked' && read.contentLength === null && httpVersion === '1.1';
    return plain ? 'chunked' : null;
  }
  if (read.contentLength === null) return 'none';
  return LENGTH.test(read.contentLength) ? Number(read.contentLength) : null;
}
