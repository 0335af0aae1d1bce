import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RejectionCode } from '../../src/domain/rejection.ts';
import { NOBODY } from '../support/nobody.ts';
import {
  rawClient,
  startWebSocketGateway,
  TIME_LIMITS,
  upgradeHead,
  type WebSocketGateway,
} from './websocket-gateway.ts';
import { type ScriptedUpstream, SWITCH, startScripted } from './websocket-upstream.ts';

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

type Answer = Parameters<typeof startScripted>[0];

async function facing(
  answer: Answer,
  retries = 0,
): Promise<{ gateway: WebSocketGateway; upstream: ScriptedUpstream; secret: string }> {
  const upstream = await startScripted(answer);
  cleanup.push(upstream.close);
  const gateway = await startWebSocketGateway({ targets: [upstream.origin], retries });
  cleanup.push(gateway.close);
  return { gateway, upstream, secret: (await gateway.issue()).secret };
}

/** One answer, of that status, that says it closes. */
function expectLastAnswer(answer: string, status: number): void {
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer).toMatch(/\r\nConnection: close\r\n/);
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
}

const SMUGGLED = 'GET /api/admin HTTP/1.1\r\nHost: x\r\nX-Tollgate-Roles: SUPER_ADMIN\r\n\r\n';

describe('an upgrade request that is not a plain WebSocket handshake', () => {
  const heads: Record<string, Record<string, string | null>> = {
    'a choice of protocols': { Upgrade: 'websocket, h2c' },
    'a version of the protocol': { Upgrade: 'websocket/13' },
    'two upgrades': { Upgrade: 'websocket\r\nUpgrade: h2c' },
    'another method': { line: 'POST /api HTTP/1.1' },
    'HTTP/1.0': { line: 'GET /api HTTP/1.0' },
    'another version of WebSocket': { 'Sec-WebSocket-Version': '8' },
    'two versions': { 'Sec-WebSocket-Version': '13\r\nSec-WebSocket-Version: 13' },
    'no version': { 'Sec-WebSocket-Version': null },
    'no key': { 'Sec-WebSocket-Key': null },
    'an empty key': { 'Sec-WebSocket-Key': '' },
    'a short key': { 'Sec-WebSocket-Key': 'c2hvcnQ=' },
    'two keys': {
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    },
    'an expectation': { Expect: '100-continue' },
    'a body with a length': { 'Content-Length': String(SMUGGLED.length) },
    'an empty body with a length': { 'Content-Length': '0' },
    'a body in chunks': { 'Transfer-Encoding': 'chunked' },
    'a body in an obscure coding': { 'Transfer-Encoding': 'xchunked' },
    'two hosts': { Host: 'a.example\r\nHost: b.example' },
    'a header with an underscore': { X_Tollgate_Roles: 'SUPER_ADMIN' },
    'a path that climbs': { line: 'GET /api/../admin HTTP/1.1' },
    'a handshake header named in Connection': { Connection: 'Upgrade, Sec-WebSocket-Key' },
  };
  it.each(Object.entries(heads))(
    'is refused for %s, and nothing of it reaches the upstream',
    async (_, changed) => {
      const { gateway, upstream, secret } = await facing(SWITCH);
      const answer = await rawClient(gateway.port, upgradeHead(secret, changed) + SMUGGLED).closed;
      expectLastAnswer(answer, 400);
      expect(upstream.connections).toHaveLength(0);
      const [outcome] = await gateway.settled(1);
      expect(outcome).toMatchObject({ arrival: null, permit: null, status: 400 });
    },
  );
});

