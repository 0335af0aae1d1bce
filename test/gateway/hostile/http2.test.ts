import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { FRAME, frame, Http2RawClient } from '../../support/http2-frames.ts';
import { answerPlainly, valuesOf } from '../../support/strict-upstream.ts';
import { itLetNothingThrough, REFUSED, SMUGGLED } from './attack.ts';
import { type Bed, BOUNDS, openBed } from './bed.ts';
import { goodHead } from './http2-heads.ts';
import { starter } from './start.ts';

let bed: Bed;
let client: Http2RawClient;
beforeAll(async () => {
  bed = await openBed(starter(createFastTransport, 'h2'));
});
afterAll(() => bed.close());
beforeEach(async () => {
  client = await Http2RawClient.connect(bed.port);
});
afterEach(async () => {
  client.destroy();
  await client.closed;
  bed.upstream.answer = answerPlainly;
  bed.upstream.onHead = null;
});

const good = (path: string, method = 'GET', secret = bed.secret) => goodHead(secret, path, method);
const seen = (target: string) => bed.upstream.requests.filter((request) => request.target === target);
const without = (name: string) => {
  const headers = good(REFUSED);
  headers.splice(headers.indexOf(name), 2);
  return headers;
};
const instead = (name: string, value: string, method?: string) => {
  const headers = good(REFUSED, method);
  headers[headers.indexOf(name) + 1] = value;
  return headers;
};
const beside = (...more: readonly string[]) => [...good(REFUSED), ...more];

const HEADS: readonly (readonly [string, () => readonly string[]])[] = [
  ['no method', () => without(':method')],
  ['no scheme', () => without(':scheme')],
  ['no path', () => without(':path')],
  ['neither authority nor Host', () => without(':authority')],
  ['an empty path', () => instead(':path', '')],
  ['a path that is none', () => instead(':path', 'refused')],
  ['an asterisk', () => instead(':path', '*', 'OPTIONS')],
  ['an absolute path', () => instead(':path', `https://api.example.com${REFUSED}`)],
  ['another spelling of a path', () => instead(':path', `/x/..${REFUSED}`)],
  ['a space in the path', () => instead(':path', `${REFUSED} HTTP/1.1`)],
  ['a request in the path', () => instead(':path', `${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\nGET ${SMUGGLED}`)],
  ['two methods', () => [':method', 'GET', ...good(REFUSED)]],
  ['two paths', () => [':path', '/', ...good(REFUSED)]],
  ['two authorities', () => [':authority', 'a', ...good(REFUSED)]],
  ['two schemes', () => [':scheme', 'https', ...good(REFUSED)]],
  ['a pseudo-header behind the others', () => [...without(':path'), ':path', REFUSED]],
  ['a pseudo-header of an answer', () => [':status', '200', ...good(REFUSED)]],
  ['a pseudo-header that is none', () => [':x-tollgate-user-id', 'me', ...good(REFUSED)]],
  ['the scheme of a plain connection', () => instead(':scheme', 'http')],
  ['a scheme with a request in it', () => instead(':scheme', `https://a/ HTTP/1.1\r\n\r\n`)],
  ['an authority that is not Host', () => beside('host', 'other.example.com')],
  ['two Hosts', () => beside('host', 'api.example.com', 'host', 'api.example.com')],
  ['an authority with a user', () => instead(':authority', 'admin@api.example.com')],
  ['an authority with a path', () => instead(':authority', 'api.example.com/admin')],
  ['capitals in a name', () => beside('X-Tollgate-User-Id', '00u1')],
  ['an underscore in a name', () => beside('x_tollgate_user_id', '00u1')],
  ['Connection', () => beside('connection', 'authorization')],
  ['Connection: close', () => beside('connection', 'close')],
  ['Keep-Alive', () => beside('keep-alive', 'timeout=5')],
  ['Proxy-Connection', () => beside('proxy-connection', 'keep-alive')],
  ['Transfer-Encoding', () => beside('transfer-encoding', 'chunked')],
  ['Upgrade', () => beside('upgrade', 'websocket')],
  ['TE with more than trailers', () => beside('te', 'trailers, chunked')],
  ['two lengths', () => beside('content-length', '0', 'content-length', '5')],
  ['a length of no body', () => beside('content-length', '5')],
  ['a signed length', () => beside('content-length', '+0')],
  ['two tokens', () => beside('authorization', 'SSWS other')],
  ['CONNECT', () => [':method', 'CONNECT', ':authority', 'api.example.com:443', 'authorization', 'a']],
  [
    'CONNECT of a WebSocket',
    () => [':method', 'CONNECT', ':protocol', 'websocket', ...good(REFUSED).slice(2)],
  ],
  ['TRACE', () => instead(':method', 'TRACE')],
  ['a method in small letters', () => instead(':method', 'get')],
  ['a method with a request in it', () => instead(':method', `GET ${SMUGGLED} HTTP/1.1\r\n\r\nGET`)],
  ['no token', () => without('authorization')],
  ['a token that is none', () => good(REFUSED, 'GET', 'tg_unknown')],
  ['too many headers', () => beside(...Array.from({ length: 210 }, (_, at) => (at % 2 ? 'b' : `x-${at}`)))],
  ['a head that is too large', () => beside('x-a', 'a'.repeat(BOUNDS.headSize))],
];

