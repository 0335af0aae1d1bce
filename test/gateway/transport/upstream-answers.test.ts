import { errors } from 'undici';
import { describe, expect, it } from 'vitest';
import { headRules } from '../../../src/gateway/listen/head.ts';
import { upstreamFailure } from '../../../src/gateway/transport/general/upstream-failure.ts';
import { HEAD, startGateway } from '../../support/gateway.ts';
import { NOBODY } from '../../support/nobody.ts';
import { stage } from './stage.ts';
import { answering, holding, ok, request, type Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

/** Answers requests for `/first` with these bytes, and all others plainly. */
function firstAnswering(bytes: string): (wire: Wire, index: number) => Promise<void> {
  return async (wire) => {
    for (let answered = 1; ; answered += 1) {
      try {
        await wire.until('\r\n\r\n', answered);
      } catch {
        return;
      }
      // By what is asked for, not by what comes first: the port may have been that of a server which somebody still looks for.
      const asked = wire.received.split('\r\n\r\n')[answered - 1] ?? '';
      wire.send(/^\S+ \/first /.test(asked) ? bytes : ok('plain'));
    }
  };
}

const answer = (...headers: readonly string[]) => ['HTTP/1.1 200 OK', ...headers, '', ''].join('\r\n');
const SMALL = 'Content-Length: 2';

describe('an answer that is not well-formed HTTP', () => {
  const cases: Readonly<Record<string, string>> = {
    'two framings': `${answer('Content-Length: 5', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
    'a length twice': `${answer(SMALL, SMALL)}ok`,
    'two lengths': `${answer(SMALL, 'Content-Length: 3')}ok`,
    'a list of lengths': `${answer('Content-Length: 2, 2')}ok`,
    'a negative length': `${answer('Content-Length: -2')}ok`,
    'a hexadecimal length': `${answer('Content-Length: 0x2')}ok`,
    'a length beyond counting': `${answer('Content-Length: 99999999999999999999999')}ok`,
    'a coding that nobody asked for': `${answer('Transfer-Encoding: gzip')}ok`,
    'a coding before chunked': `${answer('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
    'a coding behind chunked': `${answer('Transfer-Encoding: chunked, gzip')}0\r\n\r\n`,
    'chunked twice': `${answer('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'an empty coding': `${answer('Transfer-Encoding: ', SMALL)}ok`,
    'no HTTP at all': 'hello, world\r\n\r\n',
    'no status': 'HTTP/1.1\r\n\r\n',
    'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
    'the status 099': 'HTTP/1.1 099 Early\r\n\r\n',
    'the status 600': `HTTP/1.1 600 Late\r\n${SMALL}\r\n\r\nok`,
    'the status 999': `HTTP/1.1 999 Late\r\n${SMALL}\r\n\r\nok`,
    'NUL in a header': `${answer('X-A: a\0b', SMALL)}ok`,
    'CR in a header': `${answer('X-A: a\rb', SMALL)}ok`,
    'a control character in a header': `${answer('X-A: a\x01b', SMALL)}ok`,
    'DEL in a header': `${answer('X-A: a\x7fb', SMALL)}ok`,
    'a folded header': `${answer('X-A: a\r\n b', SMALL)}ok`,
    'space before a colon': `${answer('X-A : a', SMALL)}ok`,
    'bare line feeds': `HTTP/1.1 200 OK\n${SMALL}\n\nok`,
    'a head of 40 kB': `${answer(`X-A: ${'a'.repeat(40_000)}`, SMALL)}ok`,
    'an interim 100 that nobody waits for': `HTTP/1.1 100 Continue\r\n\r\n${answer(SMALL)}ok`,
    'a 101 without upgrade': `HTTP/1.1 101 Switching Protocols\r\n\r\n${answer(SMALL)}ok`,
    'a 101 that upgrades': `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${answer(SMALL)}ok`,
    'an unknown interim answer': `HTTP/1.1 104 What\r\n\r\n${answer(SMALL)}ok`,
    'interim answers without end': `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50)}${answer(SMALL)}ok`,
  };
  for (const [name, bytes] of Object.entries(cases)) {
    it(`is a 502 for its own client, and nothing for the next: ${name}`, async () => {
      const up = await upstream(firstAnswering(bytes));
      const g = await gateway({ upstreams: [up.origin] });
      const c = await client(g);
      c.send(request('GET /first'));
      await c.until('E0000009');
      expect(c.received).toMatch(/(^|\r\n\r\n)HTTP\/1\.1 502 Bad Gateway\r\n/);
      c.send(request('GET /next', 'Connection: close'));
      expect(await c.all()).toMatch(/HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nplain$/);
      expect(up.wires.length).toBe(2);
      expect(g.outcomes).toMatchObject([
        { decision: 'forward.bad-response', status: 502, complete: true, upstream: 'api' },
        { decision: 'forwarded', status: 200, complete: true, upstream: 'api' },
      ]);
    });
  }
});

describe('an answer that says more than it may', () => {
  it('has the bytes behind its end kept from the next client', async () => {
    const up = await upstream(firstAnswering(`${answer(SMALL)}ok${ok('smuggled')}`));
    const g = await gateway({ upstreams: [up.origin] });
    const first = await client(g);
    first.send(request('GET /first', 'Connection: close'));
    expect(await first.all()).toMatch(/\r\n\r\nok$/);
    const next = await client(g);
    next.send(request('GET /next', 'Connection: close'));
    expect(await next.all()).toMatch(/\r\n\r\nplain$/);
    expect(up.wires.length).toBe(2);
  });

  for (const [status, method] of [
    ['204 No Content', 'GET'],
    ['304 Not Modified', 'GET'],
    ['200 OK', 'HEAD'],
  ] as const) {
    it(`has the body of a ${status} to ${method} kept from everybody`, async () => {
      const up = await upstream(firstAnswering(`HTTP/1.1 ${status}\r\nContent-Length: 8\r\n\r\nsmuggled`));
      const g = await gateway({ upstreams: [up.origin] });
      const c = await client(g);
      c.send(request(`${method} /first`));
      await g.outcome(0);
      await c.until('\r\n\r\n');
      c.send(request('GET /next', 'Connection: close'));
      expect(await c.all()).toMatch(/\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nplain$/);
      expect(c.received).not.toContain('smuggled');
      expect(up.wires.length).toBe(2);
    });
  }

  it('has no length passed on with a 204, which has no body to measure', async () => {
    const up = await upstream(answering('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).not.toMatch(/content-length|transfer-encoding/i);
  });

  it('keeps the length that a HEAD or a 304 tells', async () => {
    const up = await upstream(answering('HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n'));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('HEAD /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 304 Not Modified\r\n[\s\S]*Content-Length: 1234\r\n/);
  });
});

describe('an interim answer', () => {
  it('of 103 passes with its links', async () => {
    const up = await upstream(
      answering(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-A: b\r\n\r\n${ok('whole')}`),
    );
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*whole$/,
    );
  });

  it('of 103 is left out when its links are none', async () => {
    const up = await upstream(answering(`HTTP/1.1 103 Early Hints\r\nLink: nothing\r\n\r\n${ok('whole')}`));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('of 102 passes', async () => {
    const up = await upstream(answering(`HTTP/1.1 102 Processing\r\n\r\n${ok('whole')}`));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  it('is not for HTTP/1.0 clients', async () => {
    const up = await upstream(answering(`HTTP/1.1 102 Processing\r\n\r\n${ok('whole')}`));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send('GET /a HTTP/1.0\r\n\r\n');
    expect(await c.all()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe('an upstream that does not answer', () => {
  it('is a 504 when it takes too long for its head, and the connection is given up', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin], upstream: { headTimeoutMs: 50 } });
    const c = await client(g);
    c.send(request('GET /a'));
    await c.until('E0000009');
    expect(c.received).toMatch(/^HTTP\/1\.1 504 /);
    await (await up.wire(0)).parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forward.head-timeout', status: 504 });
  });

  it('is a 504 when it takes no more of the body for as long, and the connection is given up', async () => {
    const up = await upstream(({ socket }) => socket.pause());
    const g = await gateway({ upstreams: [up.origin], upstream: { headTimeoutMs: 50 } });
    const c = await client(g);
    c.send(request('POST /a', 'Content-Length: 100000000'));
    c.socket.write(Buffer.alloc(32 * 1024 ** 2));
    await c.until('E0000009');
    expect(c.received).toMatch(/^HTTP\/1\.1 504 /);
    (await up.wire(0)).socket.resume();
    await (await up.wire(0)).parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forward.head-timeout', status: 504 });
  });

  it('cuts the answer when it is silent too long in the middle of the body', async () => {
    const up = await upstream(answering(`${answer('Content-Length: 10')}begun`));
    const g = await gateway({ upstreams: [up.origin], upstream: { idleTimeoutMs: 50 } });
    const c = await client(g);
    c.send(request('GET /a'));
    expect(await c.all()).toMatch(/\r\n\r\nbegun$/);
    await (await up.wire(0)).parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', status: 200, complete: false });
  });

  it('is a 502 when nobody listens there', async () => {
    const g = await gateway({ upstreams: [NOBODY] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 502 /);
    expect(await g.outcome(0)).toMatchObject({ decision: 'forward.connect', status: 502, complete: true });
  });

  it('is a 502 when it closes the connection without a word', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.socket.end();
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('POST /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 502 /);
    expect(await g.outcome(0)).toMatchObject({ decision: 'forward.reset', status: 502 });
  });

  it('is a 404 when no upstream covers the path', async () => {
    const up = await upstream(answering(ok('')));
    const g = await gateway({ upstreams: [up.origin], upstream: { paths: ['/api'] } });
    const c = await client(g);
    c.send(request('GET /other', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 404 /);
    expect(await g.outcome(0)).toMatchObject({ decision: 'forward.no-route', upstream: null });
  });
});

describe('a TLS upstream', () => {
  it("is called by its own name, and not by the client's Host", async () => {
    const up = await upstream(async (wire) => {
      await wire.until('localhost');
      wire.socket.destroy();
    });
    const g = await gateway({
      upstreams: [up.origin.replace('http://127.0.0.1', 'https://localhost')],
      transport: { preserveHost: true },
    });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 502 /);
    expect((await up.wire(0)).received).not.toContain('api.example');
    expect(await g.outcome(0)).toMatchObject({ decision: 'forward.connect' });
  });
});

describe('a bug', () => {
  it('in choosing a target is a 500, and the connection goes on', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await startGateway({ upstreams: [up.origin] });
    const { choose } = g.upstreams;
    g.upstreams.choose = (path) => {
      if (path === '/bug') throw new Error('a bug');
      return choose(path);
    };
    const c = await client(g);
    c.send(request('GET /bug') + request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 500 [\s\S]*HTTP\/1\.1 200 OK\r\n/);
    expect(g.bugs).toMatchObject([{ message: 'a bug' }]);
    expect(g.outcomes[0]).toMatchObject({ decision: 'gateway.bug', status: 500 });
    await g.close();
  });

  it('in choosing another target is a 500, and the connection goes on', async () => {
    const up = await upstream((wire, index) =>
      index === 0 ? wire.socket.destroy() : answering(ok('fine'))(wire),
    );
    const g = await startGateway({ upstreams: [up.origin] });
    const { choose } = g.upstreams;
    g.upstreams.choose = (path, except) => {
      if (except !== undefined) throw new Error('a bug');
      return choose(path);
    };
    const c = await client(g);
    c.send(request('GET /bug') + request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 500 [\s\S]*HTTP\/1\.1 200 OK\r\n/);
    expect(g.bugs).toMatchObject([{ message: 'a bug' }]);
    expect(g.outcomes[0]).toMatchObject({ decision: 'gateway.bug', status: 500 });
    expect(g.upstreams.targets()).toMatchObject([{ busy: 0 }]);
    await g.close();
  });

  it('behind the head of an answer breaks the answer off, and says nothing of the target', async () => {
    const up = await upstream(answering(`${answer('Content-Type: text/event-stream', SMALL)}ok`));
    const g = await startGateway({ upstreams: [up.origin], upstream: { failures: 1 } });
    g.streams.add = () => {
      throw new Error('a bug');
    };
    const c = await client(g);
    c.send(request('GET /bug'));
    expect(await c.all()).not.toMatch(/HTTP\/1\.1 500 /);
    expect(g.bugs).toMatchObject([{ message: 'a bug' }]);
    expect(g.outcomes).toMatchObject([{ status: 200, complete: false }]);
    expect(g.upstreams.targets()).toMatchObject([{ busy: 0, health: 'up' }]);
    await g.close();
  });

  it('in judging a head is a 500, and the next connection is served', async () => {
    const up = await upstream(answering(ok('fine')));
    const roleOf = headRules(HEAD).roleOf;
    const g = await startGateway({
      upstreams: [up.origin],
      transport: {
        rules: {
          ...HEAD,
          startTrace: null,
          roleOf(name) {
            if (name === 'X-Bug') throw new Error('a bug');
            return roleOf(name);
          },
        },
      },
    });
    const c = await client(g);
    c.send(request('GET /a', 'X-Bug: a'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 500 /);
    const next = await client(g);
    next.send(request('GET /a', 'Connection: close'));
    expect(await next.all()).toMatch(/^HTTP\/1\.1 200 /);
    expect(g.bugs).toMatchObject([{ message: 'a bug' }]);
    await g.close();
  });
});

describe('an error of the connection to the upstream', () => {
  const system = (code: string) => Object.assign(new Error(code), { code });
  const cases: readonly (readonly [Error, boolean, string])[] = [
    [new errors.ConnectTimeoutError(), false, 'forward.connect-timeout'],
    [new errors.HeadersTimeoutError(), true, 'forward.head-timeout'],
    [new errors.BodyTimeoutError(), true, 'forward.head-timeout'],
    [new errors.HeadersOverflowError(), true, 'forward.bad-response'],
    [new errors.HTTPParserError('no'), true, 'forward.bad-response'],
    [new errors.ResponseContentLengthMismatchError(), true, 'forward.bad-response'],
    [new errors.SocketError('bad response'), true, 'forward.bad-response'],
    [new errors.SocketError('other side closed'), true, 'forward.reset'],
    [new errors.ClientClosedError(), false, 'forward.no-target'],
    [new errors.ClientDestroyedError(), false, 'forward.no-target'],
    [system('ECONNREFUSED'), false, 'forward.connect'],
    [system('ENOTFOUND'), false, 'forward.connect'],
    [system('ERR_TLS_CERT_ALTNAME_INVALID'), false, 'forward.certificate'],
    [system('ECONNRESET'), false, 'forward.connect'],
    [system('UPSTREAM_RESET'), true, 'forward.reset'],
    [system('EPIPE'), true, 'forward.reset'],
    [new errors.InvalidArgumentError('no'), false, 'gateway.bug'],
    [new TypeError('no'), true, 'gateway.bug'],
  ];
  for (const [error, sent, code] of cases) {
    it(`${error.name} (${error.message}) ${sent ? 'behind' : 'before'} the request is ${code}`, () => {
      expect(upstreamFailure(error, sent)).toBe(code);
    });
  }
});

describe('a body behind interim answers', () => {
  it('arrives as it was sent, whatever came with its head', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n';
    const { script, next } = holding();
    const api = await upstream(script);
    const wire = await client(await gateway({ upstreams: [api.origin] }));
    for (const [first, second] of [
      ['one', 'two'],
      ['three', 'x'],
      ['', 'seven'],
    ]) {
      wire.received = '';
      wire.send(request('GET /'));
      const { answer: send } = await next();
      send(`${hints}${hints}${answer('Content-Length: 12', 'X-First: yes')}${first}`);
      await wire.until(`\r\n\r\n${first}`);
      await wire.until('X-First: yes');
      send(`${second}${'.'.repeat(12 - `${first}${second}`.length)}`);
      const body = `${first}${second}`.padEnd(12, '.');
      await wire.until(body);
      expect(wire.received.endsWith(`\r\n\r\n${body}`)).toBe(true);
    }
  });
});

describe('interim answers before one that cannot be passed on', () => {
  it('do not come behind the refusal', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n';
    const api = await upstream(answering(`${hints}${answer(SMALL, 'Content-Length: 3')}ok`));
    const wire = await client(await gateway({ upstreams: [api.origin] }));
    wire.send(request('GET /'));
    wire.send(request('GET /again', 'Connection: close'));
    const lines = (await wire.all()).match(/^HTTP\/1\.1 [0-9]{3}/gm) ?? [];
    expect(lines.filter((line) => line !== 'HTTP/1.1 103')).toEqual(['HTTP/1.1 502', 'HTTP/1.1 502']);
    expect(lines.at(-1)).toBe('HTTP/1.1 502');
  });
});
