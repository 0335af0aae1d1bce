import { afterAll, beforeAll, describe, expect } from 'vitest';
import { RawClient } from '../../../support/raw-client.ts';
import { head, itLetNothingThrough, SMUGGLED_REQUEST } from '../attack.ts';
import { type Bed, openBed, type StartTransport } from '../bed.ts';
import { it } from '../rows.ts';

const END = `0\r\n\r\n${SMUGGLED_REQUEST}`;

/** A body in chunks of which one line is spelt in another way, with a request for a smuggler behind it. */
const REFUSED_BODIES: readonly (readonly [name: string, bytes: string])[] = [
  ...[
    '0x5',
    '+5',
    '-5',
    '_5',
    '5_',
    '5 5',
    '5.0',
    '5,5',

    'g',
    '5g',
    '',
    ' ',
    '"5"',
    '\x005',
    '5\0',
    '\u00b5',
  ].map((size): [string, string] => [`the size ${JSON.stringify(size)}`, `${size}\r\nhello\r\n${END}`]),
  ['a size with a space in front', ` 5\r\nhello\r\n${END}`],
  ['a size with a tab behind', `5\t\r\nhello\r\n${END}`],
  ['a size with a vertical tab behind', `5\u000b\r\nhello\r\n${END}`],
  ['a size beyond 64 bits, which is 5 in 64', `10000000000000005\r\nhello\r\n${END}`],
  ['a size of 20 digits', `FFFFFFFFFFFFFFFFFFFF\r\nhello\r\n${END}`],
  ['a size that ends in a bare LF', `5\nhello\r\n${END}`],
  ['a size that ends in a bare CR', `5\rhello\r\n${END}`],
  ['a size that ends in CR CR LF', `5\r\r\nhello\r\n${END}`],
  ['a size on two lines', `5\r\n\r\nhello\r\n${END}`],
  ['a chunk that ends in a bare LF', `5\r\nhello\n${END}`],
  ['a chunk that ends in a bare CR', `5\r\nhello\r${END}`],
  ['a chunk without an end', `5\r\nhello${END}`],
  ['a chunk that is longer than its size', `5\r\nhello!!\r\n${END}`],
  ['a chunk that is shorter than its size', `7\r\nhello\r\n${END}`],
  ['a last size that ends in a bare LF', `5\r\nhello\r\n0\n\r\n${SMUGGLED_REQUEST}`],
  ['a last line that is a bare LF', `5\r\nhello\r\n0\r\n\n${SMUGGLED_REQUEST}`],
  ['an extension with a bare LF', `5;a=b\nhello\r\n${END}`],
  ['an extension with a bare CR', `5;a=b\rc\r\nhello\r\n${END}`],
  ['an extension with a quoted line end', `5;a="\r\nhello\r\n${END}`],
  ['an extension with a NUL', `5;a=\0\r\nhello\r\n${END}`],
  [
    'an extension with a line end and a chunk in quotes',
    `5;a="b\r\n0\r\n\r\n${SMUGGLED_REQUEST}"\r\nhello\r\n${END}`,
  ],
  ['an extension of 20 kB', `5;a=${'b'.repeat(20_000)}\r\nhello\r\n${END}`],
  ['a folded trailer', `5\r\nhello\r\n0\r\nX-T: a\r\n b\r\n\r\n${SMUGGLED_REQUEST}`],
  ['a trailer that states a length', `5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n${SMUGGLED_REQUEST}`],
  [
    'a trailer that states a coding',
    `5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n${SMUGGLED_REQUEST}`,
  ],
  ['a trailer without a colon', `5\r\nhello\r\n0\r\nX-T\r\n\r\n${SMUGGLED_REQUEST}`],
  ['a trailer with a space before the colon', `5\r\nhello\r\n0\r\nX-T : a\r\n\r\n${SMUGGLED_REQUEST}`],
  ['a trailer with a bare LF', `5\r\nhello\r\n0\r\nX-T: a\nX-U: b\r\n\r\n${SMUGGLED_REQUEST}`],
  ['a trailer with a NUL', `5\r\nhello\r\n0\r\nX-T: \0\r\n\r\n${SMUGGLED_REQUEST}`],
  ['trailers that are longer than a head may be', `5\r\nhello\r\n0\r\nX-T: ${'a'.repeat(20_000)}\r\n\r\n`],
];

