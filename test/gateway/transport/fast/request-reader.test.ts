import { describe, expect, it } from 'vitest';
import { Findings } from '../../../../src/gateway/findings.ts';
import { headRules } from '../../../../src/gateway/listen/head.ts';
import { ForwardedLines } from '../../../../src/gateway/transport/fast/forwarded-lines.ts';
import { RequestReader } from '../../../../src/gateway/transport/fast/request-reader.ts';

const rules = headRules({
  schemes: ['SSWS', 'Bearer'],
  credentialHeader: 'X-Api-Key',
  passCredential: false,
  maxHeaders: 8,
  maxTargetLength: 64,
});
const MOST = 1_000;
const read = (text: string) => new RequestReader(rules, MOST).read(text);
const head = (line: string, ...lines: readonly string[]) => [line, ...lines, '', ''].join('\r\n');
const get = (...lines: readonly string[]) => head('GET /a HTTP/1.1', 'Host: api.example', ...lines);

describe('a plain request', () => {
  it('is read into the one reading that listen has of it', () => {
    const reader = new RequestReader(rules, MOST);
    const text = head(
      'POST /a/b?c=d HTTP/1.1',
      'Host: api.example:80',
      'Accept: */*',
      'X-Custom: one',
      'Authorization: SSWS secret',
      'Connection: keep-alive',
      'X-Forwarded-For: 203.0.113.9',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: front',
      'X-Tollgate-Roles: all',
      'Content-Type: text/plain',
      'Content-Length: 5',
    );
    const roomy = new RequestReader({ ...rules, maxHeaders: 20 }, MOST);
    expect(reader.read(text)).toBe('unclear');
    expect(roomy.read(`${text}hello`)).toBe('head');
    expect([roomy.method, roomy.path, roomy.query, roomy.end]).toEqual(['POST', '/a/b', '?c=d', text.length]);
    expect(roomy.headers).toEqual({
      host: 'api.example:80',
      contentLength: 5,
      credential: 'secret',
      forwardedFor: '203.0.113.9',
      forwardedProto: 'https',
      forwardedHost: 'front',
      traceParent: null,
      traceState: null,
      passed: 'Accept: */*\r\nX-Custom: one\r\nContent-Type: text/plain\r\n',
      findings: new Findings(),
      forwarded: new ForwardedLines(),
    });
  });

  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    it(`may be ${method}`, () => {
      expect(read(head(`${method} / HTTP/1.1`, 'Host: a'))).toBe('head');
    });
  }

  it('may carry the token in the configured header, or none', () => {
    const reader = new RequestReader(rules, MOST);
    expect(reader.read(get('X-Api-Key: secret'))).toBe('head');
    expect(reader.headers.credential).toBe('secret');
    expect(reader.read(get('Authorization: Basic abc'))).toBe('head');
    expect(reader.headers).toMatchObject({ credential: null, passed: 'Authorization: Basic abc\r\n' });
  });
});

describe('what is somebody else’s to judge', () => {
  const unclear: readonly (readonly [why: string, text: string])[] = [
    ['another method', head('TRACE / HTTP/1.1', 'Host: a')],
    ['a method in small letters', head('get / HTTP/1.1', 'Host: a')],
    ['HTTP/1.0', head('GET / HTTP/1.0', 'Host: a')],
    ['no version', head('GET /', 'Host: a')],
    ['two spaces', head('GET  / HTTP/1.1', 'Host: a')],
    ['a space in the target', head('GET /a b HTTP/1.1', 'Host: a')],
    ['an absolute target', head('GET http://a/ HTTP/1.1', 'Host: a')],
    ['a target of another normal form', head('GET /%61 HTTP/1.1', 'Host: a')],
    ['a target that begins with two slashes', head('GET //a HTTP/1.1', 'Host: a')],
    ['a target that is refused', head('GET /a/../b HTTP/1.1', 'Host: a')],
    ['a long target', head(`GET /${'a'.repeat(64)} HTTP/1.1`, 'Host: a')],
    ['an empty line before', `\r\n${get()}`],
    ['a bare LF behind the request line', get().replace('\r\n', '\n')],
    ['a bare LF behind a header', get('A: b').replace('b\r\n', 'b\n')],
    ['a bare CR in a header', get('A: b\rc')],
    ['a bare CR before the end', `${get().slice(0, -2)}\r\r\n`],
    ['no Host', head('GET / HTTP/1.1', 'Accept: a')],
    ['two Hosts', get('Host: api.example')],
    ['a Host that names no place', head('GET / HTTP/1.1', 'Host: a@b')],
    ['two lengths', get('Content-Length: 1', 'Content-Length: 1')],
    ['a length with a sign', get('Content-Length: +1')],
    ['a length of 16 digits', get('Content-Length: 1234567890123456')],
    ['a transfer coding', get('Transfer-Encoding: chunked')],
    ['an upgrade', get('Upgrade: h2c')],
    ['a WebSocket key', get('Sec-WebSocket-Key: a')],
    ['an expectation', get('Expect: 100-continue')],
    ['Connection: close', get('Connection: close')],
    ['headers named in Connection', get('Connection: keep-alive, X-A')],
    ['a name with an underscore', get('X_A: b')],
    ['a name with a space behind', get('X-A : b')],
    ['an empty name', get(': b')],
    ['a line without a colon', get('X-A')],
    ['a folded line', get('X-A: b', ' c')],
    ['no space behind the colon', get('X-A:b')],
    ['two spaces behind the colon', get('X-A:  b')],
    ['a space behind the value', get('X-A: b ')],
    ['an empty value', get('X-A: ')],
    ['a tab in a value', get('X-A: b\tc')],
    ['a NUL in a value', get('X-A: b\0c')],
    ['a byte above ASCII in a value', get('X-A: \u00e9')],
    ['a byte above ASCII in a name', get('X-\u00e9: b')],
    ['two tokens', get('Authorization: SSWS a', 'X-Api-Key: b')],
    ['two Authorizations', get('Authorization: SSWS a', 'Authorization: SSWS a')],
    ['two of a header that may come once', get('Content-Type: a', 'content-type: a')],
    ['two chains of addresses', get('X-Forwarded-For: 1.2.3.4', 'X-Forwarded-For: 1.2.3.4')],
    ['more headers than allowed', get(...Array.from({ length: 8 }, () => 'A: b'))],
    ['a large head', get(`A: ${'b'.repeat(MOST)}`)],
    ['a large beginning', `GET /a HTTP/1.1\r\nA: ${'b'.repeat(MOST)}`],
    ['a beginning that is no method', 'get'],
    ['a beginning that is no target', 'GET x'],
    ['a beginning that is no version', 'GET /a HTTQ'],
    ['a beginning that is no header name', 'GET /a HTTP/1.1\r\nA b'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ];
  for (const [why, text] of unclear) {
    it(`is unclear: ${why}`, () => {
      expect(read(text)).toBe('unclear');
    });
  }
});

it('asks for more at every place where a plain head can be cut', () => {
  const text = get('Accept: */*', 'Content-Length: 5');
  for (let end = 1; end < text.length; end += 1)
    expect([end, read(text.slice(0, end))]).toEqual([end, 'more']);
  expect(read(text)).toBe('head');
});
