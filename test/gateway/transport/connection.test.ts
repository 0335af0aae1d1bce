import { describe, expect, it } from 'vitest';
import { reject } from '../../../src/gateway/decision.ts';
import { aPermit } from '../../support/gateway.ts';
import { stage } from './stage.ts';
import { answering, holding, ok, request, type ScriptedUpstream, type Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

const refuseAll = () => reject('resolve.unknown');

/** Statuses of the final and interim answers in what was received. */
function statuses({ received }: Wire): string[] {
  return [...received.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => status ?? '');
}

/** An upstream that answers nothing until told, and then the request with this number. */
async function waitingUpstream(): Promise<ScriptedUpstream> {
  return upstream(() => {});
}

describe('requests sent together on one connection', () => {
  it('are answered in their order, each begun when the one before is answered', async () => {
    const { script, next } = holding();
    const up = await upstream(script);
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /1') + request('GET /2') + request('GET /3'));
    for (const number of [1, 2, 3]) {
      const { line, answer } = await next();
      expect(line).toBe(`GET /${number}`);
      expect(up.wires.map(({ received }) => received).join('')).not.toContain(`GET /${number + 1} `);
      answer(ok(`answer ${number}`));
      await c.until(`answer ${number}`);
    }
    expect((await g.outcome(2)).complete).toBe(true);
    expect(g.outcomes.map(({ arrival }) => arrival?.path)).toEqual(['/1', '/2', '/3']);
  });

  it('may be a good one and garbage: the answer first, then 400, then the end', async () => {
    const up = await waitingUpstream();
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('GET /good')}garbage\r\n\r\n`);
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    expect(c.received).toBe('');
    wire.send(ok('good answer'));
    const all = await c.all();
    expect(all).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*good answerHTTP\/1\.1 400 Bad Request\r\n[\s\S]*Connection: close\r\n[\s\S]*\}$/,
    );
    expect(g.outcomes).toMatchObject([
      { decision: 'forwarded', complete: true },
      { decision: 'listen.bad-request', arrival: null, status: 400 },
    ]);
  });

  it('may be two good ones and garbage: both answers, then 400', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('GET /1')}${request('GET /2')}garbage\r\n\r\n`);
    await c.parted;
    expect(statuses(c)).toEqual(['200', '200', '400']);
  });

  it('may be a good one and one whose body breaks: the answer, then 400, and the second is never begun', async () => {
    const up = await waitingUpstream();
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('GET /good')}${request('POST /broken', 'Transfer-Encoding: chunked')}no chunk\r\n`);
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    wire.send(ok('good answer'));
    await c.parted;
    expect(statuses(c)).toEqual(['200', '400']);
    expect(wire.received).not.toContain('/broken');
  });

  it('may be many: each is answered', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /many').repeat(100));
    await c.until('fine', 100);
    expect((await g.outcome(99)).complete).toBe(true);
  });

  it('end with the one that asks to close', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /1', 'Connection: close') + request('GET /2'));
    await c.parted;
    expect(statuses(c)).toEqual(['200']);
    expect(up.wires[0]?.received).not.toContain('GET /2');
  });

  it('end with the one that was told to be the last, also where the next comes in the same turn', async () => {
    const up = await waitingUpstream();
    let asked = 0;
    const g = await gateway({
      upstreams: [up.origin],
      gate: () => {
        asked += 1;
        return aPermit();
      },
    });
    const c = await client(g);
    c.send(request('GET /1'));
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    g.transport.lastCall();
    wire.send(ok('the last'));
    c.send(request('POST /2'));
    expect(await c.all()).toMatch(/Connection: close\r\n[\s\S]*the last$/);
    expect(asked).toBe(1);
  });

  it('are forgotten as soon as the client goes away', async () => {
    const up = await waitingUpstream();
    const g = await gateway({ upstreams: [up.origin], upstream: { headTimeoutMs: 3_600_000 } });
    const c = await client(g);
    c.send(request('GET /1') + request('GET /2'));
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    c.socket.destroy();
    await wire.parted;
    await g.outcome(0);
    expect(up.wires.length).toBe(1);
    expect(g.outcomes.length).toBe(1);
  });
});

describe('what is no request', () => {
  const cases: readonly (readonly [name: string, bytes: string, status: string, code: string])[] = [
    ['garbage', 'garbage\r\n\r\n', '400', 'listen.bad-request'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '400', 'listen.bad-request'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400', 'listen.bad-request'],
    ['a version of its own', 'GET / HTTP/3.7\r\nHost: a\r\n\r\n', '505', 'listen.version'],
    ['no version', 'GET /\r\n\r\n', '505', 'listen.version'],
    ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n', '405', 'listen.method'],
    [
      'two framings',
      request('POST /', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
      '400',
      'listen.bad-framing',
    ],
    [
      'a head without end',
      `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}`,
      '431',
      'listen.head-too-large',
    ],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', '400', 'listen.bad-host'],
    ['an expectation of its own', request('GET /', 'Expect: the-worst'), '417', 'listen.expectation'],
  ];
  for (const [name, bytes, status, code] of cases) {
    it(`is answered once, and its connection closed: ${name}`, async () => {
      const up = await upstream(answering(ok('never')));
      const g = await gateway({ upstreams: [up.origin] });
      const c = await client(g);
      c.send(bytes);
      expect(await c.parted).toBe('ended');
      expect(statuses(c)).toEqual([status]);
      expect(c.received).toContain('Connection: close\r\n');
      expect(c.received).toMatch(/X-Request-Id: [0-9a-f]{32}\r\n/);
      expect(up.wires.length).toBe(0);
      const outcome = { arrival: null, decision: code, status: Number(status), complete: true };
      expect(g.outcomes).toMatchObject([outcome]);
    });
  }

  it('is not made requests of, however much of it comes while the connection closes', async () => {
    const up = await upstream(answering(ok('never')));
    let asked = 0;
    const g = await gateway({
      upstreams: [up.origin],
      gate: () => {
        asked += 1;
        return aPermit();
      },
    });
    const c = await client(g);
    c.send(request('POST /', 'Expect: the-worst', 'Content-Length: 4'));
    await c.until('Connection: close');
    c.send(`body${request('GET /hidden').repeat(1000)}`);
    expect(await c.parted).toBe('ended');
    expect(statuses(c)).toEqual(['417']);
    expect(asked).toBe(0);
  });

  it('is not read on, whatever follows it', async () => {
    const up = await upstream(answering(ok('never')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`garbage\r\n\r\n${request('GET /hidden')}`);
    c.send(request('GET /hidden'));
    await c.parted;
    expect(statuses(c)).toEqual(['400']);
    expect(up.wires.length).toBe(0);
  });

  it('may be a tunnel behind a good request, and waits for its turn', async () => {
    const up = await waitingUpstream();
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('GET /good')}CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n`);
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    wire.send(ok('good answer'));
    await c.parted;
    expect(statuses(c)).toEqual(['200', '405']);
  });
});

