/** Streams of bytes as clients, odd ones and hostile ones send them: generated from a grammar, and then spoilt. */
import fc from 'fast-check';

/** What a client sends over one connection, in pieces. */
export type Stream = readonly string[];

const anyOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
/** Mostly the first, so that most of a stream is as it should be. */
const mostly = (usual: fc.Arbitrary<string>, odd: fc.Arbitrary<string>) =>
  fc.oneof({ arbitrary: usual, weight: 12 }, { arbitrary: odd, weight: 1 });

const plainMethod = anyOf('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
const method = mostly(plainMethod, anyOf('get', 'TRACE', 'CONNECT', 'PURGE', 'G\0T', '', 'GETGETGET'));

/** How many answers the upstream of the test knows; a path chooses one of them. */
export const ANSWERS = 40;

const plainTarget = fc
  .tuple(fc.nat(ANSWERS - 1), anyOf('', '', '/a', '/a.b/c', '/~x/-y', '?q=1', '?a[]=%20"&', '?'))
  .map(([answer, rest]) => `/${answer}${rest}`);
const target = mostly(
  plainTarget,
  anyOf(
    '/',
    '*',
    '//1',
    '/1//a',
    '/1/../2',
    '/%31',
    '/1/%2e%2e/2',
    '/1;x=y',
    '/1/%C3%A9',
    '/1/%c3%a9',
    '/1/"<>"',
    '/1#x',
    '/1\\2',
    '/1/\u00e9',
    'http://api.example/1',
    'http://other.example/1',
    'api.example:80',
    '/1 /2',
    `/1/${'x'.repeat(600)}`,
    '',
  ),
);
const version = mostly(
  anyOf(' HTTP/1.1'),
  anyOf(' HTTP/1.0', ' HTTP/1.2', ' HTTP/2.0', '', ' http/1.1', '  HTTP/1.1', ' HTTP/1.1 '),
);

const credentials = anyOf('good', 'good', 'good', 'good', 'late', 'bad', 'limited', 'late-bad');
const host = mostly(
  anyOf('Host: api.example'),
  anyOf(
    '',
    'Host: a@b',
    'Host: ',
    'Host: a, b',
    'host:api.example',
    'Host: api.example\r\nHost: api.example',
  ),
);
const authorization = mostly(
  credentials.map((secret) => `Authorization: SSWS ${secret}`),
  anyOf(
    '',
    'authorization: ssws good',
    'Authorization: Basic abc',
    'Authorization: SSWS',
    'X-Api-Key: good',
    'Authorization: SSWS good\r\nX-Api-Key: bad',
  ),
);

const plainHeader = anyOf(
  'Accept: */*',
  'accept: application/json',
  'User-Agent: test (x; y) 1.0',
  'Connection: keep-alive',
  'connection: Keep-Alive',
  'Cookie: a=b; c=d',
  'X-Custom: one',
  'X-Custom: two',
  'X-Forwarded-For: 203.0.113.9, 198.51.100.1',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: front.example',
  'X-Request-Id: mine',
  'X-Tollgate-User-Id: somebody',
  'x-tollgate-roles: SUPER_ADMIN',
  'TE: trailers',
  'Content-Type: text/plain',
  'If-None-Match: "x"',
  'X-HTTP-Method-Override: DELETE',
);
const oddHeader = anyOf(
  'Content-Type: text/plain\r\nContent-Type: text/html',
  'Connection: close',
  'Connection: X-Custom, keep-alive',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Expect: more',
  'X_Under: score',
  'X-Tab: a\tb',
  'X-Empty:',
  'X-Empty: ',
  'X-Tight:value',
  'X-Wide:   value   ',
  'X-Wide: value ',
  'X-High: \u00e9',
  'X-Null: a\0b',
  'X-Fold: a\r\n b',
  'X-Cr: a\rb',
  'X-Lf: a\nX-Next: b',
  'No colon',
  ': no name',
  'Space : before',
  ' Leading: space',
  'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8',
  'Content-Length: 0',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length: 99999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding:',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  `X-Long: ${'y'.repeat(1500)}`,
);
const headers = fc.array(mostly(plainHeader, oddHeader), { maxLength: 6 });

interface Body {
  readonly header: string;
  readonly bytes: string;
}
const text = fc.nat(60).map((length) => 'body of the request '.repeat(4).slice(0, length));
const plainBody: fc.Arbitrary<Body> = fc.oneof(
  fc.constant({ header: '', bytes: '' }),
  text.map((bytes) => ({ header: `Content-Length: ${bytes.length}`, bytes })),
);
const body: fc.Arbitrary<Body> = fc.oneof(
  { arbitrary: plainBody, weight: 12 },
  {
    arbitrary: text.map((bytes) => ({ header: `content-length: ${bytes.length}`, bytes: bytes.slice(1) })),
    weight: 1,
  },
  {
    arbitrary: text.map((bytes) => ({
      header: 'Transfer-Encoding: chunked',
      bytes: `${bytes === '' ? '' : `${bytes.length.toString(16)}\r\n${bytes}\r\n`}0\r\n\r\n`,
    })),
    weight: 1,
  },
  {
    arbitrary: text.map((bytes) => ({
      header: `Content-Length: ${bytes.length}\r\nTransfer-Encoding: chunked`,
      bytes,
    })),
    weight: 1,
  },
);

interface Parts {
  readonly method: fc.Arbitrary<string>;
  readonly target: fc.Arbitrary<string>;
  readonly version: fc.Arbitrary<string>;
  readonly host: fc.Arbitrary<string>;
  readonly authorization: fc.Arbitrary<string>;
  readonly headers: fc.Arbitrary<string[]>;
  readonly body: fc.Arbitrary<Body>;
}

function requestOf(parts: Parts): fc.Arbitrary<string> {
  return fc
    .tuple(
      parts.method,
      parts.target,
      parts.version,
      parts.host,
      parts.authorization,
      parts.headers,
      parts.body,
      fc.nat(7),
    )
    .map(([verb, url, protocol, hostLine, credential, lines, { header, bytes }, at]) => {
      const all = [hostLine, credential, ...lines].filter((line) => line !== '');
      if (header !== '') all.splice(at % (all.length + 1), 0, header);
      return `${verb} ${url}${protocol}\r\n${all.map((line) => `${line}\r\n`).join('')}\r\n${bytes}`;
    });
}

const plainRequest = requestOf({
  method: plainMethod,
  target: plainTarget,
  version: fc.constant(' HTTP/1.1'),
  host: fc.constant('Host: api.example'),
  authorization: credentials.map((secret) => `Authorization: SSWS ${secret}`),
  headers: fc.uniqueArray(plainHeader, {
    maxLength: 5,
    selector: (line) => line.slice(0, line.indexOf(':')).toLowerCase(),
  }),
  body: plainBody,
});
const oddRequest = requestOf({ method, target, version, host, authorization, headers, body });

interface Spoiling {
  readonly at: number;
  readonly how: 'insert' | 'remove' | 'replace' | 'repeat';
  readonly what: string;
}
const spoiling: fc.Arbitrary<Spoiling> = fc.record({
  at: fc.nat(2_000),
  how: anyOf<Spoiling['how']>('insert', 'remove', 'replace', 'repeat'),
  what: anyOf(
    '\0',
    '\r',
    '\n',
    '\r\n',
    '\t',
    ' ',
    ':',
    ',',
    '\x7f',
    '\x80',
    '\xff',
    '_',
    '%',
    '"',
    'A',
    '0',
    '\r\n\r\n',
    ';',
  ),
});

function spoilt(bytes: string, { at: anywhere, how, what }: Spoiling): string {
  const at = anywhere % (bytes.length + 1);
  const [before, after] = [bytes.slice(0, at), bytes.slice(at)];
  if (how === 'insert') return before + what + after;
  if (how === 'remove') return before + after.slice(1);
  if (how === 'replace') return before + what + after.slice(1);
  return before + after.slice(0, 20) + after;
}

const spoiltRequest = fc
  .tuple(oddRequest, fc.array(spoiling, { minLength: 1, maxLength: 3 }))
  .map(([bytes, spoilings]) => spoilings.reduce(spoilt, bytes));

/** The bytes of one request, plain, odd or spoilt. */
export const requests: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: plainRequest, weight: 1 },
  { arbitrary: oddRequest, weight: 1 },
  { arbitrary: spoiltRequest, weight: 2 },
);

function cut(bytes: string, cuts: readonly number[]): string[] {
  const at = [0, ...cuts.map((each) => each % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at
    .slice(1)
    .map((end, index) => bytes.slice(at[index], end))
    .filter((piece) => piece !== '');
}

/** Plain requests in one piece, one behind the other. */
const together: fc.Arbitrary<Stream> = fc
  .array(plainRequest, { minLength: 1, maxLength: 5 })
  .map((all) => [all.join('')]);

/** Requests of every kind, each in some pieces of its own: what is broken is not read before what came before it. */
const apart: fc.Arbitrary<Stream> = fc
  .array(fc.tuple(requests, fc.array(fc.nat(2_000), { maxLength: 2 })), { minLength: 1, maxLength: 4 })
  .map((all) => all.flatMap(([bytes, cuts]) => cut(bytes, cuts)));

export const streams: fc.Arbitrary<Stream> = fc.oneof(
  { arbitrary: together, weight: 1 },
  { arbitrary: apart, weight: 3 },
);