describe('an upgrade to another protocol', () => {
  const others = [
    ['foo', ''],
    ['h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'],
    ['TLS/1.2', ''],
  ] as const;
  it.each(others)('is an ordinary request: %s is not asked of the upstream', async (protocol, more) => {
    const { gateway, upstream, secret } = await facing('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const head = upgradeHead(secret, { Upgrade: `${protocol}\r\n${more}X-More: yes` });
    const client = rawClient(gateway.port, head + SMUGGLED);
    expectLastAnswer(await client.closed, 200);
    const sent = (await upstream.request()).received();
    expect(sent).toMatch(/^GET \/api HTTP\/1\.1\r\n/);
    expect(sent).toMatch(/x-more: yes/i);
    expect(sent).not.toMatch(/upgrade|h2c|http2-settings|\/admin/i);
    expect(upstream.connections).toHaveLength(1);
  });

  it('cannot be agreed to by the upstream', async () => {
    const { gateway, secret } = await facing(SWITCH);
    const client = rawClient(gateway.port, upgradeHead(secret, { Upgrade: 'foo' }));
    expect(await client.until('}')).toMatch(/^HTTP\/1\.1 502 /);
    client.socket.destroy();
  });
});

describe('an upgrade behind a request that is being answered', () => {
  it('is refused after that answer, and reaches no upstream', async () => {
    let answer: () => void = () => {};
    const { gateway, upstream, secret } = await facing((socket) => {
      answer = () => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst');
    });
    const first = `GET /api HTTP/1.1\r\nHost: x\r\nAuthorization: SSWS ${secret}\r\n\r\n`;
    const client = rawClient(gateway.port, first + upgradeHead(secret));
    await upstream.request();
    answer();
    const received = await client.closed;
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(upstream.connections).toHaveLength(1);
  });
});

describe('bytes behind the upgrade request', () => {
  it('that came with it are refused, and nothing reaches the upstream', async () => {
    const { gateway, upstream, secret } = await facing(SWITCH);
    const answer = await rawClient(gateway.port, upgradeHead(secret) + SMUGGLED).closed;
    expectLastAnswer(answer, 400);
    expect(upstream.connections).toHaveLength(0);
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'listen.bad-upgrade' }]);
  });

  it('that come while the gate is asking the store are refused, and what the gate then says is ignored', async () => {
    const { gateway, upstream, secret } = await facing(SWITCH);
    gateway.source.hold();
    const client = rawClient(gateway.port, upgradeHead(secret));
    await expect.poll(() => gateway.source.lookups).toBe(1);
    client.socket.write(SMUGGLED);
    const answer = await client.until('}');
    gateway.source.release();
    await client.closed;
    expectLastAnswer(answer, 400);
    expect(client.received()).toBe(answer);
    expect(upstream.connections).toHaveLength(0);
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'listen.bad-upgrade', status: 400 }]);
  });

  it('that come before the upstream has answered are refused, and the upstream sees one request and its end', async () => {
    const { gateway, upstream, secret } = await facing(null);
    const client = rawClient(gateway.port, upgradeHead(secret));
    const connection = await upstream.request();
    client.socket.write(SMUGGLED);
    expectLastAnswer(await client.closed, 400);
    await connection.closed;
    expect(connection.received()).toMatch(/^GET \/api HTTP\/1\.1\r\n/);
    expect(connection.received().indexOf('\r\n\r\n')).toBe(connection.received().length - 4);
    expect(await gateway.settled(1)).toMatchObject([
      { decision: 'listen.bad-upgrade', status: 400, upstream: 'api' },
    ]);
    expect(gateway.upstreams.targets()[0]).toMatchObject({ busy: 0, health: 'up' });
  });

  it('that come behind an answer other than 101 go nowhere', async () => {
    const { gateway, upstream, secret } = await facing('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno');
    const client = rawClient(gateway.port, upgradeHead(secret), true);
    await client.until('no');
    client.socket.write(SMUGGLED);
    client.socket.end(SMUGGLED);
    expectLastAnswer(await client.closed, 200);
    const connection = await upstream.request();
    await connection.closed;
    expect(connection.received()).not.toContain('admin');
    expect(upstream.connections).toHaveLength(1);
  });

  it('that come with the 101 of the upstream reach the client, and those behind it the upstream', async () => {
    const { gateway, upstream, secret } = await facing(`${SWITCH}\x81\x02hi`);
    const client = rawClient(gateway.port, upgradeHead(secret));
    expect(await client.until('\x81\x02hi')).toMatch(/^HTTP\/1\.1 101 /);
    client.socket.write('\x88\x80abcd', 'latin1');
    expect(await (await upstream.request()).behindHead(6)).toBe('\x88\x80abcd');
    client.socket.destroy();
    await gateway.settled(1);
  });
});

const reset = (socket: Socket) => void socket.resetAndDestroy();

