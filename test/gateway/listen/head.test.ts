import { describe, expect, it } from 'vitest';
import type { RejectionCode } from '../../../src/domain/rejection.ts';
import { type Head, type HeadOptions, headRules, judgeHead } from '../../../src/gateway/listen/head.ts';

const OPTIONS: HeadOptions = {
  schemes: ['SSWS'],
  credentialHeader: null,
  passCredential: false,
  maxHeaders: 100,
  maxTargetLength: 8192,
};

interface Asked extends Partial<HeadOptions> {
  readonly method?: string;
  readonly url?: string;
  readonly httpVersion?: string;
}

const HOST = ['Host', 'api.example.com'];

/** Judges a GET of `/a` with these headers behind a Host. */
function judge(headers: readonly string[], asked: Asked = {}): Head | RejectionCode {
  const { method = 'GET', url = '/a', httpVersion = '1.1', ...options } = asked;
  const rules = headRules({ ...OPTIONS, ...options });
  return judgeHead({ method, url, httpVersion, rawHeaders: [...HOST, ...headers] }, '192.0.2.1', rules);
}

function judged(headers: readonly string[], asked: Asked = {}): Head {
  const head = judge(headers, asked);
  if (typeof head === 'string') throw new Error(`refused with ${head}`);
  return head;
}