describe('a head with', () => {
  it.each(HEADS)('%s never reaches the upstream', async (_name, headers) => {
    const before = bed.upstream.requests.length;
    const end = await client.until(client.open(headers()));
    const refused = end.status !== null && end.status >= 400 && end.status < 500;
    expect(refused || (end.status === null && end.body === '')).toBe(true);
    // The connection is either as good as before, or closed.
    const next = await client.until(client.open(good('/next')));
    expect([200, null]).toContain(next.status);
    expect(bed.upstream.requests.slice(before).map(({ target }) => target)).toEqual(
      next.status === null ? [] : ['/next'],
    );
  });

  // nghttp2 leaves such a header out before anybody can judge it.
  it.each([
    ['a space in a name', 'x-a ', 'b'],
    ['a colon in a name', 'x-a:b', 'c'],
    ['an empty name', '', 'a'],
    ['a line end in a name', `a\r\nx-tollgate-user-id`, 'me'],
    ['a line end in a value', 'x-a', 'b\r\nx-tollgate-user-id: me'],
    ['a bare LF in a value', 'x-a', 'b\nc'],
    ['a NUL in a value', 'x-a', 'b\0c'],
  ])('%s reaches the upstream without it', async (_name, name, value) => {
    const path = '/left-out';
    expect((await client.until(client.open([...good(path), name, value]))).status).toBe(200);
    const names = bed.upstream.requests.at(-1)?.headers.map(([each]) => each.toLowerCase()) ?? [];
    const plain = ['host', 'connection', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];
    const ours = ['x-request-id', 'token-id', 'user-id', 'user-login', 'roles'];
    expect(names).toEqual([
      ...plain,
      ...ours.map((each) => (each.startsWith('x-') ? each : `x-tollgate-${each}`)),
    ]);
  });

  it('a good request reaches it once, in HTTP/1.1, with our marks and none of the client’s', async () => {
    const spoofed = ['x-tollgate-user-id', 'me', 'x-forwarded-for', '1.2.3.4', 'x-request-id', 'mine'];
    const headers = [...good('/good?a=b'), ...spoofed, 'cookie', 'a=b', 'te', 'trailers', 'cookie', 'c=d'];
    expect((await client.until(client.open(headers))).status).toBe(200);
    const [request, ...others] = seen('/good?a=b');
    if (request === undefined) throw new Error('not seen');
    expect(others).toEqual([]);
    expect(valuesOf(request, 'X-Tollgate-User-Id')).not.toContain('me');
    expect(valuesOf(request, 'X-Forwarded-For')).toEqual(['127.0.0.1']);
    expect(valuesOf(request, 'X-Forwarded-Proto')).toEqual(['https']);
    expect(valuesOf(request, 'Host')).toEqual(['api.example.com']);
    expect(valuesOf(request, 'Cookie')).toEqual(['a=b; c=d']);
    expect(valuesOf(request, 'Authorization')).toEqual([]);
  });
});

describe('a body', () => {
  const upload = (path: string, ...more: readonly string[]) =>
    client.open([...good(path, 'POST'), ...more], true);

  it('passes with its length, and in chunks without', async () => {
    for (const [path, more] of [
      ['/length', ['content-length', '10']],
      ['/chunks', []],
    ] as const) {
      const id = upload(path, ...more);
      client.data(id, 'hello');
      client.data(id, 'world', true);
      expect(await client.until(id)).toMatchObject({ status: 200, whole: true, reset: null });
      expect(seen(path)).toMatchObject([{ body: 'helloworld', complete: true }]);
    }
  });

  it.each<[string, (id: number) => void]>([
    ['shorter than its length', (id) => client.data(id, 'hell', true)],
    ['longer than its length', (id) => client.data(id, 'hello world', true)],
  ])('%s is never whole at the upstream', async (name, send) => {
    const path = `/mismatch?${name.length}`;
    const id = upload(path, 'content-length', '5');
    send(id);
    const end = await client.until(id);
    expect(end.status === null || end.status >= 400).toBe(true);
    await bed.outcome(bed.outcomes.length - 1);
    expect(seen(path).filter(({ complete }) => complete)).toEqual([]);
  });

  it.each<[string, (id: number) => void]>([
    ['is reset', (id) => client.reset(id)],
    ['is reset as if nothing were wrong', (id) => client.reset(id, 0)],
    ['loses its connection', () => client.destroy()],
  ])('whose stream %s is never whole at the upstream', async (name, end) => {
    const path = `/cut?${name.length}`;
    const head = new Promise<void>((resolve) => {
      bed.upstream.onHead = (_request, socket) => {
        socket.once('close', resolve);
        end(id);
      };
    });
    const settled = bed.outcome(bed.outcomes.length);
    const id = upload(path);
    client.data(id, 'hello');
    // The upstream's connection is closed: the request was cancelled.
    await head;
    expect(await settled).toMatchObject({ status: 0, complete: false });
    expect(seen(path)).toMatchObject([{ complete: false }]);
  });

  it('that grows too large is answered, and its stream is given up', async () => {
    const id = upload('/too-large');
    const chunk = 'a'.repeat(16_384);
    for (let sent = 0; sent <= BOUNDS.bodySize; sent += chunk.length) client.data(id, chunk);
    const end = await client.until(id);
    expect(end.status === 413 || end.status === null).toBe(true);
    expect(seen('/too-large').filter(({ complete }) => complete)).toEqual([]);
  });

  it('of a refused request is not waited for: the answer is whole, and the connection goes on', async () => {
    const id = client.open(good(REFUSED, 'POST', 'tg_unknown'), true);
    expect(await client.until(id, ({ reset }) => reset !== null)).toMatchObject({ status: 401, whole: true });
    const reset = () =>
      client.frames
        .find(({ type, stream }) => type === FRAME.reset && stream === id)
        ?.payload.readUInt32BE(0);
    await expect.poll(reset).toBe(0);
    expect((await client.until(client.open(good('/after')))).status).toBe(200);
  });

  it('is asked for with 100 only when the gate has agreed', async () => {
    const id = upload('/continue', 'expect', '100-continue');
    expect((await client.until(id, ({ statuses }) => statuses.length > 0)).statuses).toEqual([100]);
    client.data(id, 'hello', true);
    expect((await client.until(id)).statuses).toEqual([100, 200]);
    const refused = client.open([...good(REFUSED, 'POST', 'tg_unknown'), 'expect', '100-continue'], true);
    expect((await client.until(refused)).statuses).toEqual([401]);
  });
});