describe('an upstream that does not agree', () => {
  const passed: readonly [string, number, string][] = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, 'hello'],
    ['HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n', 302, ''],
    [
      'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n',
      400,
      '3\r\nbad\r\n0\r\n\r\n',
    ],
    ['HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n', 403, '0\r\n\r\n'],
    ['HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', 204, ''],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n', 304, ''],
    [
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 426 Upgrade Required\r\nContent-Length: 1\r\n\r\n-',
      426,
      '-',
    ],
  ];
  it.each(passed)('is passed back: %j', async (answer, status, body) => {
    const { gateway, upstream, secret } = await facing((socket) => socket.end(answer));
    const received = await rawClient(gateway.port, upgradeHead(secret)).closed;
    expectLastAnswer(received, status);
    expect(received.split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe(body);
    expect(received).toMatch(/\r\nX-Request-Id: [0-9a-f]{32}\r\n/);
    await upstream.connections[0]?.closed;
    expect(await gateway.settled(1)).toMatchObject([
      { decision: 'forwarded', status, complete: true, upstream: 'api' },
    ]);
    expect(gateway.upstreams.targets()[0]).toMatchObject({ busy: 0, health: 'up' });
  });

  it('cannot slip headers of its connection, of ours or of the switch into the answer', async () => {
    const { gateway, secret } = await facing(
      'HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: websocket\r\n' +
        'X-Request-Id: theirs\r\nX-Tollgate-Roles: x\r\nX-Kept: yes\r\nContent-Length: 0\r\n\r\n',
    );
    const received = await rawClient(gateway.port, upgradeHead(secret)).closed;
    expectLastAnswer(received, 200);
    expect(received).toContain('X-Kept: yes');
    expect(received).not.toMatch(/x-hop|keep-alive|upgrade|theirs|tollgate/i);
  });

  const head = (lines: string) => `HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n\r\n`;
  const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
  const bad: readonly [string, string | ((socket: Socket) => void), RejectionCode][] = [
    [
      'a 101 with the accept of another key',
      head('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk='),
      'forward.bad-response',
    ],
    ['a 101 without an accept', head('Upgrade: websocket\r\nConnection: Upgrade'), 'forward.bad-response'],
    [
      'a 101 with two accepts',
      head(`Upgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\n${accept}`),
      'forward.bad-response',
    ],
    [
      'a 101 to another protocol',
      head(`Upgrade: h2c\r\nConnection: Upgrade\r\n${accept}`),
      'forward.bad-response',
    ],
    ['a 101 without an upgrade', head(accept), 'forward.bad-response'],
    ['a 101 without Connection', head(`Upgrade: websocket\r\n${accept}`), 'forward.bad-response'],
    [
      'a 101 with a length',
      head(`Upgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\nContent-Length: 5`),
      'forward.bad-response',
    ],
    [
      'a 101 with a transfer coding',
      head(`Upgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\nTransfer-Encoding: gzip`),
      'forward.bad-response',
    ],
    ['a status that is none', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n', 'forward.bad-response'],
    ['a status beyond all', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n', 'forward.bad-response'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      'forward.bad-response',
    ],
    [
      'a length beside chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'forward.bad-response',
    ],
    ['an obscure coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx', 'forward.bad-response'],
    [
      'a bare CR in a header',
      'HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n',
      'forward.bad-response',
    ],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n', 'forward.bad-response'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 'forward.bad-response'],
    ['interim answers without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100), 'forward.bad-response'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'forward.bad-response'],
    ['a frame instead of an answer', '\x81\x02hi', 'forward.bad-response'],
    ['its end', (socket) => void socket.end(), 'forward.reset'],
    ['a reset', reset, 'forward.reset'],
    [
      'its end within the head',
      (socket) => void socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs'),
      'forward.reset',
    ],
  ];
  it.each(bad)(
    'and answers with %s is answered for with 502, and its connection closed',
    async (_, answer, code) => {
      const { gateway, upstream, secret } = await facing(answer);
      const received = await rawClient(gateway.port, upgradeHead(secret)).closed;
      expectLastAnswer(received, 502);
      await upstream.connections[0]?.closed;
      expect(await gateway.settled(1)).toMatchObject([
        { decision: code, status: 502, complete: true, upstream: 'api' },
      ]);
      expect(gateway.upstreams.targets()[0]?.busy).toBe(0);
      expect(gateway.bugs).toEqual([]);
    },
  );

  it('and never answers is answered for with 504 when the time is over, and its connection closed', async () => {
    const { gateway, upstream, secret } = await facing(null);
    const client = rawClient(gateway.port, upgradeHead(secret));
    const connection = await upstream.request();
    gateway.clock.advance(TIME_LIMITS.headMs);
    expectLastAnswer(await client.closed, 504);
    await connection.closed;
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'forward.head-timeout', status: 504 }]);
  });

  it('and is not there is answered for with 502', async () => {
    const gateway = await startWebSocketGateway({ targets: [NOBODY], retries: 0 });
    cleanup.push(gateway.close);
    const { secret } = await gateway.issue();
    const scarce = upgradeHead(secret, { line: 'GET /scarce HTTP/1.1' });
    const answer = await rawClient(gateway.port, scarce).closed;
    expectLastAnswer(answer, 502);
    // The request has counted, so its caller is told where it stands, as with any other.
    expect(answer).toMatch(/\r\nX-Rate-Limit-Remaining: \d+\r\n/);
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'forward.connect', status: 502 }]);
  });

  it('and does not finish its TLS handshake is answered for with 504, and was asked by its own name', async () => {
    const upstream = await startScripted(null);
    cleanup.push(upstream.close);
    const target = upstream.origin.replace('http://127.0.0.1', 'https://localhost');
    const gateway = await startWebSocketGateway({ targets: [target], retries: 0, preserveHost: true });
    cleanup.push(gateway.close);
    const { secret } = await gateway.issue();
    const client = rawClient(gateway.port, upgradeHead(secret));
    await expect.poll(() => upstream.connections[0]?.received()).toContain('localhost');
    expect(upstream.connections[0]?.received()).not.toContain('gateway.example');
    gateway.clock.advance(TIME_LIMITS.connectMs);
    expectLastAnswer(await client.closed, 504);
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'forward.connect-timeout', status: 504 }]);
  });

  it('is left for another target where it cannot be reached at all', async () => {
    const upstream = await startScripted(SWITCH);
    cleanup.push(upstream.close);
    const gateway = await startWebSocketGateway({ targets: [NOBODY, upstream.origin] });
    cleanup.push(gateway.close);
    const { secret } = await gateway.issue();
    const client = rawClient(gateway.port, upgradeHead(secret));
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
    client.socket.destroy();
    await gateway.settled(1);
    expect(gateway.upstreams.targets().map(({ busy }) => busy)).toEqual([0, 0]);
  });

  it('cannot make an answer look complete that it did not complete', async () => {
    const { gateway, secret } = await facing((socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n');
    });
    const received = await rawClient(gateway.port, upgradeHead(secret)).closed;
    expect(received).not.toContain('\r\n0\r\n\r\n');
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'forwarded', status: 403, complete: false }]);
  });
});

