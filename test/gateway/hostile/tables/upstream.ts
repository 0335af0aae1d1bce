import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../../../support/raw-client.ts';
import { answerPlainly } from '../../../support/strict-upstream.ts';
import { head, itLetNothingThrough } from '../attack.ts';
import { type Bed, openBed, type StartTransport } from '../bed.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
/** A whole answer that would be the next request's, if it were read as one. */
const POISON = `${OK}Content-Length: 6\r\nX-Poison: yes\r\n\r\npoison`;

/** What is no answer: the client is told so, and the connection that it came over is gone. */
const REFUSED: readonly (readonly [name: string, bytes: string])[] = [
  ['a length beside a coding', `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a coding beside a length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
  ['two lengths', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`],
  ['two equal lengths', `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`],
  ...['+2', '-2', '2,2', '0x2', '2 2', 'two', '99999999999999999999'].map((length): [string, string] => [
    `the length ${length}`,
    `${OK}Content-Length: ${length}\r\n\r\nok`,
  ]),
  ...['gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'identity', 'xchunked'].map(
    (coding): [string, string] => [
      `the coding ${coding}`,
      `${OK}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`,
    ],
  ),
  ...['099', '000', '600', '999', '1000', '20', '2OO', '-200', ''].map((status): [string, string] => [
    `the status ${JSON.stringify(status)}`,
    `HTTP/1.1 ${status} OK\r\nContent-Length: 2\r\n\r\nok`,
  ]),
  ...['HTTP/1.2', 'HTTP/11', 'http/1.1', 'ICY', 'HTTPS/1.1'].map((version): [string, string] => [
    `the version ${version}`,
    `${version} 200 OK\r\nContent-Length: 2\r\n\r\nok`,
  ]),
  ['no HTTP', 'garbage\r\n\r\n'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a body without a head', '\r\n\r\nok'],
  ['a NUL in a value', `${OK}X-A: a\0b\r\nContent-Length: 2\r\n\r\nok`],
  ['a CR in a value', `${OK}X-A: a\rb\r\nContent-Length: 2\r\n\r\nok`],
  ['a control character in a value', `${OK}X-A: a\u0007b\r\nContent-Length: 2\r\n\r\nok`],
  ['a folded value', `${OK}X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok`],
  ['a space in a name', `${OK}X A: b\r\nContent-Length: 2\r\n\r\nok`],
  ['a space before a colon', `${OK}X-A : b\r\nContent-Length: 2\r\n\r\nok`],
  ['an empty name', `${OK}: b\r\nContent-Length: 2\r\n\r\nok`],
  ['a line without a colon', `${OK}X-A\r\nContent-Length: 2\r\n\r\nok`],
  ['a header of 40 kB', `${OK}X-A: ${'a'.repeat(40_000)}\r\nContent-Length: 2\r\n\r\nok`],
  ['5,000 headers', `${OK}${'X-A: aaaaaaaaaa\r\n'.repeat(5_000)}Content-Length: 2\r\n\r\nok`],
  [
    'a switch of protocols that nobody asked for',
    'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n',
  ],
  ['a switch of protocols to nothing', 'HTTP/1.1 101 Switching\r\n\r\n'],
  ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)],
];