const CARRIED_BODIES: readonly (readonly [name: string, bytes: string, body: string])[] = [
  ['in one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['in chunks of one byte', `${[...'hello'].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`, 'hello'],
  ['with leading zeros', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['with a size in capitals', `A\r\n${'a'.repeat(10)}\r\n0\r\n\r\n`, 'a'.repeat(10)],
  ['that looks like chunks', '9\r\n0\r\n\r\nGET \r\n0\r\n\r\n', '0\r\n\r\nGET '],
  ['with an extension', '5;a=b\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['with a quoted extension', '5;a="b c"\r\nhello\r\n0;d\r\n\r\n', 'hello'],
  [
    'with more extensions than body',
    `${`1;a=${'b'.repeat(99)}\r\nh\r\n`.repeat(20)}0\r\n\r\n`,
    'h'.repeat(20),
  ],
  ['with a trailer', '5\r\nhello\r\n0\r\nX-T: a\r\n\r\n', 'hello'],
  ['with a trailer that names a host', '5\r\nhello\r\n0\r\nHost: other.example.com\r\n\r\n', 'hello'],
  ['with a trailer that names a token', '5\r\nhello\r\n0\r\nAuthorization: SSWS other\r\n\r\n', 'hello'],
  [
    'with a trailer of ours',
    '5\r\nhello\r\n0\r\nX-Tollgate-User-Id: spoofed\r\nX-Request-Id: spoofed\r\n\r\n',
    'hello',
  ],
];

/** Bodies in chunks that two servers could end at different places (A8 of docs/threats.md). */
export function chunksTable(start: StartTransport): void {
  let bed: Bed;
  beforeAll(async () => {
    bed = await openBed(start);
  });
  afterAll(() => bed.close());

  const post = (target: string, body: string) =>
    head(`POST ${target} HTTP/1.1`, bed.secret, ['Transfer-Encoding: chunked', 'Trailer: X-T']) + body;

  describe('a body in chunks', () => {
    it.each(REFUSED_BODIES)('is refused for %s, and looks complete to nobody', async (name, body) => {
      const target = `/broken?${encodeURIComponent(name)}`;
      const client = await RawClient.connect(bed.port);
      const settled = bed.outcome(bed.outcomes.length);
      client.send(post(target, body));
      const [response, ...more] = await client.responses();
      client.destroy();
      expect([400, 431]).toContain(response?.status);
      expect(more).toEqual([]);
      expect((await settled).decision).toMatch(/^listen\./);
      const seen = bed.upstream.requests.filter((request) => request.target === target);
      expect(seen.filter(({ complete }) => complete)).toEqual([]);
    });

    it.each(CARRIED_BODIES)(
      '%s arrives as it is, without extensions and trailers',
      async (name, bytes, body) => {
        const target = `/chunks?${encodeURIComponent(name)}`;
        const client = await RawClient.connect(bed.port);
        client.send(post(target, bytes));
        expect((await client.response())?.status).toBe(200);
        client.destroy();
        expect(await bed.upstream.completed(target)).toMatchObject({ body });
      },
    );

    it.each(CARRIED_BODIES)('%s arrives as it is in pieces of one byte', async (name, bytes, body) => {
      const target = `/pieces?${encodeURIComponent(name)}`;
      const client = await RawClient.connect(bed.port);
      for (const byte of post(target, bytes)) {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await client.response())?.status).toBe(200);
      client.destroy();
      expect(await bed.upstream.completed(target)).toMatchObject({ body });
    });
  });

  it('never let a body look complete that was cut or refused', () => {
    const broken = bed.upstream.requests.filter(({ target }) => target.startsWith('/broken'));
    expect(broken.filter(({ complete }) => complete)).toEqual([]);
  });

  itLetNothingThrough(() => bed);
}
