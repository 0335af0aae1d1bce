import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { announcedTrailers } from '../../../src/gateway/transport/general/trailers.ts';
import { testCa, testTls } from '../../support/test-tls.ts';
import { stage } from './stage.ts';
import { answering, request } from './wire.ts';

const { gateway, upstream, client } = stage();

/** A chunked answer that announces some trailers and sends some. */
function withTrailers(announced: string, trailers: readonly string[]): string {
  const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: ${announced}\r\n\r\n`;
  return `${head}4\r\nbody\r\n0\r\n${[...trailers, '', ''].join('\r\n')}`;
}

describe('trailers of an answer', () => {
  it('pass when they were announced', async () => {
    const trailers = ['grpc-status: 0', 'grpc-message: fine', 'Server-Timing: db;dur=5'];
    const up = await upstream(
      answering(withTrailers('grpc-status, Grpc-Message', [...trailers, 'X-Unannounced: a'])),
    );
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    const all = await c.all();
    expect(all).toContain('Trailer: grpc-status, grpc-message\r\n');
    expect(all).toMatch(/4\r\nbody\r\n0\r\ngrpc-status: 0\r\ngrpc-message: fine\r\n\r\n$/);
  });

  it('never carry what must be known before the body, or what is ours to say', () => {
    const names = [
      'Transfer-Encoding',
      'Content-Length',
      'Content-Type',
      'Host',
      'Trailer',
      'TE',
      'Connection',
      'Upgrade',
      'Authorization',
      'WWW-Authenticate',
      'Set-Cookie',
      'Cache-Control',
      'Expires',
      'Vary',
      'Location',
      'Date',
      'X-Request-Id',
      'X-Tollgate-Token-Id',
      'X_Tollgate_Token_Id',
      'X-Forwarded-For',
      'X-Rate-Limit-Limit',
      'RateLimit',
      'Access-Control-Allow-Origin',
      'no token',
      '',
    ];
    for (const name of names) expect(announcedTrailers(['Trailer', name])).toEqual([]);
  });

  it('may be digests of the body', () => {
    expect(
      announcedTrailers(['Trailer', 'Content-Digest', 'trailer', 'Repr-Digest, Content-Digest']),
    ).toEqual(['content-digest', 'repr-digest']);
  });

  for (const [name, line, version] of [
    ['an HTTP/1.0 client', 'GET /a', '1.0'],
    ['a HEAD', 'HEAD /a', '1.1'],
  ] as const) {
    it(`are left out for ${name}, which has no place for them`, async () => {
      const answer = withTrailers('grpc-status', ['grpc-status: 0']);
      const up = await upstream(
        answering(version === '1.0' ? answer : answer.slice(0, answer.indexOf('4\r\n'))),
      );
      const g = await gateway({ upstreams: [up.origin] });
      const c = await client(g);
      c.send(`${line} HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect(await c.all()).not.toMatch(/trailer|grpc/i);
      expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', complete: true });
    });
  }
});

describe('trailers of an answer over HTTP/2', () => {
  // Of the second it is said that it has one value.
  it.each(['x-part', 'content-md5'])('pass as often as the upstream sends them: %s', async (name) => {
    const up = await upstream(answering(withTrailers(name, [`${name}: a`, `${name}: b`])));
    const g = await gateway({ upstreams: [up.origin], transport: { http2: true } });
    const { port } = await g.transport.listen(0, '127.0.0.1', testTls());
    const session = connect(`https://127.0.0.1:${port}`, { ca: testCa, servername: 'localhost' });
    const stream = session.request({ ':path': '/' });
    const [, , raw] = await once(stream.resume(), 'trailers');
    session.destroy();
    expect(raw).toEqual([name, 'a', name, 'b']);
  });
});

describe('trailers of a request', () => {
  it('never reach the upstream, where nobody has judged them', async () => {
    const up = await upstream(answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('POST /a', 'Transfer-Encoding: chunked', 'Trailer: X-A', 'Connection: close'));
    c.send('4\r\nbody\r\n0\r\nX-A: hidden\r\nX-Tollgate-Token-Id: forged\r\n\r\n');
    await c.parted;
    await g.outcome(0);
    const received = up.wires[0]?.received ?? '';
    expect(received).toMatch(/4\r\nbody\r\n0\r\n\r\n$/);
    expect(received).not.toMatch(/hidden|forged|trailer/i);
  });
});
