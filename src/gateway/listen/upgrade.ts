import type { BodyFraming } from './framing.ts';
import type { RawHead } from './head.ts';
import type { HeadersRead } from './headers.ts';

// 16 bytes in base64 (RFC 6455 §4.1): the last of 22 digits carries two bits only.
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * Whether the head asks for a WebSocket. Any other `Upgrade` is not for us to hear (RFC 9110 §7.8 allows ignoring
 * it) and is not forwarded, so that no upstream ever switches a shared connection to another protocol.
 * @returns null when it speaks of a WebSocket but is not a proper handshake (RFC 6455 §4.2.1)
 */
export function judgeUpgrade(read: HeadersRead, raw: RawHead, body: BodyFraming): boolean | null {
  if (read.upgrade === null || !read.upgrade.toLowerCase().includes('websocket')) return false;
  const proper =
    read.upgrade.toLowerCase() === 'websocket' &&
    read.connectionNames.includes('upgrade') &&
    !read.connectionNames.some((name) => name.startsWith('sec-websocket-')) &&
    raw.method === 'GET' &&
    raw.httpVersion === '1.1' &&
    body === 'none' &&
    read.expect === null &&
    read.webSocketVersion === '13' &&
    read.webSocketKey !== null &&
    WEBSOCKET_KEY.test(read.webSocketKey);
  return proper ? true : null;
}
