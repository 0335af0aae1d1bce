/**
 * What listen does with a header, by its name. `pass`: forwarded as it came. `once`: the same, but it may not repeat.
 * `drop`: never forwarded. `bad`: not a name that is allowed. The others are read by the rule of that name, and then
 * forwarded or written anew.
 */
export type HeaderRole =
  | 'pass'
  | 'once'
  | 'drop'
  | 'bad'
  | 'host'
  | 'authorization'
  | 'credential'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'expect'
  | 'upgrade'
  | 'websocket-key'
  | 'websocket-version'
  | 'forwarded-for'
  | 'forwarded-proto'
  | 'forwarded-host'
  | 'traceparent'
  | 'tracestate';

/** The beginning of the names that are ours alone (ARCHITECTURE.md, invariants). */
export const RESERVED_PREFIX = 'x-tollgate-';

/** Header names that end at this connection (RFC 9110 §7.6.1), in small letters. `Connection` itself is read apart. */
export const HOP_BY_HOP = [
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'http2-settings',
] as const;

// What a client says here an upstream may take for the word of its own gateway: where the caller stands, which
// request this is, or that it is another path or method than the one that was matched.
const CLAIMS = [
  'forwarded',
  'x-forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-originating-ip',
  'x-remote-ip',
  'x-remote-addr',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'x-host',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-request-id',
  // An environment variable of CGI programs is named for it (httpoxy, CVE-2016-5385).
  'proxy',
] as const;

const READ: readonly HeaderRole[] = [
  'host',
  'authorization',
  'content-length',
  'transfer-encoding',
  'connection',
  'expect',
  'upgrade',
];

// Readers that take the first of several and readers that take the last would see two different requests.
const ONCE = ['content-type', 'content-encoding', 'content-range', 'content-location', 'origin'] as const;

const FREQUENT = [
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Cache-Control',
  'Cookie',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'Pragma',
  'Range',
  'Referer',
  'User-Agent',
  'X-Requested-With',
] as const;

// RFC 9110 §5.6.2 token, without `_`: it reads as `-` in CGI-like upstreams, so such a name could pass for ours.
const NAME = /^[a-z0-9!#$%&'*+.^`|~-]+$/;

/**
 * The roles of header names, found by the spelling that came.
 * @param credentialHeader the configured header that may carry the credential, or null
 * @param traces whether requests are traced; else what a caller says of its trace passes as it came
 */
export function headerRoles(credentialHeader: string | null, traces = false): (name: string) => HeaderRole {
  const known = new Map<string, HeaderRole>();
  for (const name of [...HOP_BY_HOP, ...CLAIMS]) known.set(name, 'drop');
  for (const role of READ) known.set(role, role);
  known.set('sec-websocket-key', 'websocket-key');
  known.set('sec-websocket-version', 'websocket-version');
  known.set('x-forwarded-for', 'forwarded-for');
  known.set('x-forwarded-proto', 'forwarded-proto');
  known.set('x-forwarded-host', 'forwarded-host');
  if (traces) {
    known.set('traceparent', 'traceparent');
    known.set('tracestate', 'tracestate');
  }
  for (const name of ONCE) known.set(name, 'once');
  for (const name of FREQUENT) known.set(name.toLowerCase(), 'pass');
  if (credentialHeader !== null) known.set(credentialHeader.toLowerCase(), 'credential');
  // The usual spelling, with capitals, is found without making the one in small letters.
  for (const [name, role] of [...known]) known.set(capitalised(name), role);
  return (name) => known.get(name) ?? roleOfLowered(name.toLowerCase(), known);
}

function roleOfLowered(name: string, known: ReadonlyMap<string, HeaderRole>): HeaderRole {
  const role = known.get(name);
  if (role !== undefined) return role;
  if (!NAME.test(name)) return 'bad';
  return name.startsWith(RESERVED_PREFIX) || name.startsWith('x-forwarded-') ? 'drop' : 'pass';
}

function capitalised(name: string): string {
  return name.replace(/(?<![a-z0-9])[a-z]/g, (letter) => letter.toUpperCase());
}