describe('a body that waits for 100 Continue', () => {
  const waiting = request('POST /upload', 'Expect: 100-continue', 'Content-Length: 4');

  it('is asked for when the gate has agreed, and the upstream hears of no expectation', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('body');
      wire.send(ok('got it'));
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(waiting);
    await c.until('HTTP/1.1 100 Continue\r\n\r\n');
    c.send('body');
    await c.until('got it');
    expect(statuses(c)).toEqual(['100', '200']);
    expect(up.wires[0]?.received).not.toMatch(/expect/i);
  });

  it('is never asked for when the gate refuses, and the connection closes', async () => {
    const up = await upstream(answering(ok('never')));
    const g = await gateway({ upstreams: [up.origin], gate: refuseAll });
    const c = await client(g);
    c.send(waiting);
    expect(await c.parted).toBe('ended');
    expect(statuses(c)).toEqual(['401']);
    expect(up.wires.length).toBe(0);
  });

  it('is not asked for before a gate that takes its time has agreed', async () => {
    let agree = () => {};
    let asked = () => {};
    const asking = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const up = await upstream(async (wire) => {
      await wire.until('body');
      wire.send(ok('got it'));
    });
    const g = await gateway({
      upstreams: [up.origin],
      gate: () => {
        asked();
        return new Promise((resolve) => {
          agree = () => resolve(aPermit());
        });
      },
    });
    const c = await client(g);
    c.send(waiting);
    await asking;
    expect(c.received).toBe('');
    agree();
    await c.until('100 Continue');
    c.send('body');
    await c.until('got it');
  });

  it('is not waited for when there is none', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Expect: 100-continue'));
    await c.until('fine');
    expect(statuses(c)).toEqual(['200']);
  });
});