/** Answers whose body is broken behind a good head: too late to say so, but never too late to break off. */
const CUT: readonly (readonly [name: string, bytes: string])[] = [
  ['a body shorter than its length', `${OK}Content-Length: 20\r\n\r\nok`],
  ['chunks without an end', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`],
  ['a chunk shorter than its size', `${OK}Transfer-Encoding: chunked\r\n\r\n9\r\nok`],
  ['a chunk longer than its size', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n`],
  ['a size that is none', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n0\r\n\r\n`],
  ['a size beyond 64 bits', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n10000000000000000\r\n\r\n`],
  ['a bare LF behind a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\n0\r\n\r\n`],
];

/** Answers that pass, with nothing of them left for the next request. */
const CARRIED: readonly (readonly [
  name: string,
  method: string,
  bytes: string,
  status: number,
  body: string,
])[] = [
  ['a whole answer behind it', 'GET', `${OK}Content-Length: 2\r\n\r\nok${POISON}`, 200, 'ok'],
  ['bytes behind its length', 'GET', `${OK}Content-Length: 2\r\n\r\nokay`, 200, 'ok'],
  [
    'bytes behind its last chunk',
    'GET',
    `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${POISON}`,
    200,
    'ok',
  ],
  ['a body to a HEAD', 'HEAD', `${OK}Content-Length: 2\r\n\r\nok`, 200, ''],
  [
    'a whole answer as the body to a HEAD',
    'HEAD',
    `${OK}Content-Length: ${POISON.length}\r\n\r\n${POISON}`,
    200,
    '',
  ],
  ['chunks to a HEAD', 'HEAD', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`, 200, ''],
  [
    'a body to a 204',
    'GET',
    `HTTP/1.1 204 No Content\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`,
    204,
    '',
  ],
  [
    'a body to a 304',
    'GET',
    `HTTP/1.1 304 Not Modified\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`,
    304,
    '',
  ],
  [
    'chunks to a 204',
    'GET',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    204,
    '',
  ],
];

/** What a broken or hostile upstream answers (A13 of docs/threats.md). */
export function upstreamTable(start: StartTransport): void {
  let bed: Bed;
  let count = 0;
  beforeAll(async () => {
    bed = await openBed(start);
  });
  afterAll(() => bed.close());
  afterEach(() => {
    bed.upstream.answer = answerPlainly;
  });

  /** Lets the upstream answer one request in this way, and the others plainly. */
  function answerWith(write: (socket: Socket) => void): string {
    count += 1;
    const bad = `/bad?${count}`;
    bed.upstream.answer = (request, socket) =>
      request.target === bad ? write(socket) : answerPlainly(request, socket);
    return bad;
  }

  /** Expects that others get their own answers, and nobody the connection over which the bad one came. */
  async function expectNobodyElseHurt(bad: string, client: RawClient): Promise<void> {
    const other = await RawClient.connect(bed.port);
    const targets = ['1', '2', '3'].map((name) => `/next?${count}${name}`);
    for (const target of targets) {
      other.send(head(`GET ${target} HTTP/1.1`, bed.secret));
      const response = await other.response();
      expect(response?.header('X-Poison')).toBeNull();
      expect(JSON.parse(response?.body ?? '{}').target).toBe(target);
    }
    other.destroy();
    client.destroy();
    const used = bed.upstream.requests
      .filter(({ target }) => target === bad)
      .map(({ connection }) => connection);
    const after = bed.upstream.requests.filter(({ target }) => targets.includes(target));
    expect(
      after.map(({ connection }) => connection).filter((connection) => used.includes(connection)),
    ).toEqual([]);
  }

  async function ask(target: string, method = 'GET'): Promise<RawClient> {
    const client = await RawClient.connect(bed.port);
    client.send(head(`${method} ${target} HTTP/1.1`, bed.secret));
    return client;
  }

  describe('an answer with', () => {
    it.each(REFUSED)('%s is refused with 502, and hurts nobody else', async (_, bytes) => {
      const bad = answerWith((socket) => socket.write(bytes, 'latin1'));
      const settled = bed.outcome(bed.outcomes.length);
      const client = await ask(bad);
      let response = await client.response();
      while (response !== null && response.status < 200) response = await client.response();
      expect(response?.status).toBe(502);
      expect(response?.body).toContain('E0000009');
      expect((await settled).decision).toMatch(/^forward\.(?:bad-response|reset)$/);
      await expectNobodyElseHurt(bad, client);
    });

    it.each(CUT)('%s never looks complete, and hurts nobody else', async (_, bytes) => {
      const bad = answerWith((socket) => socket.end(bytes, 'latin1'));
      const settled = bed.outcome(bed.outcomes.length);
      const client = await ask(bad);
      const response = await client.response();
      // Where head and broken body came together, there was time to say so.
      expect(response === null || response.status === 502 || !response.complete).toBe(true);
      expect((await settled).decision === 'forwarded' && (await settled).complete).toBe(false);
      await expectNobodyElseHurt(bad, client);
    });

    it.each(CARRIED)('%s passes alone, and hurts nobody else', async (_, method, bytes, status, body) => {
      const bad = answerWith((socket) => socket.write(bytes, 'latin1'));
      const client = await ask(bad, method);
      const response = await client.response(method);
      expect(response).toMatchObject({ status, body, complete: true });
      // The same client's next request is answered with its own answer too.
      client.send(head(`GET /same?${count} HTTP/1.1`, bed.secret));
      const next = await client.response();
      expect(JSON.parse(next?.body ?? '{}').target).toBe(`/same?${count}`);
      await expectNobodyElseHurt(bad, client);
    });

    it.each(['', 'HTTP/1.1', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'])(
      'no more than %j before the end of the connection is refused with 502',
      async (bytes) => {
        const bad = answerWith((socket) => socket.end(bytes));
        const client = await RawClient.connect(bed.port);
        client.send(head(`POST ${bad} HTTP/1.1`, bed.secret, ['Content-Length: 2']));
        client.send('ok');
        expect((await client.response())?.status).toBe(502);
        await expectNobodyElseHurt(bad, client);
      },
    );
  });

  // Parsers let these versions pass; what the client gets is written anew, in ours.
  it.each(['HTTP/0.9', 'HTTP/2.0'])('an answer of the version %s has one reading', async (version) => {
    const bad = answerWith((socket) => socket.write(`${version} 200 OK\r\nContent-Length: 2\r\n\r\nok`));
    const client = await ask(bad);
    const response = await client.response();
    expect(response).toMatchObject({ complete: true });
    expect(response?.status === 502 || response?.body === 'ok').toBe(true);
    client.destroy();
  });

  it.each<[string, readonly string[]]>([
    ['102', ['HTTP/1.1 102 Processing\r\n\r\n']],
    ['103', ['HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n']],
    [
      '102 and 103',
      ['HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'],
    ],
  ])('an interim answer %s passes, and the final one behind it', async (_, interim) => {
    const bad = answerWith((socket) => socket.write(`${interim.join('')}${OK}Content-Length: 2\r\n\r\nok`));
    const client = await ask(bad);
    const statuses: number[] = [];
    for (let response = await client.response(); response !== null; response = await client.response()) {
      statuses.push(response.status);
      if (response.status >= 200) break;
    }
    client.destroy();
    expect(statuses.at(-1)).toBe(200);
    expect(statuses.slice(0, -1).every((status) => status === 102 || status === 103)).toBe(true);
  });

  it('an interim answer 100 that nobody waits for is passed over or refused, and hurts nobody else', async () => {
    const bad = answerWith((socket) =>
      socket.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`),
    );
    const client = await ask(bad);
    expect([200, 502]).toContain((await client.response())?.status);
    client.destroy();
  });

  it("an answer cannot speak in the gateway's name", async () => {
    const ours = [
      'X-Request-Id',
      'X-Rate-Limit-Limit',
      'X-Rate-Limit-Remaining',
      'X-Rate-Limit-Reset',
      'RateLimit',
    ];
    const spoofed = [...ours, 'RateLimit-Policy', 'X-Tollgate-Token-Id', 'x-tollgate-anything'];
    const lines = spoofed.map((name) => `${name}: spoofed\r\n`).join('');
    const bad = answerWith((socket) =>
      socket.write(`${OK}${lines}Connection: X-Request-Id, Content-Length\r\nContent-Length: 2\r\n\r\nok`),
    );
    const client = await ask(bad);
    const response = await client.response();
    client.destroy();
    expect(response).toMatchObject({ status: 200, body: 'ok', complete: true });
    expect(response?.headers.filter(([, value]) => value === 'spoofed')).toEqual([]);
    expect(response?.headers.filter(([name]) => name.toLowerCase() === 'x-request-id')).toHaveLength(1);
  });

  itLetNothingThrough(() => bed);
}
