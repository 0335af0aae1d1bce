import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../../../src/gateway/transport/fast/response-reader.ts';

const read = (text: string) => new ResponseReader().read(text);
const head = (line: string, ...lines: readonly string[]) => [line, ...lines, '', ''].join('\r\n');
const ok = (...lines: readonly string[]) => head('HTTP/1.1 200 OK', ...lines);

/** What the reader found in a head that it took. */
function found(text: string): ResponseReader {
  const reader = new ResponseReader();
  expect(reader.read(text)).toBe('head');
  return reader;
}

describe('a response head', () => {
  it('is read with its framing, and with the lines that pass', () => {
    const text = ok(
      'Server: test',
      'Date: Sat, 01 Jan 2000 00:00:00 GMT',
      'X-Request-Id: theirs',
      'X-Tollgate-Secret: x',
      'RateLimit: x',
      'Content-Type: text/event-stream; charset=utf-8',
      'Keep-Alive: timeout=7, max=100',
      'Connection: keep-alive',
      'Content-Length: 12',
    );
    expect(found(text)).toMatchObject({
      status: 200,
      contentLength: 12,
      chunked: false,
      closes: false,
      keepAliveSeconds: 7,
      hasDate: true,
      isEventStream: true,
      isUnusual: false,
      end: text.length,
      passed:
        'Server: test\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 12\r\n',
    });
  });

  it('is written anew where it was written oddly', () => {
    const { passed } = found(ok('A:b', 'C:   d\t', 'E: f', 'G:', 'H: \u00e9\xa0'));
    expect(passed).toBe('A: b\r\nC: d\r\nE: f\r\nG: \r\nH: \u00e9\xa0\r\n');
  });

  it('may come without a reason, or with an odd one', () => {
    for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 All\tright \u00e9']) {
      expect(found(head(line)).status).toBe(200);
    }
  });

  it('is unusual when it names headers of its connection, or trailers', () => {
    expect(found(ok('Connection: X-Hop')).isUnusual).toBe(true);
    expect(found(ok('Trailer: X-Sum')).isUnusual).toBe(true);
    expect(found(ok('Connection: X-Hop', 'X-Hop: a')).pairs()).toEqual(['Connection', 'X-Hop', 'X-Hop', 'a']);
  });

  it('closes the connection where it says so, and on HTTP/1.0', () => {
    expect(found(ok('connection: Close')).closes).toBe(true);
    expect(found(head('HTTP/1.0 200 OK')).closes).toBe(true);
    expect(found(ok()).closes).toBe(false);
  });

  const bad: readonly (readonly [why: string, text: string])[] = [
    ['no HTTP', 'garbage\r\n\r\n'],
    ['another version', head('HTTP/2.0 200 OK')],
    ['a later version', head('HTTP/1.2 200 OK')],
    ['a status of two digits', head('HTTP/1.1 20 OK')],
    ['a status of four digits', head('HTTP/1.1 2000 OK')],
    ['a status that is no number', head('HTTP/1.1 2x0 OK')],
    ['two spaces before the status', head('HTTP/1.1  200 OK')],
    ['a NUL in the reason', head('HTTP/1.1 200 O\0K')],
    ['a bare CR in the reason', head('HTTP/1.1 200 O\rK')],
    ['a bare LF behind the status line', 'HTTP/1.1 200 OK\n\r\n'],
    ['a bare LF behind a header', ok('A: b').replace('b\r\n', 'b\n')],
    ['a bare CR in a value', ok('A: b\rc')],
    ['a NUL in a value', ok('A: b\0c')],
    ['DEL in a value', ok('A: b\x7fc')],
    ['a line without a colon', ok('A')],
    ['an empty name', ok(': a')],
    ['a space in a name', ok('A b: c')],
    ['a space before the colon', ok('A : c')],
    ['a folded line', ok('A: b', ' c')],
    ['two lengths', ok('Content-Length: 1', 'Content-Length: 1')],
    ['a list of lengths', ok('Content-Length: 1, 1')],
    ['a length with a sign', ok('Content-Length: +1')],
    ['an empty length', ok('Content-Length:')],
    ['a length and a coding', ok('Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['another coding', ok('Transfer-Encoding: gzip')],
    ['two codings', ok('Transfer-Encoding: gzip, chunked')],
    ['a coding twice', ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['more than 16 KiB', ok(`A: ${'b'.repeat(16 * 1024)}`)],
    ['a beginning of more than 16 KiB', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(16 * 1024)}`],
    ['a beginning of something else', 'HTTQ'],
  ];
  for (const [why, text] of bad) {
    it(`is bad: ${why}`, () => {
      expect(read(text)).toBe('bad');
    });
  }

  it('asks for more at every place where it can be cut', () => {
    const text = ok('Server: test', 'Content-Length: 5');
    for (let end = 0; end < text.length; end += 1)
      expect([end, read(text.slice(0, end))]).toEqual([end, 'more']);
  });
});

describe('a reader of responses that has read a head', () => {
  const known = ok(
    'Server: test',
    'Connection: keep-alive',
    'Keep-Alive: timeout=7',
    'Date: Sat, 01 Jan 2000 00:00:00 GMT',
    'Content-Type: text/event-stream',
    'Content-Length: 12',
  );

  /** Everything that a reading says. */
  function said(reader: ResponseReader, text: string) {
    const reading = reader.read(text);
    return reading === 'head' ? { ...reader, pairs: reader.pairs() } : reading;
  }

  it('reads one that differs in any byte as a reader does that has read nothing', () => {
    for (let at = 0; at < known.length; at += 1) {
      for (const other of ['', 'x', '0', ' ', ':', '\r', '\n', '\r\n', '\0', '\xff', ', ']) {
        const text = known.slice(0, at) + other + known.slice(at + 1);
        const reader = found(known);
        expect(said(reader, text), JSON.stringify(text)).toEqual(said(new ResponseReader(), text));
        expect(said(reader, known)).toEqual(said(new ResponseReader(), known));
      }
    }
  });

  it('reads one that is shorter, or has something behind it, as a reader does that has read nothing', () => {
    for (const text of [known + known, `${known}{}`, ...Array.from(known, (_, end) => known.slice(0, end))]) {
      const reader = found(known);
      expect(said(reader, text)).toEqual(said(new ResponseReader(), text));
      expect(said(reader, known)).toEqual(said(new ResponseReader(), known));
    }
  });
});