describe('a bug', () => {
  it.each([
    // The first call is for the connection, which is counted by its address.
    ['before the upstream is asked', 2],
    ['when the upstream is asked again', 3],
  ])('%s costs its own exchange and no more', async (_, fatalCall) => {
    const upstream = await startScripted(reset);
    cleanup.push(upstream.close);
    let calls = 0;
    const gateway = await startWebSocketGateway({
      targets: [upstream.origin],
      isTrusted() {
        calls += 1;
        if (calls === fatalCall) throw new Error('bug');
        return false;
      },
    });
    cleanup.push(gateway.close);
    const { secret } = await gateway.issue();
    expectLastAnswer(await rawClient(gateway.port, upgradeHead(secret)).closed, 500);
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'gateway.bug', status: 500 }]);
    expect(gateway.bugs).toMatchObject([{ message: 'bug' }]);
    expect(gateway.upstreams.targets()[0]?.busy).toBe(0);
  });
});

describe('the next connection', () => {
  it('is unaffected by any of that', async () => {
    const { gateway, secret } = await facing((socket, head) => {
      if (head.startsWith('GET /api/bad')) reset(socket);
      else socket.write(SWITCH);
    });
    expectLastAnswer(
      await rawClient(gateway.port, upgradeHead(secret, { line: 'GET /api/bad HTTP/1.1' })).closed,
      502,
    );
    const client = rawClient(gateway.port, upgradeHead(secret));
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
    client.socket.destroy();
    await once(client.socket, 'close');
  });
});
