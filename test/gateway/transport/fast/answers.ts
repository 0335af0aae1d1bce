/** What the upstream of the differential test answers: the number in the path chooses. */
import type { Answer } from '../../../support/strict-upstream.ts';
import { ANSWERS } from './streams.ts';

const head = (status: string, ...lines: readonly string[]) =>
  `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const withLength = (body: string, ...lines: readonly string[]) =>
  head('200 OK', ...lines, `Content-Length: ${body.length}`) + body;
const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked';

/** Bytes of an answer; those with `close` end with their connection. */
const answers: readonly (string | { readonly close: string })[] = [
  withLength('plain', 'Content-Type: text/plain'),
  withLength('dated', 'Date: Sat, 01 Jan 2000 00:00:00 GMT', 'Server: test'),
  withLength(''),
  withLength('x'.repeat(3_000)),
  withLength('y'.repeat(20_000)),
  withLength('kept', 'Connection: keep-alive', 'Keep-Alive: timeout=5'),
  withLength('closed', 'Connection: close'),
  withLength('named', 'Connection: X-Hop, keep-alive', 'X-Hop: here', 'X-Stay: there'),
  withLength(
    'ours',
    'X-Request-Id: theirs',
    'X-Rate-Limit-Limit: 1',
    'RateLimit: x',
    'X-Tollgate-User-Id: x',
  ),
  withLength(
    'odd',
    'X-Tight:value',
    'X-Wide:   value  ',
    'X-Empty:',
    'x-tab: a\tb',
    'X-High: \u00e9',
    'X_Under: score',
  ),
  withLength('twice', 'Set-Cookie: a=b', 'Set-Cookie: c=d', 'Vary: x'),
  `${head('200 OK', CHUNKED) + chunk('one chunk') + chunk('and another')}0\r\n\r\n`,
  `${head('200 OK', CHUNKED)}0\r\n\r\n`,
  `${head('200 OK', 'transfer-encoding: Chunked')}5;ext=x\r\nhello\r\n0;y\r\n\r\n`,
  head('200 OK', CHUNKED, 'Trailer: X-Sum, Set-Cookie') +
    chunk('sum') +
    '0\r\nX-Sum: 6\r\nSet-Cookie: a=b\r\n\r\n',
  `${head('200 OK', CHUNKED) + chunk('unannounced')}0\r\nX-Sum: 6\r\n\r\n`,
  { close: `${head('200 OK', 'Content-Type: text/plain')}until the end` },
  { close: `${head('200 OK', 'Connection: close')}` },
  { close: 'HTTP/1.0 200 OK\r\n\r\nold' },
  { close: 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold' },
  head('204 No Content'),
  head('204 No Content', 'Content-Length: 0'),
  head('304 Not Modified', 'ETag: "x"'),
  head('304 Not Modified', 'Content-Length: 10'),
  `${head('404 Not Found', 'Content-Length: 4')}none`,
  head('500 Broken', 'Content-Length: 0'),
  `${head('299 Odd', 'Content-Length: 2')}ok`,
  `${head('201', 'Content-Length: 2')}ok`,
  head('103 Early Hints', 'Link: </a>; rel=preload', 'X-Other: x') + withLength('hinted'),
  head('102 Processing') + withLength('processed'),
  head('100 Continue') + withLength('not asked for'),
  head('101 Switching Protocols', 'Upgrade: x', 'Connection: Upgrade'),
  `${head('200 OK', 'Content-Length: 5', CHUNKED) + chunk('both')}0\r\n\r\n`,
  `${head('200 OK', 'Content-Length: 5', 'Content-Length: 6')}hello`,
  `${head('200 OK', 'Content-Length: 0x5')}hello`,
  `${head('200 OK', 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
  head('099 Odd', 'Content-Length: 0'),
  head('600 Odd', 'Content-Length: 0'),
  'garbage\r\n\r\n',
  head('200 OK', 'Bad Name: x', 'Content-Length: 0'),
];

if (answers.length !== ANSWERS) throw new Error(`there are ${answers.length} answers`);

export const answerTo: Answer = ({ method, target }, socket) => {
  const answer = answers[Number(/^\/([0-9]{1,2})/.exec(target)?.[1] ?? 0) % ANSWERS] ?? '';
  const bytes = typeof answer === 'string' ? answer : answer.close;
  const written = method === 'HEAD' ? withoutBody(bytes) : bytes;
  const closes = typeof answer !== 'string' || /^Connection: close/m.test(bytes);
  if (closes) socket.end(written, 'latin1');
  else socket.write(written, 'latin1');
};

/** Up to the end of the last head: interim ones come before it. */
function withoutBody(bytes: string): string {
  const interim = /^HTTP\/1\.1 10[0-9] /.test(bytes) ? bytes.indexOf('\r\n\r\n') + 4 : 0;
  const end = bytes.indexOf('\r\n\r\n', interim);
  return end === -1 ? bytes : bytes.slice(0, end + 4);
}