describe('a request head', () => {
  it('arrives with an id of its own, its target in parts, its peer and its credential', () => {
    const first = judged(['Authorization', 'SSWS secret'], { url: '/%61?b=%2f' });
    expect(first.arrival).toMatchObject({
      requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
      method: 'GET',
      path: '/a',
      query: '?b=%2f',
      credential: 'secret',
      peer: '192.0.2.1',
      forwardedFor: null,
    });
    expect(judged([]).arrival.requestId).not.toBe(first.arrival.requestId);
  });

  it('has request ids that never repeat', () => {
    const ids = Array.from({ length: 2000 }, () => judged([]).arrival.requestId);
    expect(new Set(ids).size).toBe(2000);
  });

  it.each(['0.9', '1.2', '2.0', '1', '1.10', '01.1', ''])('of HTTP version %j is refused', (httpVersion) => {
    expect(judge([], { httpVersion })).toBe('listen.version');
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('may be a %s', (method) => {
    expect(judged([], { method }).arrival.method).toBe(method);
  });

  it.each(['TRACE', 'CONNECT', 'PRI', 'get', 'Get', 'GET ', '', 'PROPFIND', 'QUERY', 'SOURCE', 'DESCRIBE'])(
    'may not be a %j',
    (method) => {
      expect(judge([], { method })).toBe('listen.method');
    },
  );

  it('may have as many headers as are allowed, and not one more', () => {
    const headers = (count: number) => Array.from({ length: count }, (_, at) => [`X-${at}`, 'v']).flat();
    expect(judged(headers(9), { maxHeaders: 10 }).headers).toHaveLength(18);
    expect(judge(headers(10), { maxHeaders: 10 })).toBe('listen.head-too-large');
  });

  it('may have a target as long as is allowed, and not one character more', () => {
    expect(judged([], { url: `/${'a'.repeat(9)}`, maxTargetLength: 10 }).arrival.path).toHaveLength(10);
    expect(judge([], { url: `/${'a'.repeat(10)}`, maxTargetLength: 10 })).toBe('listen.target-too-long');
  });

  it.each(['*', 'example.com:443', '/a/../b', '//a//b', '', 'http:/a', 'ftp://api.example.com/a'])(
    'with the target %j is refused',
    (url) => {
      expect(judge([], { url })).toBe('listen.bad-target');
    },
  );
});

describe('the Host', () => {
  const alone = (hosts: readonly string[], httpVersion = '1.1') =>
    judgeHead(
      { method: 'GET', url: '/a', httpVersion, rawHeaders: hosts.flatMap((host) => ['Host', host]) },
      '192.0.2.1',
      headRules(OPTIONS),
    );

  it.each([
    ...['example.com', 'EXAMPLE.com', 'localhost', 'a-b.c_d', '192.0.2.1', '[::1]', '[2001:db8::1]:8080'],
    ...['example.com:0', 'example.com:443', 'example.com:65535', 'xn--caf-dma.example', 'example.com.'],
  ])('may be %s', (host) => {
    expect(alone([host])).toMatchObject({ host });
  });

  it.each([
    ...[
      '',
      ' ',
      'a,b',
      'a b',
      'a@b',
      'user:pass@b',
      'a/b',
      'a?b',
      'a#b',
      'a\\b',
      '//a',
      'http://a',
      '.a',
      '-a',
    ],
    ...[
      'a:',
      'a:x',
      'a:65536',
      'a:-1',
      'a:1:2',
      'a:0x50',
      '::1',
      '[::1',
      '[::1%25eth0]',
      '[a]b',
      '[]',
      'a%41',
      'é',
    ],
    ...['a;b', "a'b", 'a<b', '*', `${'a'.repeat(255)}`],
  ])('may not be %j', (host) => {
    expect(alone([host])).toBe('listen.bad-host');
  });

  it('stands once, whatever it says', () => {
    expect(alone([])).toBe('listen.bad-host');
    expect(alone(['a', 'b'])).toBe('listen.bad-host');
    expect(alone(['a', 'a'])).toBe('listen.bad-host');
    expect(alone(['a', ''], '1.0')).toBe('listen.bad-host');
  });

  it('may be absent from an HTTP/1.0 request alone', () => {
    expect(alone([], '1.0')).toMatchObject({ host: '' });
  });

  it.each([
    ['http://api.example.com/a?b', '/a', '?b'],
    ['https://API.example.com/a', '/a', ''],
    ['HTTP://api.example.com', '/', ''],
    ['http://api.example.com?b', '/', '?b'],
    ['http://api.example.com//a', '/a', ''],
  ])('is repeated by the absolute target %s, which is rewritten', (url, path, query) => {
    expect(judged([], { url }).arrival).toMatchObject({ path, query });
  });

  it.each([
    'http://other.example.com/a',
    'http://api.example.com:80/a',
    'http://user@api.example.com/a',
    'http://api.example.com@other/a',
    'http://169.254.169.254/a',
    'http:///a',
    'http://api.example.com\\@other/a',
    'http://api.example.com#/a',
    'http://api.example.com/../a',
  ])('is not outvoted by the target %s, which is refused', (url) => {
    expect(judge([], { url })).toBe('listen.bad-target');
  });
});

describe('the framing of a body', () => {
  it.each<[string, readonly string[], Head['body']]>([
    ['no length', [], 'none'],
    ['a length', ['Content-Length', '7'], 7],
    ['the length 0', ['content-length', '0'], 0],
    ['leading zeros', ['Content-Length', '007'], 7],
    ['15 digits', ['Content-Length', '999999999999999'], 999999999999999],
    ['chunks', ['Transfer-Encoding', 'chunked'], 'chunked'],
  ])('is read from %s', (_, headers, body) => {
    const head = judged(headers, { method: 'POST' });
    expect(head.body).toBe(body);
    expect(head.headers).toEqual([]);
  });

  it.each<[string, readonly string[]]>([
    ['both headers', ['Content-Length', '5', 'Transfer-Encoding', 'chunked']],
    ['both headers, the other way round', ['Transfer-Encoding', 'chunked', 'Content-Length', '5']],
    ['a length beside an empty coding', ['Content-Length', '5', 'Transfer-Encoding', '']],
    ['two lengths', ['Content-Length', '5', 'Content-Length', '6']],
    ['two equal lengths', ['Content-Length', '5', 'content-length', '5']],
    ['two codings', ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked']],
    ['a second, empty coding', ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', '']],
    ...['', ' ', '5,5', '5, 5', '+5', '-5', '0x5', '5e1', '5.0', '5 5', '5;', '"5"', '٥', '1'.repeat(16)].map(
      (value): [string, readonly string[]] => [
        `the length ${JSON.stringify(value)}`,
        ['Content-Length', value],
      ],
    ),
    ...[
      ...[
        '',
        'Chunked',
        'CHUNKED',
        'gzip',
        'identity',
        'gzip, chunked',
        'chunked, gzip',
        'chunked,',
        ',chunked',
      ],
      ...[
        'chunked, chunked',
        'x chunked',
        ' chunked',
        'chunked ',
        'chunked;q=1',
        '"chunked"',
        'xchunked',
        'chunke',
      ],
      ...['\tchunked', 'chunked\t', 'chunked\u0085', '\u00a0chunked', "'chunked'"],
    ].map((value): [string, readonly string[]] => [
      `the coding ${JSON.stringify(value)}`,
      ['Transfer-Encoding', value],
    ]),
  ])('is refused for %s', (_, headers) => {
    // A character beyond a byte can come from no parser; as a value it is refused before the framing is read.
    expect(['listen.bad-framing', 'listen.bad-header']).toContain(judge(headers, { method: 'POST' }));
  });

  it('is never in chunks on HTTP/1.0', () => {
    expect(judge(['Transfer-Encoding', 'chunked'], { httpVersion: '1.0' })).toBe('listen.bad-framing');
  });

  it.each(['GET', 'HEAD', 'DELETE', 'OPTIONS'])('is kept for a %s too', (method) => {
    expect(judged(['Transfer-Encoding', 'chunked'], { method }).body).toBe('chunked');
    expect(judged(['Content-Length', '3'], { method }).body).toBe(3);
  });
});

describe('an expectation', () => {
  it('of 100-continue holds for a request with a body', () => {
    expect(judged(['Expect', '100-continue', 'Content-Length', '3']).expectsContinue).toBe(true);
    expect(judged(['Expect', '100-Continue', 'Transfer-Encoding', 'chunked']).expectsContinue).toBe(true);
  });

  it('of 100-continue is met by nothing where there is no body, or on HTTP/1.0', () => {
    expect(judged(['Expect', '100-continue']).expectsContinue).toBe(false);
    expect(judged(['Expect', '100-continue', 'Content-Length', '0']).expectsContinue).toBe(false);
    expect(
      judged(['Expect', '100-continue', 'Content-Length', '3'], { httpVersion: '1.0' }).expectsContinue,
    ).toBe(false);
  });

  it('is never forwarded', () => {
    expect(judged(['Expect', '100-continue', 'Content-Length', '3']).headers).toEqual([]);
  });

  it.each(['', '200-ok', '100-continue, 100-continue', '100-continue;x', '100 continue', 'x=y'])(
    'of %j is refused',
    (value) => {
      expect(judge(['Expect', value, 'Content-Length', '3'])).toBe('listen.expectation');
    },
  );

  it('that stands twice is refused', () => {
    expect(judge(['Expect', '100-continue', 'Expect', '100-continue'])).toBe('listen.expectation');
  });
});

describe('a header', () => {
  it('is forwarded as it came, in its order and spelling', () => {
    const headers = [
      'accept',
      '*/*',
      'X-MiXeD',
      'a  b\tc',
      'Accept',
      'text/html',
      'X-Latin',
      'caf\u00e9',
      'X-Empty',
      '',
    ];
    expect(judged(headers).headers).toEqual(headers);
  });

  it.each([
    'x_y',
    'X_Tollgate_Token_Id',
    'Content_Length',
    '_',
    '',
    ' ',
    'a b',
    'a:b',
    'a\tb',
    'a/b',
    'é',
    'a\0',
    '(a)',
    'a@b',
  ])('may not be named %j', (name) => {
    expect(judge([name, 'v'])).toBe('listen.bad-header');
  });

  it.each([
    'a\0b',
    'a\rb',
    'a\nb',
    'a\r\nX-Tollgate-Token-Id: b',
    '\u001b[31m',
    'a\u007f',
    'a\u0001',
    '\u0100',
  ])('may not have the value %j', (value) => {
    expect(judge(['X-A', value])).toBe('listen.bad-header');
  });

  it.each([
    'Content-Type',
    'Authorization',
    'Origin',
    'Content-Encoding',
    'Content-Range',
    'Content-Location',
  ])('named %s may not stand twice', (name) => {
    expect(judge([name, 'a/b', name.toUpperCase(), 'a/b'])).toBe('listen.bad-header');
  });

  it.each([
    ...['Keep-Alive', 'TE', 'Trailer', 'Proxy-Connection', 'Proxy-Authorization', 'Proxy-Authenticate'],
    ...['Upgrade', 'HTTP2-Settings', 'Connection'],
  ])('named %s ends at this connection', (name) => {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(judged([spelling, 'h2c', 'X-A', 'b']).headers).toEqual(['X-A', 'b']);
    }
  });

  it.each([
    ...['X-Tollgate-Token-Id', 'X-Tollgate-User-Login', 'X-Tollgate-', 'X-Tollgate-Anything'],
    ...[
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Host',
      'X-Forwarded-Port',
      'X-Forwarded-Anything',
    ],
    ...[
      'Forwarded',
      'X-Forwarded',
      'X-Real-IP',
      'True-Client-IP',
      'X-Request-Id',
      'X-Original-URL',
      'X-Rewrite-URL',
    ],
    ...['X-HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method', 'Proxy'],
  ])('named %s is not for clients to say', (name) => {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(judged([spelling, 'v', 'X-A', 'b', spelling, 'w']).headers).toEqual(['X-A', 'b']);
    }
  });

  it('that Connection names is not forwarded, wherever it stands', () => {
    const headers = [
      'X-A',
      '1',
      'Connection',
      'x-a,  X-B , keep-alive',
      'X-B',
      '2',
      'X-C',
      '3',
      'Connection',
      'X-D',
    ];
    expect(judged([...headers, 'X-D', '4']).headers).toEqual(['X-C', '3']);
  });

  it('that Connection names is still read: framing, Host, the credential and the address chain stand', () => {
    const head = judged([
      ...[
        'Connection',
        'Host, Content-Length, Transfer-Encoding, Authorization, X-Forwarded-For, X-Tollgate-Token-Id',
      ],
      ...['Content-Length', '5', 'Authorization', 'SSWS secret', 'X-Forwarded-For', '203.0.113.9'],
    ]);
    expect(head).toMatchObject({
      host: 'api.example.com',
      body: 5,
      arrival: { credential: 'secret', forwardedFor: '203.0.113.9' },
    });
  });

  it.each(['a b', 'a;b', '"a"', 'a\tb', 'é'])('may not be named as %j by Connection', (value) => {
    expect(judge(['Connection', value])).toBe('listen.bad-header');
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'])(
    'named %s is one like any other',
    (name) => {
      const bad = name.includes('_');
      expect(judge([name, 'v'])).toEqual(
        bad ? 'listen.bad-header' : expect.objectContaining({ headers: [name, 'v'] }),
      );
    },
  );
});

describe('the address chain', () => {
  it('is every X-Forwarded-For in its order', () => {
    const head = judged(['X-Forwarded-For', 'a', 'x-forwarded-for', 'b, c', 'X-FORWARDED-FOR', 'd']);
    expect(head.arrival.forwardedFor).toBe('a, b, c, d');
    expect(head.headers).toEqual([]);
  });

  it('comes with what the last proxy said of the scheme and the host', () => {
    const head = judged(['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'www.example.com']);
    expect(head).toMatchObject({ forwardedProto: 'https', forwardedHost: 'www.example.com', headers: [] });
  });
});

describe('a credential', () => {
  it.each([
    ['SSWS abc', 'abc'],
    ['ssws abc', 'abc'],
    ['SsWs   abc', 'abc'],
    ['SSWS\tabc', 'abc'],
    ['SSWS abc ', 'abc'],
    ['SSWS', ''],
    ['SSWS a b', 'a b'],
    ['SSWS a, SSWS b', 'a, SSWS b'],
  ])('is read from Authorization: %j', (value, credential) => {
    const head = judged(['Authorization', value]);
    expect(head.arrival.credential).toBe(credential);
    expect(head.headers).toEqual([]);
  });

  it.each(['Bearer abc', 'Basic YTpi', 'SSWSabc', 'SSWS2 abc', 'abc', '', ' SSWS-x'])(
    'is not found in Authorization: %j, which is forwarded',
    (value) => {
      const head = judged(['Authorization', value]);
      expect(head.arrival.credential).toBeNull();
      expect(head.headers).toEqual(['Authorization', value]);
    },
  );

  it('is read from every scheme that is switched on', () => {
    const schemes = ['SSWS', 'Bearer'];
    expect(judged(['Authorization', 'bearer abc'], { schemes }).arrival.credential).toBe('abc');
    expect(judged(['Authorization', 'SSWS abc'], { schemes }).arrival.credential).toBe('abc');
  });

  it('is read from the configured header, whatever its case', () => {
    const head = judged(['x-api-KEY', ' abc '], { credentialHeader: 'X-Api-Key' });
    expect(head.arrival.credential).toBe('abc');
    expect(head.headers).toEqual([]);
  });

  it('in a header that is not configured is a header like any other', () => {
    const head = judged(['X-Api-Key', 'abc']);
    expect(head.arrival.credential).toBeNull();
    expect(head.headers).toEqual(['X-Api-Key', 'abc']);
  });

  it('is forwarded when the configuration says so', () => {
    const headers = ['Authorization', 'SSWS abc', 'X-Api-Key', 'abc'];
    expect(judged(headers, { passCredential: true, credentialHeader: 'X-Api-Key' }).headers).toEqual(headers);
  });

  it('leaves an Authorization of another kind to the upstream', () => {
    const headers = ['Authorization', 'Basic YTpi', 'X-Api-Key', 'abc'];
    const head = judged(headers, { credentialHeader: 'X-Api-Key' });
    expect(head.arrival.credential).toBe('abc');
    expect(head.headers).toEqual(['Authorization', 'Basic YTpi']);
  });

  it('that stands twice in one request is refused unless both are the same', () => {
    const asked = { credentialHeader: 'X-Api-Key' };
    expect(judged(['Authorization', 'SSWS abc', 'X-Api-Key', 'abc'], asked).arrival.credential).toBe('abc');
    expect(judge(['Authorization', 'SSWS abc', 'X-Api-Key', 'def'], asked)).toBe('listen.bad-header');
    expect(judge(['X-Api-Key', 'abc', 'X-Api-Key', 'abc'], asked)).toBe('listen.bad-header');
    expect(judge(['Authorization', 'SSWS abc', 'Authorization', 'Basic YTpi'])).toBe('listen.bad-header');
  });
});

describe('an upgrade', () => {
  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const HANDSHAKE: readonly (readonly [string, string])[] = [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', KEY],
  ];
  /** The handshake with some headers in place of its own, or without those given as null. */
  const handshake = (changes: Readonly<Record<string, string | null>> = {}): string[] => [
    ...HANDSHAKE.filter(([name]) => changes[name] === undefined).flat(),
    ...Object.entries(changes).flatMap(([name, value]) => (value === null ? [] : [name, value])),
  ];

  it('to a WebSocket is a wish, its own headers are forwarded', () => {
    const head = judged([...handshake(), 'Sec-WebSocket-Protocol', 'chat']);
    expect(head.wantsWebSocket).toBe(true);
    expect(head.headers).toEqual([
      ...['Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', KEY],
      ...['Sec-WebSocket-Protocol', 'chat'],
    ]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['in other letters', { Upgrade: 'WebSocket', Connection: 'upgrade' }],
    ['beside other options', { Connection: 'keep-alive, Upgrade' }],
  ])('to a WebSocket may be written %s', (_, changes) => {
    expect(judged(handshake(changes)).wantsWebSocket).toBe(true);
  });

  it.each<[string, string[], Asked]>([
    ['by POST', handshake(), { method: 'POST' }],
    ['by HEAD', handshake(), { method: 'HEAD' }],
    ['on HTTP/1.0', handshake(), { httpVersion: '1.0' }],
    ['with a length', [...handshake(), 'Content-Length', '5'], {}],
    ['with the length 0', [...handshake(), 'Content-Length', '0'], {}],
    ['with chunks', [...handshake(), 'Transfer-Encoding', 'chunked'], {}],
    ['with an expectation', [...handshake(), 'Expect', '100-continue'], {}],
    ['of another version', handshake({ 'Sec-WebSocket-Version': '8' }), {}],
    ['without a version', handshake({ 'Sec-WebSocket-Version': null }), {}],
    ['with two versions', [...handshake(), 'Sec-WebSocket-Version', '13'], {}],
    ['without a key', handshake({ 'Sec-WebSocket-Key': null }), {}],
    ['with two keys', [...handshake(), 'Sec-WebSocket-Key', KEY], {}],
    ['with a short key', handshake({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZQ==' }), {}],
    ['with a key that is no base64', handshake({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ!==' }), {}],
    ['with a key of 17 bytes', handshake({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQE=' }), {}],
    ['that Connection does not name', handshake({ Connection: 'keep-alive' }), {}],
    ['without Connection', handshake({ Connection: null }), {}],
    ['whose key Connection names', handshake({ Connection: 'Upgrade, Sec-WebSocket-Key' }), {}],
    ['among others', handshake({ Upgrade: 'h2c, websocket' }), {}],
    ['in two headers', [...handshake(), 'Upgrade', 'foo'], {}],
    ['with a version of the protocol', handshake({ Upgrade: 'websocket/13' }), {}],
  ])('to a WebSocket %s is refused', (_, headers, asked) => {
    expect(judge(headers, asked)).toBe('listen.bad-upgrade');
  });

  it.each(['h2c', 'foo', 'TLS/1.0', 'HTTP/2.0', ''])('to %j is not heard', (value) => {
    const head = judged(['Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', value, 'HTTP2-Settings', 'AAA']);
    expect(head.wantsWebSocket).toBe(false);
    expect(head.headers).toEqual([]);
  });
});
