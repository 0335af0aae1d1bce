import { formatAddress, parseAddress } from '../../domain/address.ts';
import type { Credential } from '../../domain/token.ts';
import { traceHeaders } from '../../domain/trace-context.ts';
import type { Arrival, Permit } from '../decision.ts';
import type { Head } from '../listen/head.ts';
import { isHost } from '../listen/host.ts';

/** What the forwarding side knows beside the head and the permit. */
export interface RequestFacts {
  /** `Host` is the client's; otherwise that of the target. */
  readonly preserveHost: boolean;
  /** Host and, if not the scheme's own, port of the target. */
  readonly targetHost: string;
  /** How the client reached this gateway. */
  readonly scheme: 'http' | 'https';
  /** The peer is one of the deployment's own proxies, so that what it says of the client is believed. */
  readonly peerTrusted: boolean;
}

/**
 * The whole header list of the request to the upstream, names and values in turn: `Host`, what the client may say,
 * the framing as it was judged, and then what is ours, each once. A chunked body has no header here: who carries the
 * request writes `Transfer-Encoding` together with the chunks.
 */
export function requestHeaders(head: Head, permit: Permit, facts: RequestFacts): string[] {
  const headers = ['Host', facts.preserveHost && head.host !== '' ? head.host : facts.targetHost];
  for (const part of head.headers) headers.push(part);
  if (typeof head.body === 'number') headers.push('Content-Length', String(head.body));
  if (head.wantsWebSocket) headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  headers.push(
    'X-Forwarded-For',
    forwardedFor(head.arrival, permit, facts),
    'X-Forwarded-Proto',
    forwardedProto(head, facts),
    'X-Forwarded-Host',
    forwardedHost(head, facts),
    'X-Request-Id',
    head.arrival.requestId,
    ...identityHeaders(permit.credential),
  );
  const { trace = null } = head.arrival;
  if (trace !== null) headers.push(...traceHeaders(trace));
  return headers;
}

/** Who the caller is, for the upstream: names and values in turn. */
export function identityHeaders({ token, owner }: Credential): string[] {
  return [
    'X-Tollgate-Token-Id',
    token.id,
    'X-Tollgate-User-Id',
    token.userId,
    'X-Tollgate-User-Login',
    headerText(owner?.login ?? ''),
    'X-Tollgate-Roles',
    owner?.roles.join(',') ?? '',
  ];
}

/**
 * The believed part of the address chain, the caller first and the peer last (docs/adr/0003). What stood to the left
 * of the caller is the caller's own claim: an upstream that takes the first entry at its word must not see it.
 */
export function forwardedFor(
  arrival: Arrival,
  permit: Permit,
  facts: Pick<RequestFacts, 'peerTrusted'>,
): string {
  const { peer, forwardedFor: received } = arrival;
  if (!facts.peerTrusted || received === null) return permit.client;
  const behindCaller: string[] = [canonical(peer)];
  for (const entry of received.split(',').reverse()) {
    const address = canonical(entry.trim());
    if (address === permit.client) return [permit.client, ...behindCaller].join(', ');
    behindCaller.unshift(address);
  }
  // The caller's hop is not one plain address: what is behind an unreadable entry is not told apart from it.
  return `${permit.client}, ${canonical(peer)}`;
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address === null ? 'unknown' : formatAddress(address);
}

/** The scheme by which the caller reached the outermost of the deployment's own proxies, or this gateway. */
export function forwardedProto(head: Pick<Head, 'forwardedProto'>, facts: RequestFacts): string {
  const said = facts.peerTrusted ? head.forwardedProto?.toLowerCase() : null;
  return said === 'http' || said === 'https' ? said : facts.scheme;
}

/** The `Host` by which the caller reached the outermost of the deployment's own proxies, or this gateway. */
export function forwardedHost(head: Pick<Head, 'forwardedHost' | 'host'>, facts: RequestFacts): string {
  const said = facts.peerTrusted ? head.forwardedHost : null;
  return said !== null && isHost(said) ? said : head.host;
}

const PLAIN = /^[\x21-\x24\x26-\x7e]*$/;

/**
 * Text for a header value: everything but visible ASCII, and `%` itself, is percent-encoded as UTF-8, so that
 * `decodeURIComponent` gives back what it was.
 */
function headerText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.toWellFormed().replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent);
}
