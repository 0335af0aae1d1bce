import type { RejectionCode } from '../../domain/rejection.ts';
import { secretIn } from './credential.ts';
import type { HeadRules } from './head.ts';

/** The headers of one request, each read once. Values are null when the header is absent. */
export interface HeadersRead {
  host: string | null;
  contentLength: string | null;
  transferEncoding: string | null;
  expect: string | null;
  upgrade: string | null;
  webSocketKey: string | null;
  webSocketVersion: string | null;
  forwardedFor: string | null;
  forwardedProto: string | null;
  forwardedHost: string | null;
  /** Null, too, when several came. */
  traceParent: string | null;
  traceParentSeen: boolean;
  traceState: string | null;
  /** The bare secret. */
  credential: string | null;
  authorizationSeen: boolean;
  credentialHeaderSeen: boolean;
  /** What `Connection` lists, in small letters. */
  connectionNames: string[];
  /** Names and values in turn: what is forwarded as it came. */
  headers: string[];
}

// RFC 9110 §5.5: visible characters, space, tab, and bytes above ASCII that are passed on as they are.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** Shared by all heads that list nothing, and never added to. */
const NONE: string[] = [];

/**
 * Reads every header once, by its role, and keeps what may be forwarded as it came.
 * @param raw names and values in turn
 */
export function readHeaders(raw: readonly string[], rules: HeadRules): HeadersRead | RejectionCode {
  const read: HeadersRead = {
    host: null,
    contentLength: null,
    transferEncoding: null,
    expect: null,
    upgrade: null,
    webSocketKey: null,
    webSocketVersion: null,
    forwardedFor: null,
    forwardedProto: null,
    forwardedHost: null,
    traceParent: null,
    traceParentSeen: false,
    traceState: null,
    credential: null,
    authorizationSeen: false,
    credentialHeaderSeen: false,
    connectionNames: NONE,
    headers: [],
  };
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    if (!VALUE.test(value)) return 'listen.bad-header';
    const refusal = readHeader(read, name, value, rules);
    if (refusal !== null) return refusal;
  }
  if (read.connectionNames.length > 0) read.headers = withoutNamed(read.headers, read.connectionNames);
  return read;
}

/** Reads one header into `read`, or says why it is refused. */
function readHeader(read: HeadersRead, name: string, value: string, rules: HeadRules): RejectionCode | null {
  switch (rules.roleOf(name)) {
    case 'pass':
      read.headers.push(name, value);
      return null;
    case 'drop':
      return null;
    case 'once':
      if (hasName(read.headers, name.toLowerCase())) return 'listen.bad-header';
      read.headers.push(name, value);
      return null;
    case 'bad':
      return 'listen.bad-header';
    case 'host':
      if (read.host !== null) return 'listen.bad-host';
      read.host = value;
      return null;
    case 'content-length':
      if (read.contentLength !== null) return 'listen.bad-framing';
      read.contentLength = value;
      return null;
    case 'transfer-encoding':
      if (read.transferEncoding !== null) return 'listen.bad-framing';
      read.transferEncoding = value;
      return null;
    case 'expect':
      if (read.expect !== null) return 'listen.expectation';
      read.expect = value;
      return null;
    case 'upgrade':
      read.upgrade = joined(read.upgrade, value);
      return null;
    case 'websocket-key':
      if (read.webSocketKey !== null) return 'listen.bad-upgrade';
      read.webSocketKey = value;
      read.headers.push(name, value);
      return null;
    case 'websocket-version':
      if (read.webSocketVersion !== null) return 'listen.bad-upgrade';
      read.webSocketVersion = value;
      read.headers.push(name, value);
      return null;
    case 'forwarded-for':
      read.forwardedFor = joined(read.forwardedFor, value);
      return null;
    case 'forwarded-proto':
      read.forwardedProto = joined(read.forwardedProto, value);
      return null;
    case 'forwarded-host':
      read.forwardedHost = joined(read.forwardedHost, value);
      return null;
    case 'traceparent':
      // W3C Trace Context §4.3: of several none is valid.
      read.traceParent = read.traceParentSeen ? null : value;
      read.traceParentSeen = true;
      return null;
    case 'tracestate':
      read.traceState = joined(read.traceState, value);
      return null;
    case 'connection':
      return readConnection(read, value);
    case 'authorization':
      return readAuthorization(read, name, value, rules);
    case 'credential':
      return readCredentialHeader(read, name, value, rules);
  }
}

/** Notes what this connection's own headers are. Which of them are framing or ours does not depend on it. */
function readConnection(read: HeadersRead, value: string): RejectionCode | null {
  const lowered = value.toLowerCase();
  // What nearly every client sends names no header.
  if (lowered === 'keep-alive' || lowered === 'close') return null;
  const names = read.connectionNames === NONE ? [] : read.connectionNames;
  for (const part of lowered.split(',')) {
    const name = part.trim();
    if (name === '') continue;
    if (!TOKEN.test(name)) return 'listen.bad-header';
    names.push(name);
  }
  read.connectionNames = names;
  return null;
}

function readAuthorization(
  read: HeadersRead,
  name: string,
  value: string,
  rules: HeadRules,
): RejectionCode | null {
  if (read.authorizationSeen) return 'listen.bad-header';
  read.authorizationSeen = true;
  const secret = secretIn(value, rules.schemes);
  if (secret === null || rules.passCredential) read.headers.push(name, value);
  return secret === null ? null : takeCredential(read, secret);
}

function readCredentialHeader(
  read: HeadersRead,
  name: string,
  value: string,
  rules: HeadRules,
): RejectionCode | null {
  if (read.credentialHeaderSeen) return 'listen.bad-header';
  read.credentialHeaderSeen = true;
  if (rules.passCredential) read.headers.push(name, value);
  return takeCredential(read, value.trim());
}

/** Two different tokens in one request are refused: which of them the request acts with would be a guess. */
function takeCredential(read: HeadersRead, secret: string): RejectionCode | null {
  if (read.credential !== null && read.credential !== secret) return 'listen.bad-header';
  read.credential = secret;
  return null;
}

/** The headers but those that the client named in `Connection` (RFC 9110 §7.6.1). */
function withoutNamed(headers: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  // A head has room for thousands of names.
  const named = new Set(names);
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!named.has(name.toLowerCase())) kept.push(name, headers[at + 1] ?? '');
  }
  return kept;
}

function hasName(headers: readonly string[], lowered: string): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === lowered) return true;
  }
  return false;
}

function joined(before: string | null, value: string): string {
  return before === null ? value : `${before}, ${value}`;
}
