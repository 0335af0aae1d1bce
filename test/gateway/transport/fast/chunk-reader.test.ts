import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkReader } from '../../../../src/gateway/transport/fast/chunk-reader.ts';

interface Read {
  readonly data: string;
  /** What was behind the body. */
  readonly rest: string;
  readonly trailers: string;
}

/** Reads the pieces one after the other; null when they are no chunks, `more` when the body is not over. */
function read(...pieces: readonly string[]): Read | 'more' | null {
  const reader = new ChunkReader();
  let data = '';
  for (const [index, piece] of pieces.entries()) {
    const bytes = Buffer.from(piece, 'latin1');
    const end = reader.read(bytes, 0, bytes.length, (from, to) => {
      data += bytes.toString('latin1', from, to);
    });
    if (end === -1) return null;
    const rest = piece.slice(end) + pieces.slice(index + 1).join('');
    if (reader.isOver) return { data, rest, trailers: reader.trailers };
  }
  return 'more';
}

describe('a chunked body', () => {
  it('is its data, without sizes and extensions', () => {
    const body = '5\r\nhello\r\n0A;x="y z"\r\n and world\r\n0\r\n\r\nHTTP';
    expect(read(body)).toEqual({ data: 'hello and world', rest: 'HTTP', trailers: '\r\n' });
  });

  it('keeps its trailers apart', () => {
    expect(read('0\r\nX-Sum: 6\r\nY:\r\n\r\n')).toEqual({
      data: '',
      rest: '',
      trailers: 'X-Sum: 6\r\nY:\r\n\r\n',
    });
  });

  it('is the same in whatever pieces it comes', () => {
    const body = '5;a\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 6\r\n\r\nrest';
    const whole = read(body);
    fc.assert(
      fc.property(fc.array(fc.nat(body.length), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts, body.length].sort((a, b) => a - b);
        expect(read(...at.slice(1).map((end, index) => body.slice(at[index], end)))).toEqual(whole);
      }),
      { seed: 20_261_121 },
    );
  });

  const broken: readonly (readonly [why: string, body: string])[] = [
    ['no size', '\r\nhello'],
    ['a size with a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a size with a space before', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a size with a space behind', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a size of 14 digits', '00000000000005\r\nhello\r\n0\r\n\r\n'],
    ['an extension without a size', ';x\r\n'],
    ['a bare LF behind a size', '5\nhello\r\n0\r\n\r\n'],
    ['a bare CR behind a size', '5\rhello\r\n0\r\n\r\n'],
    ['a bare LF in an extension', '5;x\nhello\r\n0\r\n\r\n'],
    ['a NUL in an extension', '5;\0\r\nhello\r\n0\r\n\r\n'],
    ['more than 16 KiB of extensions', `5;${'x'.repeat(17_000)}\r\nhello\r\n0\r\n\r\n`],
    ['a chunk that is longer than its size', '4\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that is shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
    ['a bare LF behind a chunk', '5\r\nhello\n0\r\n\r\n'],
    ['a trailer without a colon', '0\r\nX-Sum\r\n\r\n'],
    ['a trailer with a space in its name', '0\r\nX Sum: 6\r\n\r\n'],
    ['a trailer with a NUL', '0\r\nX-Sum: \0\r\n\r\n'],
    ['a trailer with a bare LF', '0\r\nX-Sum: 6\nY: 7\r\n\r\n'],
    ['more than 16 KiB of trailers', `0\r\nX-Sum: ${'6'.repeat(17_000)}\r\n\r\n`],
  ];
  for (const [why, body] of broken) {
    it(`is broken: ${why}`, () => {
      expect(read(body)).toBeNull();
    });
  }

  it('is not over before its last line is', () => {
    const body = '5\r\nhello\r\n0\r\n\r\n';
    for (let end = 0; end < body.length; end += 1) expect(read(body.slice(0, end))).toBe('more');
  });
});
