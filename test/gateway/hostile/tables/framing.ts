import { afterAll, beforeAll, describe, expect } from 'vitest';
import {
  expectRefusal,
  head,
  itLetNothingThrough,
  misjudged,
  REFUSED,
  SMUGGLED_REQUEST,
  untilClosed,
} from '../attack.ts';
import { type Bed, BOUNDS, openBed, type StartTransport } from '../bed.ts';
import { it, taken } from '../rows.ts';

/** Bytes that are no visible ASCII. */
const ODD_BYTES = [...Array(0x21).keys(), ...Array.from({ length: 0x81 }, (_, at) => 0x7f + at)].map((code) =>
  String.fromCharCode(code),
);
const hex = (byte: string) => byte.charCodeAt(0).toString(16).padStart(2, '0');

/** Heads whose body two servers could end at different places (A1–A2, A4–A7, A10 of docs/threats.md). */
export function framingTable(start: StartTransport): void {
  let bed: Bed;
  beforeAll(async () => {
    bed = await openBed(start);
  });
  afterAll(() => bed.close());

  const post = (lines: readonly string[], body: string, target = REFUSED) =>
    head(`POST ${target} HTTP/1.1`, bed.secret, lines) + body;

  describe('a body with two lengths', () => {
    const chunkedBody = `0\r\n\r\n${SMUGGLED_REQUEST}`;
    const length = `Content-Length: ${chunkedBody.length}`;
    const te = 'Transfer-Encoding: chunked';
    it.each<[string, readonly string[], string]>([
      ['CL.TE: the length covers a request behind the last chunk', [length, te], chunkedBody],
      ['TE.CL, the headers the other way round', [te, length], chunkedBody],
      [
        'the length ends inside the first chunk',
        ['Content-Length: 4', te],
        `5c\r\n${SMUGGLED_REQUEST}\r\n0\r\n\r\n`,
      ],
      ['the length is 0', ['Content-Length: 0', te], chunkedBody],
      ['other headers stand between', [length, 'X-A: b', te], chunkedBody],
      ['the names are in small letters', [length.toLowerCase(), te.toLowerCase()], chunkedBody],
      ['Connection names the length', [length, te, 'Connection: Content-Length'], chunkedBody],
      ['Connection names the coding', [length, te, 'Connection: Transfer-Encoding'], chunkedBody],
      ['the coding is not chunked', [length, 'Transfer-Encoding: gzip'], chunkedBody],
      ['the coding is empty', [length, 'Transfer-Encoding:'], chunkedBody],
      ['the coding is identity', [length, 'Transfer-Encoding: identity'], chunkedBody],
      ['both stand twice', [length, te, length, te], chunkedBody],
    ])('is refused: %s', async (_, lines, body) => {
      await expectRefusal(bed, post(lines, body), 400);
    });
  });

  describe('a transfer coding in disguise', () => {
    const lengthOf = (body: string) => `Content-Length: ${body.length}`;
    const body = `0\r\n\r\n${SMUGGLED_REQUEST}`;
    const spellings: Readonly<Record<string, (byte: string) => string>> = {
      'in front of the value': (byte) => `Transfer-Encoding: ${byte}chunked`,
      'at once behind the colon': (byte) => `Transfer-Encoding:${byte}chunked`,
      'behind the value': (byte) => `Transfer-Encoding: chunked${byte}`,
      'inside the value': (byte) => `Transfer-Encoding: chun${byte}ked`,
      'behind the name': (byte) => `Transfer-Encoding${byte}: chunked`,
      'in front of the name': (byte) => `${byte}Transfer-Encoding: chunked`,
      'for the hyphen': (byte) => `Transfer${byte}Encoding: chunked`,
      'for the colon': (byte) => `Transfer-Encoding${byte}chunked`,
      'between two values': (byte) => `Transfer-Encoding: x${byte}chunked`,
      'between two values, the other way round': (byte) => `Transfer-Encoding: chunked${byte}x`,
    };
    describe.each(Object.entries(spellings))('by a byte %s', (_, spell) => {
      const bytes = taken(ODD_BYTES);
      it('is refused or carried right, whatever the byte, beside a length', async () => {
        const attacks = bytes.map((byte) => ({
          name: hex(byte),
          bytes: post([spell(byte), lengthOf(body)], body, '/disguised'),
          body,
        }));
        expect(await misjudged(bed, attacks)).toEqual([]);
      });

      it('is refused or carried right, whatever the byte, alone', async () => {
        const attacks = bytes.map((byte) => ({
          name: hex(byte),
          bytes: post([spell(byte)], '5\r\nhello\r\n0\r\n\r\n', '/disguised'),
          // Where the disguise hides the coding from everybody, there is no body.
          body: [' ', '\t'].includes(byte) ? 'hello' : '',
        }));
        expect(await misjudged(bed, attacks)).toEqual([]);
      });
    });

    it.each([
      ...['Transfer-Encoding: Chunked', 'Transfer-Encoding: CHUNKED', 'Transfer-Encoding: "chunked"'],
      ...["Transfer-Encoding: 'chunked'", 'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: x, chunked'],
      ...['Transfer-Encoding: chunked, x', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: ,chunked'],
      ...[
        'Transfer-Encoding: chunked,',
        'Transfer-Encoding: chunked, chunked',
        'Transfer-Encoding: chunked, identity',
      ],
      ...[
        'Transfer-Encoding: identity',
        'Transfer-Encoding: identity, chunked',
        'Transfer-Encoding: xchunked',
      ],
      ...['Transfer-Encoding:', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
      ...[
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
        'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
      ],
      ...['Transfer-Encoding: chunked\r\nTransfer-Encoding:', 'Transfer_Encoding: chunked'],
      ...[
        'Transfer-Encoding:\r\n chunked',
        'Transfer-Encoding: x\r\n\tchunked',
        'X-A: b\r\n Transfer-Encoding: chunked',
      ],
    ])('as %j is refused', async (line) => {
      await expectRefusal(bed, post([line], `0\r\n\r\n${SMUGGLED_REQUEST}`), 400);
    });
  });

  describe.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('a %s', (method) => {
    it.each<[string, readonly string[], string, string]>([
      ['without a body', [], '', ''],
      ['with a body of length 0', ['Content-Length: 0'], '', ''],
      ['with a body of stated length', ['Content-Length: 5'], 'hello', 'hello'],
      ['with a body in chunks', ['Transfer-Encoding: chunked'], '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', 'hello'],
      ['with an empty body in chunks', ['Transfer-Encoding: chunked'], '0\r\n\r\n', ''],
      [
        'whose body looks like a request',
        [`Content-Length: ${SMUGGLED_REQUEST.length}`],
        SMUGGLED_REQUEST,
        SMUGGLED_REQUEST,
      ],
      [
        'whose chunk looks like a request',
        ['Transfer-Encoding: chunked'],
        `${SMUGGLED_REQUEST.length.toString(16)}\r\n${SMUGGLED_REQUEST}\r\n0\r\n\r\n`,
        SMUGGLED_REQUEST,
      ],
    ])('%s arrives with just that body', async (name, lines, bytes, body) => {
      const target = `/methods/${method}?${encodeURIComponent(name)}`;
      const attacks = [
        { name, bytes: head(`${method} ${target} HTTP/1.1`, bed.secret, lines) + bytes, body },
      ];
      expect(await misjudged(bed, attacks)).toEqual([]);
      const seen = bed.upstream.requests.filter((request) => request.target === target);
      expect(seen.map((request) => [request.method, request.body])).toEqual([[method, body]]);
    });
  });

  it.each(['TRACE', 'CONNECT', 'PRI', 'QUERY', 'PROPFIND', 'get', 'Post', 'LINK'])(
    'the method %s is refused, with a body and without',
    async (method) => {
      const target = method === 'CONNECT' ? 'api.example.com:443' : REFUSED;
      for (const [lines, body] of [
        [[], ''],
        [['Content-Length: 5'], 'hello'],
        [['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
      ] as const) {
        await expectRefusal(
          bed,
          head(`${method} ${target} HTTP/1.1`, bed.secret, lines) + body,
          [400, 405, 505],
        );
      }
    },
  );

  describe('a head with more headers than can be read', () => {
    const filler = (count: number) => Array.from({ length: count }, () => 'a:');
    it.each<[string, string]>([
      ['a length', 'Content-Length: 5'],
      ['a coding', 'Transfer-Encoding: chunked'],
      ['a second Host', 'Host: other.example.com'],
      ['a second token', 'Authorization: SSWS other'],
      ['nothing', 'X-A: b'],
    ])('is refused when the last one is %s', async (_, line) => {
      for (const count of [BOUNDS.maxHeaders - 2, 1_000, 1_996, 1_997, 1_998, 1_999, 2_000, 2_005]) {
        await expectRefusal(bed, post([...filler(count), line], `0\r\n\r\n${SMUGGLED_REQUEST}`), 431);
      }
    });

    it('is carried when there are just as many as are allowed', async () => {
      const lines = [
        ...Array.from({ length: BOUNDS.maxHeaders - 3 }, (_, at) => `X-${at}: v`),
        'Content-Length: 5',
      ];
      const attacks = [{ name: 'full', bytes: post(lines, 'hello', '/full'), body: 'hello' }];
      expect(await misjudged(bed, attacks)).toEqual([]);
      expect((await bed.upstream.completed('/full')).headers.length).toBeGreaterThan(BOUNDS.maxHeaders - 3);
    });

    it('is refused when it is longer than is allowed', async () => {
      await expectRefusal(bed, post([`X-A: ${'b'.repeat(BOUNDS.headSize)}`], ''), 431);
    });
  });

  it.each([
    ...['5, 5', '5,5', '5 5', '+5', '-5', '5.0', '5e0', '0x5', '05x', '5;', '"5"', '', ' ', '5\t5', '\u0665'],
    ...['99999999999999999999', '18446744073709551621', '4294967301, 5', 'five', '5\u00a0', '5\u000b', '5\0'],
  ])('the length %j is refused', async (length) => {
    await expectRefusal(bed, post([`Content-Length: ${length}`], 'hello'), 400);
  });

  it.each([
    ['5', '5'],
    ['5', '6'],
    ['0', '5'],
    ['', '5'],
    ['5', ''],
  ])('the lengths %j and %j together are refused', async (first, second) => {
    const lines = [`Content-Length: ${first}`, `content-length: ${second}`];
    await expectRefusal(bed, post(lines, 'hello'), 400);
    await expectRefusal(bed, post([lines[0] ?? '', 'X-A: b', lines[1] ?? ''], 'hello'), 400);
  });

  describe('a head with broken lines', () => {
    const lines = (at: 'first' | 'middle' | 'last', line: string): readonly string[] =>
      at === 'first' ? [line, 'X-B: c'] : at === 'middle' ? ['X-A: b', line, 'X-B: c'] : ['X-A: b', line];
    const broken: readonly (readonly [string, string])[] = [
      ['a folded line', 'X-F: a\r\n b'],
      ['a folded line behind a tab', 'X-F: a\r\n\tb'],
      ['an empty folded line', 'X-F: a\r\n '],
      ['a bare CR in a value', 'X-F: a\rb'],
      ['a bare CR before a header', 'X-F: a\rTransfer-Encoding: chunked'],
      ['a bare LF in a value', 'X-F: a\nTransfer-Encoding: chunked'],
      ['a bare LF before an empty line', 'X-F: a\n\nGET /smuggled HTTP/1.1'],
      ['two CR before the LF', 'X-F: a\r'],
      ['a NUL in a value', 'X-F: a\0b'],
      ['a NUL in a name', 'X-\0F: a'],
      ['a space before the colon', 'X-F : a'],
      ['a tab before the colon', 'X-F\t: a'],
      ['a space in a name', 'X F: a'],
      ['an empty name', ': a'],
      ['no colon', 'X-F'],
      ['no colon, an equals sign', 'X-F=a'],
      ['a name in quotes', '"X-F": a'],
      ['a byte beyond ASCII in a name', 'X-\u00e9: a'],
      ['a control character in a value', 'X-F: a\u0007'],
      ['a delete in a value', 'X-F: a\u007f'],
      ['a length that is hidden behind a space', 'Content-Length : 5'],
      ['a coding that is hidden behind a vertical tab', 'Transfer-Encoding\u000b: chunked'],
    ];
    describe.each(['first', 'middle', 'last'] as const)('in the %s place', (place) => {
      it.each(broken)('is refused for %s', async (_, line) => {
        await expectRefusal(bed, post(lines(place, line), SMUGGLED_REQUEST), 400);
      });
    });

    it.each<[string, string]>([
      ['a space before the request line', ` GET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['a line of a space before the request line', ` \r\nGET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['a header before the request line', `X-A: b\r\nGET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['a folded first header', `GET ${REFUSED} HTTP/1.1\r\n Host: a\r\n\r\n`],
      ['a tab in the request line', `GET\t${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['a space behind the version', `GET ${REFUSED} HTTP/1.1 \r\nHost: a\r\n\r\n`],
      ['a bare LF behind the request line', `GET ${REFUSED} HTTP/1.1\nHost: a\r\n\r\n`],
      ['a bare CR behind the request line', `GET ${REFUSED} HTTP/1.1\rHost: a\r\n\r\n`],
      ['a NUL in the request line', `GET ${REFUSED}\0 HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['a bare LF at the end of the head', `GET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\n`],
      ['bare LF throughout', `GET ${REFUSED} HTTP/1.1\nHost: a\n\n`],
      ['CR CR LF at the end of the head', `GET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\r\n`],
      ['a byte order mark', `\u00ef\u00bb\u00bfGET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['a TLS greeting', '\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003'],
      ['random bytes', '\u0000\u00ff\u0080garbage\r\n\r\n'],
    ])('is refused for %s', async (_, bytes) => {
      await expectRefusal(
        bed,
        bytes.replace('Host: a', `Host: a\r\nAuthorization: SSWS ${bed.secret}`),
        [400, 505],
      );
    });

    // RFC 9112 §3 lets a server take any run of spaces there for one. What goes to the upstream is written anew.
    it.each(['GET  /spaced HTTP/1.1', 'GET /spaced  HTTP/1.1'])(
      'that begins with %j has one reading',
      async (line) => {
        const attacks = [{ name: line, bytes: head(line, bed.secret), body: '' }];
        expect(await misjudged(bed, attacks)).toEqual([]);
      },
    );
  });

  describe('a request of another version', () => {
    it.each([
      ...[`GET ${REFUSED}`, `GET ${REFUSED} HTTP/0.9`, `GET ${REFUSED} HTTP/1.2`, `GET ${REFUSED} HTTP/1.10`],
      ...[
        `GET ${REFUSED} HTTP/1`,
        `GET ${REFUSED} HTTP/01.1`,
        `GET ${REFUSED} HTTP/2.0`,
        `GET ${REFUSED} HTTP/2`,
      ],
      ...[
        `GET ${REFUSED} HTTP/9.9`,
        `GET ${REFUSED} http/1.1`,
        `GET ${REFUSED} HTTPS/1.1`,
        `GET ${REFUSED} ICE/1.0`,
      ],
      ...[`DESCRIBE ${REFUSED} RTSP/1.0`, `SOURCE ${REFUSED} ICE/1.0`, `GET ${REFUSED} HTTP/1.1 HTTP/1.1`],
    ])('that begins with %j is refused', async (line) => {
      await expectRefusal(bed, head(line, bed.secret), [400, 405, 505]);
    });

    // A parser that knows RTSP may take its version for ours. What goes to the upstream is written anew.
    it.each(['GET /rtsp RTSP/1.0', 'POST /rtsp RTSP/1.0', 'OPTIONS /rtsp RTSP/1.0'])(
      'that begins with %j has one reading',
      async (line) => {
        const attacks = [{ name: line, bytes: head(line, bed.secret), body: '' }];
        expect(await misjudged(bed, attacks)).toEqual([]);
      },
    );

    it('that begins an HTTP/2 connection is refused', async () => {
      await expectRefusal(bed, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]);
    });

    it('of HTTP/1.0 in chunks is refused', async () => {
      const bytes = head(`POST ${REFUSED} HTTP/1.0`, bed.secret, ['Transfer-Encoding: chunked']);
      await expectRefusal(bed, `${bytes}0\r\n\r\n${SMUGGLED_REQUEST}`, 400);
    });

    it('of HTTP/1.0 is carried as one of HTTP/1.1, and its connection closed', async () => {
      const bytes = head('POST /old HTTP/1.0', bed.secret, ['Content-Length: 5']);
      const responses = await untilClosed(bed, `${bytes}hello`);
      expect(responses.map(({ status }) => status)).toEqual([200]);
      expect(await bed.upstream.completed('/old')).toMatchObject({ method: 'POST', body: 'hello' });
    });
  });

  itLetNothingThrough(() => bed);
}