describe('a refused request', () => {
  it('with a small body leaves the connection usable, and its body is no request', async () => {
    const up = await upstream(answering(ok('fine')));
    let asked = 0;
    const g = await gateway({
      upstreams: [up.origin],
      gate: () => {
        asked += 1;
        return asked === 1 ? reject('limit.token') : aPermit();
      },
    });
    const c = await client(g);
    const body = request('GET /smuggled');
    c.send(request('POST /a', `Content-Length: ${body.length}`) + body + request('GET /b'));
    await c.until('fine');
    expect(statuses(c)).toEqual(['429', '200']);
    expect(g.outcomes.map(({ arrival }) => arrival?.path)).toEqual(['/a', '/b']);
  });

  for (const [name, header] of [
    ['a large body', 'Content-Length: 1000000'],
    ['a body of unknown length', 'Transfer-Encoding: chunked'],
  ] as const) {
    it(`with ${name} ends the connection, in order`, async () => {
      const up = await upstream(answering(ok('never')));
      const g = await gateway({ upstreams: [up.origin], gate: refuseAll });
      const c = await client(g);
      c.send(request('POST /a', header));
      c.send(`5\r\nabcde\r\n`);
      expect(await c.parted).toBe('ended');
      expect(c.received).toMatch(/^HTTP\/1\.1 401 [\s\S]*Connection: close\r\n/);
      c.send(`0\r\n\r\n${request('GET /smuggled')}`);
      expect(statuses(c)).toEqual(['401']);
      expect(up.wires.length).toBe(0);
    });
  }

  it('is a head alone when it was a HEAD', async () => {
    const up = await upstream(answering(ok('never')));
    const g = await gateway({ upstreams: [up.origin], gate: refuseAll });
    const c = await client(g);
    c.send(request('HEAD /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 401 [\s\S]*\r\n\r\n$/);
  });

  it('leaves the connection to the next one when it had no body', async () => {
    const up = await upstream(answering(ok('never')));
    const g = await gateway({ upstreams: [up.origin], gate: refuseAll });
    const c = await client(g);
    c.send(request('GET /a'));
    await c.until('E0000011');
    c.send(request('GET /b', 'Connection: close'));
    await c.parted;
    expect(statuses(c)).toEqual(['401', '401']);
  });
});

describe('a request to upgrade', () => {
  it('to something unknown is an ordinary request, the last of its connection, and the upstream hears of no upgrade', async () => {
    const up = await upstream(answering(ok('plain')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    const headers = [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ];
    c.send(request('POST /a', ...headers, 'Content-Length: 4'));
    c.send(`body${request('GET /b')}`);
    await c.parted;
    expect(statuses(c)).toEqual(['200']);
    expect(c.received).toContain('Connection: close\r\n');
    expect(up.wires[0]?.received).toContain('POST /a HTTP/1.1\r\n');
    expect(up.wires[0]?.received).not.toMatch(/upgrade|http2/i);
  });

  const handshake = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];

  it('to a WebSocket is handed over with its connection', async () => {
    const up = await upstream(answering(ok('never')));
    const handed: string[] = [];
    const g = await gateway({
      upstreams: [up.origin],
      upgrades: () => ({
        handle(req, socket) {
          handed.push(`${req.method} ${req.url}`);
          socket.end('handed over');
        },
      }),
    });
    const c = await client(g);
    c.send(request('GET /socket', ...handshake));
    expect(await c.all()).toBe('handed over');
    expect(handed).toEqual(['GET /socket']);
    expect(g.transport.open).toBe(0);
  });
});