describe('an answer', () => {
  const answerWith = (bytes: string, then: 'end' | 'cut' | 'stay' = 'stay') => {
    bed.upstream.answer = (_request, socket) => {
      socket.write(bytes, 'latin1');
      if (then === 'cut') setImmediate(() => socket.destroy());
    };
  };

  it.each<[string, string, string, object]>([
    ['to HEAD', 'HEAD', '200 OK\r\nContent-Length: 5\r\n\r\n', { status: 200, body: '' }],
    ['of 204', 'GET', '204 No Content\r\n\r\n', { status: 204, body: '' }],
    ['of 304', 'GET', '304 Not Modified\r\nContent-Length: 5\r\n\r\n', { status: 304, body: '' }],
    ['without a body', 'GET', '200 OK\r\nContent-Length: 0\r\n\r\n', { status: 200, body: '' }],
    [
      'behind hints',
      'GET',
      '103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na',
      { statuses: [103, 200], body: 'a' },
    ],
    [
      'with trailers',
      'GET',
      '200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n',
      { status: 200, body: 'a', trailers: true },
    ],
  ])('%s is whole', async (_name, method, bytes, expected) => {
    answerWith(`HTTP/1.1 ${bytes}`);
    const settled = bed.outcome(bed.outcomes.length);
    const end = await client.until(client.open(good('/answer', method)));
    expect(end).toMatchObject({ ...expected, whole: true });
    expect(await settled).toMatchObject({ complete: true });
  });

  it.each<[string, string]>([
    ['of a stated length', 'Content-Length: 10\r\n\r\nhello'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('%s that the upstream breaks off resets its stream, and is never whole', async (_name, rest) => {
    answerWith(`HTTP/1.1 200 OK\r\n${rest}`, 'cut');
    const settled = bed.outcome(bed.outcomes.length);
    const end = await client.until(client.open(good('/cut-answer')));
    expect(end).toMatchObject({ status: 200, whole: false, reset: 2 });
    expect(await settled).toMatchObject({ complete: false });
    expect(client.socket.destroyed).toBe(false);
  });

  it('that its client does not read holds up no other stream', async () => {
    const large = 'a'.repeat(1_000_000);
    bed.upstream.answer = (request, socket) => {
      const body = request.target === '/large' ? large : 'small';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    };
    // The connection has room; the streams have their 64 KiB each.
    client.send(frame(FRAME.windowUpdate, 0, 0, Buffer.from([0x00, 0xff, 0xff, 0xff])));
    const slow = client.open(good('/large'));
    expect((await client.until(slow, ({ body }) => body.length === 65_535)).whole).toBe(false);
    for (const path of ['/one', '/two', '/three']) {
      expect(await client.until(client.open(good(path)))).toMatchObject({ body: 'small', whole: true });
    }
    client.send(frame(FRAME.windowUpdate, 0, slow, Buffer.from([0x00, 0xff, 0xff, 0xff])));
    expect((await client.until(slow)).body).toBe(large);
  });

  it('whose client resets it is cancelled at the upstream', async () => {
    const closed = new Promise<void>((resolve) => {
      bed.upstream.answer = (_request, socket) => {
        socket.once('close', () => resolve());
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
      };
    });
    const settled = bed.outcome(bed.outcomes.length);
    const id = client.open(good('/endless'));
    await client.until(id, ({ body }) => body === 'hello');
    client.reset(id);
    await closed;
    expect(await settled).toMatchObject({ status: 200, complete: false });
  });
});

itLetNothingThrough(() => bed);
