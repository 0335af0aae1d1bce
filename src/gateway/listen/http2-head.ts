import type { RejectionCode } from '../../domain/rejection.ts';
import type { RawHead } from './head.ts';

type Pseudo = ':method' | ':scheme' | ':authority' | ':path';

const PSEUDO: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path'] satisfies Pseudo[]);

// RFC 9113 §8.2.2: they belong to a connection of HTTP/1.1, and a request that carries them is malformed.
const OF_A_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Bytes that a header takes beside its name and value, as HTTP/2 counts them (RFC 9113 §6.5.2). */
const HEADER_OVERHEAD = 32;

/**
 * The head of an HTTP/2 request, as the same request would be written in HTTP/1.1, for the one judge of heads. What
 * HTTP/2 alone can get wrong is refused here (RFC 9113 §8.2, §8.3): nghttp2 looks at most of it as well, and is not
 * relied upon. A body without a stated length becomes a chunked one.
 * @param raw names and values in turn, in their order
 * @param hasBody whether anything follows the head
 * @param maxSize bytes of the head, as HTTP/2 counts them
 */
export function http1Reading(
  raw: readonly string[],
  hasBody: boolean,
  maxSize: number,
): RawHead | RejectionCode {
  const pseudo = new Map<string, string>();
  const rawHeaders: string[] = [];
  const cookies: string[] = [];
  let host: string | null = null;
  let length: string | null = null;
  let size = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    size += name.length + value.length + HEADER_OVERHEAD;
    if (name.startsWith(':')) {
      const misplaced = rawHeaders.length > 0 || cookies.length > 0 || host !== null;
      if (misplaced || pseudo.has(name) || !PSEUDO.has(name)) return 'listen.bad-request';
      pseudo.set(name, value);
      continue;
    }
    if (!isOfHttp2(name, value)) return 'listen.bad-header';
    if (name === 'cookie') cookies.push(value);
    else if (name === 'host') {
      if (host !== null) return 'listen.bad-host';
      host = value;
    } else rawHeaders.push(name, value);
    if (name === 'content-length') length = value;
  }
  if (size > maxSize) return 'listen.head-too-large';
  const { method, url, authority } = requestLine(pseudo);
  // Nor is a WebSocket that asks by CONNECT (RFC 8441) carried: it comes over HTTP/1.1.
  if (method === 'CONNECT') return 'listen.method';
  if (pseudo.get(':scheme') !== 'https') return 'listen.bad-request';
  if (!url.startsWith('/')) return 'listen.bad-target';
  const place = onePlace(authority, host);
  if (place === null) return 'listen.bad-host';
  rawHeaders.push('host', place);
  // RFC 9113 §8.2.3: they may come in pieces, and the upstream is to get one.
  if (cookies.length > 0) rawHeaders.push('cookie', cookies.join('; '));
  if (!hasBody && length !== null && !/^0+$/.test(length)) return 'listen.bad-framing';
  if (hasBody && length === null) rawHeaders.push('transfer-encoding', 'chunked');
  return { method, url, httpVersion: '1.1', rawHeaders };
}

function isOfHttp2(name: string, value: string): boolean {
  if (name !== name.toLowerCase() || OF_A_CONNECTION.has(name)) return false;
  return name !== 'te' || value === 'trailers';
}

function requestLine(pseudo: ReadonlyMap<string, string>) {
  return {
    method: pseudo.get(':method') ?? '',
    url: pseudo.get(':path') ?? '',
    authority: pseudo.get(':authority') ?? null,
  };
}

/** The host that `:authority` and `Host` agree on; one of them may be absent. */
function onePlace(authority: string | null, host: string | null): string | null {
  if (authority === null || host === null) return authority ?? host;
  return authority.toLowerCase() === host.toLowerCase() ? authority : null;
}
