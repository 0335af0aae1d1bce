import type { RejectionCode } from '../../domain/rejection.ts';
import type { Arrival } from '../decision.ts';
import { StageTimes } from '../stage-times.ts';
import { type BodyFraming, judgeFraming } from './framing.ts';
import { type HeaderRole, headerRoles } from './header-roles.ts';
import { type HeadersRead, readHeaders } from './headers.ts';
import { isHost } from './host.ts';
import { originForm } from './origin-form.ts';
import { newRequestId } from './request-id.ts';
import { normalTarget } from './target.ts';
import type { StartTrace } from './trace-start.ts';
import { judgeUpgrade } from './upgrade.ts';

/** A request head as a parser hands it over; nothing in it has been judged. */
export interface RawHead {
  readonly method: string;
  /** The request target as it stood in the request line. */
  readonly url: string;
  /** `1.1`, `1.0` or what else the request line said. */
  readonly httpVersion: string;
  /** Names and values in turn, in their order and spelling, one character per byte. */
  readonly rawHeaders: readonly string[];
}

export interface HeadOptions {
  /** Schemes of `Authorization` that carry a token, compared without regard to case; Okta's is `SSWS`. */
  readonly schemes: readonly string[];
  /** A header that may carry the bare token instead, or null. */
  readonly credentialHeader: string | null;
  /** Whether the upstream gets to see the token. */
  readonly passCredential: boolean;
  readonly maxHeaders: number;
  /** Characters of the request target. */
  readonly maxTargetLength: number;
}

/** Options made ready once for judging heads. */
export interface HeadRules extends HeadOptions {
  readonly roleOf: (name: string) => HeaderRole;
  /** Null where requests are not traced. */
  readonly startTrace: StartTrace | null;
}

/** A head that was judged and found good: the request in one reading. */
export interface Head {
  readonly arrival: Arrival;
  /** The `Host` as it came; empty when an HTTP/1.0 request has none. */
  readonly host: string;
  /** How the body is framed: its length in bytes when the client stated one. */
  readonly body: BodyFraming;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** A WebSocket handshake by the rules of RFC 6455 §4.2.1, without a body. */
  readonly wantsWebSocket: boolean;
  /** The `X-Forwarded-Proto` and `-Host` that came, to be believed of a trusted peer only; null when absent. */
  readonly forwardedProto: string | null;
  readonly forwardedHost: string | null;
  /** Names and values in turn: what the client may tell the upstream. Not in it: `Host`, framing, and what is ours to say. */
  readonly headers: readonly string[];
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What `Allow` lists when another method is refused. */
export const ALLOWED_METHODS = [...METHODS].join(', ');

/** @param startTrace null where requests are not traced: what a caller says of its trace then passes as it came */
export function headRules(options: HeadOptions, startTrace: StartTrace | null = null): HeadRules {
  return { ...options, roleOf: headerRoles(options.credentialHeader, startTrace !== null), startTrace };
}

/**
 * Judges a request head: takes it apart into the one reading that everybody who forwards or receives it shares, or
 * refuses it. Nothing that two parsers could read in two ways passes (RFC 9112 §2.2, §3.2, §6; RFC 9110 §5, §7.6.1).
 * @param peer the address of the other end of the connection
 */
export function judgeHead(raw: RawHead, peer: string, rules: HeadRules): Head | RejectionCode {
  if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0') return 'listen.version';
  if (!METHODS.has(raw.method)) return 'listen.method';
  if (raw.url.length > rules.maxTargetLength) return 'listen.target-too-long';
  if (raw.rawHeaders.length > rules.maxHeaders * 2) return 'listen.head-too-large';
  const read = readHeaders(raw.rawHeaders, rules);
  if (typeof read === 'string') return read;
  const host = judgeHost(read.host, raw.httpVersion);
  if (host === null) return 'listen.bad-host';
  const origin = originForm(raw.url, host);
  const target = origin === null ? null : normalTarget(origin);
  if (target === null) return 'listen.bad-target';
  const body = judgeFraming(read, raw.httpVersion);
  if (body === null) return 'listen.bad-framing';
  const wantsWebSocket = judgeUpgrade(read, raw, body);
  if (wantsWebSocket === null) return 'listen.bad-upgrade';
  if (read.expect !== null && read.expect.toLowerCase() !== '100-continue') return 'listen.expectation';
  return {
    arrival: arrivalOf(raw, read, target.path, target.query, peer, rules),
    host,
    body,
    // RFC 9110 §10.1.1: HTTP/1.0 clients cannot wait for it, and there is nothing to wait with.
    expectsContinue: read.expect !== null && raw.httpVersion === '1.1' && body !== 'none' && body !== 0,
    wantsWebSocket,
    forwardedProto: read.forwardedProto,
    forwardedHost: read.forwardedHost,
    headers: read.headers,
  };
}

function judgeHost(host: string | null, httpVersion: string): string | null {
  if (host === null) return httpVersion === '1.0' ? '' : null;
  return isHost(host) ? host : null;
}

function arrivalOf(
  raw: RawHead,
  read: HeadersRead,
  path: string,
  query: string,
  peer: string,
  { startTrace }: HeadRules,
): Arrival {
  const requestId = newRequestId();
  return {
    requestId,
    method: raw.method,
    path,
    query,
    credential: read.credential,
    peer,
    forwardedFor: read.forwardedFor,
    times: new StageTimes(),
    trace: startTrace === null ? null : startTrace(requestId, read.traceParent, read.traceState),
  };
}
