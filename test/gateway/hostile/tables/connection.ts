import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { RawClient } from '../../../support/raw-client.ts';
import { type Answer, answerPlainly, valuesOf } from '../../../support/strict-upstream.ts';
import { expectRefusal, head, itLetNothingThrough, REFUSED, SMUGGLED, SMUGGLED_REQUEST } from '../attack.ts';
import { type Bed, BOUNDS, openBed, type StartTransport } from '../bed.ts';
import { it } from '../rows.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
];

/** Agrees to a WebSocket; what comes through the tunnel is sent back. */
const answerUpgrade: Answer = (_request, socket) => {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
  );
  socket.on('data', (bytes) => socket.write(bytes));
};

/** Requests that share a connection with others, or with what is no request (A3, A9, A11–A12, B9 of docs/threats.md). */
export function connectionTable(start: StartTransport): void {
  let bed: Bed;
  let client: RawClient;
  beforeAll(async () => {
    bed = await openBed(start);
  });
  afterAll(() => bed.close());
  beforeEach(async () => {
    client = await RawClient.connect(bed.port);
  });
  afterEach(() => {
    client.destroy();
    bed.upstream.answer = answerPlainly;
    bed.upstream.onHead = null;
  });

  const get = (target: string, secret = bed.secret, lines: readonly string[] = []) =>
    head(`GET ${target} HTTP/1.1`, secret, lines);
  const post = (target: string, lines: readonly string[], secret = bed.secret) =>
    head(`POST ${target} HTTP/1.1`, secret, lines);
  const seen = (target: string) => bed.upstream.requests.filter((request) => request.target === target);
  /** A request that would pass if it were read as one. */
  const passable = () => get(SMUGGLED);

  describe('bytes behind a request without a body', () => {
    it.each<[string, readonly string[]]>([
      ['of no stated length', []],
      ['of length 0', ['Content-Length: 0']],
    ])('%s are a request of their own, which needs its own token', async (name, lines) => {
      const target = `/behind?${encodeURIComponent(name)}`;
      client.send(post(target, lines) + SMUGGLED_REQUEST);
      expect((await client.response())?.status).toBe(200);
      expect((await client.response())?.status).toBe(403);
      expect(seen(target)).toMatchObject([{ body: '', complete: true }]);
    });

    it('are answered with the identity of their own token', async () => {
      client.send(get('/first') + get('/second', bed.otherSecret));
      expect((await client.response())?.status).toBe(200);
      expect((await client.response())?.status).toBe(200);
      const [first, second] = await Promise.all(
        ['/first', '/second'].map((target) => bed.upstream.completed(target)),
      );
      if (first === undefined || second === undefined) throw new Error('not seen');
      expect(valuesOf(first, 'X-Tollgate-Token-Id')).toEqual([bed.token.id]);
      expect(valuesOf(second, 'X-Tollgate-Token-Id')).not.toEqual([bed.token.id]);
      expect(valuesOf(second, 'X-Tollgate-User-Id')).not.toEqual(valuesOf(first, 'X-Tollgate-User-Id'));
    });
  });

  const outsider = async () => {
    const { secret } = await bed.issue({ network: { connection: 'ZONE', include: ['ALL_IP_ZONES'] } });
    return secret;
  };

  describe('the body of a refused request', () => {
    const refusals: readonly (readonly [string, number, () => Promise<string> | string, string])[] = [
      ['for its token', 401, () => 'tg_unknown', REFUSED],
      ['for having no token', 403, () => '', REFUSED],
      ['for where it comes from', 403, () => outsider(), REFUSED],
      ['for the limit', 429, () => spender(), '/tight'],
    ];
    const spender = async () => {
      const { secret } = await bed.issue();
      for (;;) {
        client.send(get('/tight', secret));
        if ((await client.response())?.status === 429) return secret;
      }
    };

    describe.each(refusals)('%s', (_, status, secretOf, target) => {
      it.each(['in one piece', 'in two pieces', 'in chunks', 'behind an expectation'])(
        'is never read as a request, when it comes %s',
        async (how) => {
          const secret = await secretOf();
          const body = passable();
          const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
          if (how === 'in chunks') client.send(post(target, ['Transfer-Encoding: chunked'], secret) + chunks);
          else {
            const expectation = how === 'behind an expectation' ? ['Expect: 100-continue'] : [];
            client.send(post(target, [...expectation, `Content-Length: ${body.length}`], secret));
            if (how !== 'in one piece') expect((await client.response())?.status).toBe(status);
            client.send(body);
          }
          if (['in one piece', 'in chunks'].includes(how))
            expect((await client.response())?.status).toBe(status);
          // Either the connection is closed, or the body was read and thrown away and the next request is answered.
          client.send(get('/after-refusal'));
          const next = await client.response();
          expect([undefined, '/after-refusal']).toContain(
            next === null ? undefined : JSON.parse(next.body).target,
          );
          expect(seen(SMUGGLED)).toEqual([]);
        },
      );
    });

    it('that is larger than is accepted is never read as a request', async () => {
      const body = passable();
      await expectRefusal(bed, post(REFUSED, [`Content-Length: ${BOUNDS.bodySize + 1}`]) + body, 413);
    });

    it('that grows larger than is accepted is cut off, and looks complete to nobody', async () => {
      const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
      client.send(post('/too-large', ['Transfer-Encoding: chunked']) + chunk.repeat(16) + passable());
      expect((await client.response())?.status).toBe(413);
      expect(await client.responses()).toEqual([]);
      expect(seen('/too-large').filter(({ complete }) => complete)).toEqual([]);
    });
  });

  describe('garbage behind a good request', () => {
    it.each<[string, string, readonly number[]]>([
      ['is no HTTP', '\x16\x03\x01\x02\x00garbage\r\n\r\n', [400]],
      [
        'is a head with two lengths',
        `POST ${REFUSED} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
        [400],
      ],
      ['is a head without Host', `GET ${REFUSED} HTTP/1.1\r\n\r\n`, [400]],
      [
        'is a head too large',
        `GET ${REFUSED} HTTP/1.1\r\nX-A: ${'a'.repeat(BOUNDS.headSize)}\r\n\r\n`,
        [431],
      ],
      ['is of another version', `GET ${REFUSED} HTTP/3.0\r\nHost: a\r\n\r\n`, [400, 505]],
    ])('%s: the good one is answered, then the other, then it ends', async (name, garbage, statuses) => {
      const target = `/before?${encodeURIComponent(name)}`;
      // The answers are held until the garbage has been read, which came together with the first request.
      const answers: (() => void)[] = [];
      bed.upstream.answer = (request, socket) => answers.push(() => answerPlainly(request, socket));
      client.send(get(target) + get(`${target}2`) + garbage);
      await bed.upstream.completed(target);
      answers.shift()?.();
      expect((await client.response())?.status).toBe(200);
      await bed.upstream.completed(`${target}2`);
      answers.shift()?.();
      expect((await client.response())?.status).toBe(200);
      expect(statuses).toContain((await client.response())?.status);
      expect(await client.responses()).toEqual([]);
    });
  });

  it('a refusal between two good requests is answered in its place', async () => {
    client.send(get('/one') + get(REFUSED, 'tg_unknown') + get('/three'));
    const statuses = [await client.response(), await client.response(), await client.response()];
    expect(statuses.map((response) => response?.status)).toEqual([200, 401, 200]);
  });

  it('of a flood of requests on one connection, those that are answered are answered once and in order', async () => {
    const targets = Array.from({ length: 300 }, (_, at) => `/flood?${at}`);
    const bytes = targets.map((target) => get(target)).join('');
    client.send(bytes);
    const answered: string[] = [];
    for (let at = 0; at < targets.length; at += 1) {
      const response = await client.response();
      if (response === null) break;
      expect(response.status).toBe(200);
      answered.push(JSON.parse(response.body).target);
    }
    expect(answered.length).toBeGreaterThan(0);
    expect(answered).toEqual(targets.slice(0, answered.length));
    const arrived = bed.upstream.requests
      .map(({ target }) => target)
      .filter((target) => target.startsWith('/flood'));
    expect(arrived).toEqual(targets.slice(0, arrived.length));
  });

  describe('an expectation', () => {
    const expecting = ['Expect: 100-continue', 'Content-Length: 5'];

    it('is met once the gate has agreed, and never reaches the upstream', async () => {
      client.send(post('/expected', expecting));
      expect((await client.response())?.status).toBe(100);
      client.send('hello');
      expect((await client.response())?.status).toBe(200);
      const request = await bed.upstream.completed('/expected');
      expect(request.body).toBe('hello');
      expect(valuesOf(request, 'Expect')).toEqual([]);
    });

    it('is met for a body in chunks', async () => {
      client.send(post('/expected-chunks', ['Expect: 100-Continue', 'Transfer-Encoding: chunked']));
      expect((await client.response())?.status).toBe(100);
      client.send('5\r\nhello\r\n0\r\n\r\n');
      expect((await client.response())?.status).toBe(200);
      expect(await bed.upstream.completed('/expected-chunks')).toMatchObject({ body: 'hello' });
    });

    it('that does not wait is carried with its body', async () => {
      client.send(`${post('/hasty', expecting)}hello`);
      const first = await client.response();
      const final = first?.status === 100 ? await client.response() : first;
      expect(final?.status).toBe(200);
      expect(await bed.upstream.completed('/hasty')).toMatchObject({ body: 'hello' });
    });

    it.each<[string, () => string, number]>([
      ['no good token', () => 'tg_unknown', 401],
      ['no token', () => '', 403],
    ])(
      'of a request with %s is answered with the refusal alone, so that nothing is uploaded',
      async (_, secret, status) => {
        client.send(post(REFUSED, expecting, secret()));
        expect((await client.response())?.status).toBe(status);
        expect(await client.responses()).toEqual([]);
      },
    );

    it('of a request without a body is not met, for there is nothing to wait for', async () => {
      client.send(get('/nothing-expected', bed.secret, ['Expect: 100-continue']));
      expect((await client.response())?.status).toBe(200);
    });

    it('of HTTP/1.0 is not met', async () => {
      client.send(`${head('POST /old-expectation HTTP/1.0', bed.secret, expecting)}hello`);
      expect((await client.response())?.status).toBe(200);
      expect(await bed.upstream.completed('/old-expectation')).toMatchObject({ body: 'hello' });
    });

    it.each(['200-ok', '100-continue, 100-continue', 'x', ''])('of %j cannot be met', async (value) => {
      await expectRefusal(bed, `${post(REFUSED, [`Expect: ${value}`, 'Content-Length: 5'])}hello`, 417);
      await expectRefusal(bed, get(REFUSED, bed.secret, [`Expect: ${value}`]), 417);
    });

    it('whose body never comes leaves no connection to the upstream that another request could use', async () => {
      client.send(post('/withheld', expecting));
      expect((await client.response())?.status).toBe(100);
      client.destroy();
      const next = await RawClient.connect(bed.port);
      next.send(get('/after-withheld'));
      expect((await next.response())?.status).toBe(200);
      next.destroy();
      const after = await bed.upstream.completed('/after-withheld');
      expect(seen('/withheld').filter(({ complete }) => complete)).toEqual([]);
      expect(seen('/withheld').map(({ connection }) => connection)).not.toContain(after.connection);
    });

    it('whose body the upstream does not wait for leaves no connection that another request could use', async () => {
      const refusal = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno';
      bed.upstream.onHead = ({ target }, socket) => {
        if (target === '/unwanted') socket.write(refusal);
      };
      const body = passable();
      client.send(post('/unwanted', ['Expect: 100-continue', `Content-Length: ${body.length}`]));
      expect((await client.response())?.status).toBe(100);
      client.send(body.slice(0, 1));
      expect((await client.response())?.status).toBe(403);
      // What comes late of the body is no request, neither here nor there.
      client.send(body.slice(1));
      expect((await client.responses()).map(({ status }) => status)).toEqual([]);
      const next = await RawClient.connect(bed.port);
      next.send(get('/after-unwanted'));
      expect((await next.response())?.status).toBe(200);
      next.destroy();
      const after = await bed.upstream.completed('/after-unwanted');
      expect(seen('/unwanted').map(({ connection }) => connection)).not.toContain(after.connection);
    });
  });

  describe('an upgrade', () => {
    it.each(['foo', 'h2c', 'TLS/1.0', 'HTTP/2.0, foo'])(
      'to %j is an ordinary request, and the last on its connection',
      async (protocol) => {
        const target = `/upgrade?${encodeURIComponent(protocol)}`;
        const lines = [
          'Connection: Upgrade, HTTP2-Settings',
          `Upgrade: ${protocol}`,
          'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
        ];
        client.send(get(target, bed.secret, lines) + SMUGGLED_REQUEST);
        expect((await client.response())?.status).toBe(200);
        expect((await client.responses()).filter(({ status }) => status !== 403)).toEqual([]);
        const request = await bed.upstream.completed(target);
        expect([...valuesOf(request, 'Upgrade'), ...valuesOf(request, 'HTTP2-Settings')]).toEqual([]);
        expect(valuesOf(request, 'Connection').join()).not.toMatch(/upgrade/i);
      },
    );

    it.each<[string, readonly string[], string]>([
      ['with a body', [...HANDSHAKE, 'Content-Length: 5'], 'hello'],
      ['with a body in chunks', [...HANDSHAKE, 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
      ['with an expectation', [...HANDSHAKE, 'Expect: 100-continue'], ''],
      [
        'of another version',
        [...HANDSHAKE.slice(0, 2), 'Sec-WebSocket-Version: 8', ...HANDSHAKE.slice(3)],
        '',
      ],
      ['without a key', HANDSHAKE.slice(0, 3), ''],
      ['that Connection does not name', HANDSHAKE.slice(1), ''],
      ['with a request behind it', HANDSHAKE, SMUGGLED_REQUEST],
      ['with a passable request behind it', HANDSHAKE, `GET ${REFUSED} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ])('to a WebSocket %s is refused', async (_, lines, behind) => {
      await expectRefusal(bed, get(REFUSED, bed.secret, lines) + behind, 400);
    });

    it.each<[string, number, () => Promise<string> | string]>([
      ['no token', 403, () => ''],
      ['junk for a token', 401, () => 'junk'],
      ['a revoked token', 401, async () => (await bed.issue({ revokedAt: bed.clock.now() })).secret],
      ['an expired token', 401, async () => (await bed.issue({ createdAt: 0, windowSeconds: 60 })).secret],
      ['a token from elsewhere', 403, () => outsider()],
    ])(
      'to a WebSocket with %s is refused by the gate, before the upstream hears of it',
      async (_, status, secretOf) => {
        const before = bed.upstream.requests.length;
        client.send(get(REFUSED, await secretOf(), HANDSHAKE) + SMUGGLED_REQUEST);
        expect([status, 400]).toContain((await client.response())?.status);
        expect(await client.responses()).toEqual([]);
        client = await RawClient.connect(bed.port);
        client.send(get(REFUSED, await secretOf(), HANDSHAKE));
        expect((await client.response())?.status).toBe(status);
        expect(await client.responses()).toEqual([]);
        expect(bed.upstream.requests.length).toBe(before);
      },
    );

    it('to a WebSocket counts as a request, and is refused when the rate is spent', async () => {
      const { secret } = await bed.issue();
      const statuses: (number | undefined)[] = [];
      for (let at = 0; at < 3; at += 1) {
        bed.upstream.answer = answerUpgrade;
        const socket = await RawClient.connect(bed.port);
        socket.send(get('/tight', secret, HANDSHAKE));
        statuses.push((await socket.response())?.status);
        socket.destroy();
      }
      expect(statuses.at(-1)).toBe(429);
    });

    it('to a WebSocket by POST is refused', async () => {
      await expectRefusal(bed, post(REFUSED, HANDSHAKE), 400);
    });

    it('to a WebSocket behind another request is refused or carried when its turn has come', async () => {
      bed.upstream.answer = (request, socket) =>
        (request.target === '/socket-behind' ? answerUpgrade : answerPlainly)(request, socket);
      client.send(get('/before-socket') + get('/socket-behind', bed.secret, HANDSHAKE));
      expect((await client.response())?.status).toBe(200);
      expect([101, 400]).toContain((await client.response())?.status);
    });

    it('to a WebSocket becomes a tunnel when the upstream agrees, and what goes through it is no request of ours', async () => {
      bed.upstream.answer = answerUpgrade;
      client.send(get('/socket', bed.secret, HANDSHAKE));
      expect((await client.response())?.status).toBe(101);
      const frame = `\x82\x85\0\0\0\0hello`;
      client.send(frame);
      expect(await client.bytes(frame.length)).toBe(frame);
      expect(seen('/socket')).toHaveLength(1);
    });

    it.each<[string, string, readonly number[]]>([
      ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', [200]],
      ['404', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', [404]],
      ['200 without a length', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok', [200]],
      [
        '101 for another protocol',
        `HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: foo\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
        [502],
      ],
      [
        '101 for another key',
        'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n',
        [502],
      ],
      ['101 without an Upgrade', 'HTTP/1.1 101 Switching\r\n\r\n', [502]],
      [
        '101 with a length',
        `HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nContent-Length: 5\r\n\r\nhello`,
        [502],
      ],
      ['garbage', 'garbage\r\n\r\n', [502]],
    ])(
      'that the upstream answers with %s opens no tunnel, and ends the connection',
      async (name, bytes, statuses) => {
        const through: string[] = [];
        bed.upstream.answer = (_request, socket) => {
          socket.on('data', (more) => through.push(more.toString('latin1')));
          socket.write(bytes, 'latin1');
          if (bytes.includes('Connection: close') || bytes.startsWith('garbage')) socket.end();
        };
        client.send(get(`/no-tunnel?${encodeURIComponent(name)}`, bed.secret, HANDSHAKE));
        expect(statuses).toContain((await client.response())?.status);
        client.send(passable());
        expect(await client.responses()).toEqual([]);
        expect(through).toEqual([]);
      },
    );
  });

  itLetNothingThrough(() => bed);
}
