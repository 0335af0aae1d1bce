import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import type { RejectionCode } from '../../src/domain/rejection.ts';
import {
  client,
  closing,
  KEY,
  outsider,
  rawClient,
  startWebSocketGateway,
  upgradeHead,
  type WebSocketGateway,
} from './websocket-gateway.ts';
import { type EchoUpstream, startEcho, startScripted } from './websocket-upstream.ts';

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

async function echoing(
  perMessageDeflate = false,
): Promise<{ gateway: WebSocketGateway; echo: EchoUpstream }> {
  const echo = await startEcho(perMessageDeflate);
  cleanup.push(echo.close);
  const gateway = await startWebSocketGateway({ targets: [echo.origin] });
  cleanup.push(gateway.close);
  return { gateway, echo };
}

/** Collects `count` messages. */
async function messages(socket: WebSocket, count: number): Promise<Buffer[]> {
  const all: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('message', (data: Buffer) => {
      all.push(data);
      if (all.length === count) resolve(all);
    });
  });
}

describe('a WebSocket through the gateway', () => {
  it('carries a thousand small messages both ways in their order', async () => {
    const { gateway } = await echoing();
    const { secret } = await gateway.issue();
    const socket = client(gateway, secret);
    await once(socket, 'open');
    const echoed = messages(socket, 1_000);
    for (let index = 0; index < 1_000; index += 1) socket.send(`message ${index}`);
    expect((await echoed).map(String)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => `message ${index}`),
    );
    socket.close(1000);
    expect((await closing(socket)).code).toBe(1000);
  });

  it.each([0, 1, 125, 126, 65_535, 65_536, 3_000_000])(
    'carries a binary message of %i bytes unchanged',
    async (size) => {
      const { gateway } = await echoing();
      const { secret } = await gateway.issue();
      const socket = client(gateway, secret);
      await once(socket, 'open');
      const sent = randomBytes(size);
      const echoed = messages(socket, 1);
      socket.send(sent);
      const [back] = await echoed;
      expect(back?.equals(sent)).toBe(true);
      socket.close();
      await closing(socket);
    },
  );

  it('leaves sub-protocol, compression and close code to the two ends', async () => {
    const { gateway, echo } = await echoing(true);
    const { secret } = await gateway.issue();
    const connection = echo.connection();
    const socket = client(gateway, secret, '/api', {
      protocols: ['chat', 'other'],
      perMessageDeflate: { threshold: 0 },
    });
    await once(socket, 'open');
    expect(socket.protocol).toBe('chat');
    expect(socket.extensions).toContain('permessage-deflate');
    const echoed = messages(socket, 1);
    socket.send('compress me '.repeat(1_000));
    expect(String((await echoed)[0])).toBe('compress me '.repeat(1_000));
    (await connection).close(4001, 'enough');
    expect(await closing(socket)).toEqual({ code: 4001, reason: 'enough' });
  });

  it('is settled once, when it is over, as a complete 101', async () => {
    const { gateway } = await echoing();
    const { token, secret } = await gateway.issue();
    const socket = client(gateway, secret);
    await once(socket, 'open');
    expect(gateway.outcomes).toEqual([]);
    expect(gateway.upgrades.open).toBe(1);
    socket.close();
    await closing(socket);
    const [outcome] = await gateway.settled(1);
    expect(outcome).toMatchObject({
      decision: 'forwarded',
      status: 101,
      complete: true,
      upstream: 'api',
      rejection: null,
    });
    expect(outcome?.permit?.credential.token.id).toBe(token.id);
    expect(gateway.upgrades.open).toBe(0);
    expect(gateway.streams.size).toBe(0);
    expect(gateway.upstreams.targets()[0]?.busy).toBe(0);
    expect(gateway.outcomes).toHaveLength(1);
  });

  it('tells the upstream who calls, in headers that the client cannot speak for', async () => {
    const { gateway, echo } = await echoing();
    const { token, secret } = await gateway.issue();
    const target = '/api/feed?a=1&b=%41{}|^"\'<>`&c=//?d';
    const head = upgradeHead(secret, {
      line: `GET ${target} HTTP/1.1`,
      'X-Tollgate-User-Login': 'admin',
      'x-tollgate-roles': 'SUPER_ADMIN',
      'X-TOLLGATE-TOKEN-ID': '00Tspoofed',
      'X-Forwarded-For': '192.0.2.1',
      'X-Forwarded-Host': 'evil.example',
      'X-Real-IP': '192.0.2.1',
      Forwarded: 'for=192.0.2.1',
      'X-Request-Id': 'mine',
      Connection: 'keep-alive, Upgrade, X-Tollgate-User-Id, X-Secret, Host, X-Forwarded-For, Authorization',
      'X-Secret': 'for this hop alone',
      'Keep-Alive': 'timeout=5',
      'Proxy-Authorization': 'Basic eDp5',
      TE: 'trailers',
      Trailer: 'X-Late',
      Cookie: 'a=b',
      Origin: 'https://app.example',
      'X-Custom': 'kept',
    });
    const raw = rawClient(gateway.port, head);
    await raw.until('\r\n\r\n');
    const [request] = echo.requests;
    const seen: Record<string, string[]> = {};
    for (let at = 0; at < (request?.rawHeaders.length ?? 0); at += 2) {
      seen[request?.rawHeaders[at]?.toLowerCase() ?? ''] ??= [];
      seen[request?.rawHeaders[at]?.toLowerCase() ?? '']?.push(request?.rawHeaders[at + 1] ?? '');
    }
    expect(seen).toEqual({
      host: [echo.origin.slice('http://'.length)],
      'sec-websocket-version': ['13'],
      'sec-websocket-key': [KEY],
      cookie: ['a=b'],
      origin: ['https://app.example'],
      'x-custom': ['kept'],
      connection: ['Upgrade'],
      upgrade: ['websocket'],
      'x-forwarded-for': ['127.0.0.1'],
      'x-forwarded-proto': ['http'],
      'x-forwarded-host': ['gateway.example'],
      'x-request-id': [expect.stringMatching(/^[0-9a-f]{32}$/)],
      'x-tollgate-token-id': [token.id],
      'x-tollgate-user-id': [gateway.owner.id],
      'x-tollgate-user-login': [gateway.owner.login],
      'x-tollgate-roles': ['SUPER_ADMIN'],
    });
    expect(request?.url).toBe(target);
    raw.socket.destroy();
    await gateway.settled(1);
  });

  it('sends a header that came several times as it came', async () => {
    const { gateway, echo } = await echoing();
    const { secret } = await gateway.issue();
    const head = upgradeHead(secret, {
      'X-Twice': 'one\r\nX-Twice: two',
      __proto__x: null,
      'X-Latin': 'caf\xe9',
    });
    const raw = rawClient(gateway.port, head);
    await raw.until('\r\n\r\n');
    const pairs = echo.requests[0]?.rawHeaders ?? [];
    expect(pairs.filter((_, at) => pairs[at - 1] === 'x-twice' && at % 2 === 1)).toEqual(['one', 'two']);
    expect(echo.requests[0]?.headers['x-latin']).toBe('caf\xe9');
    raw.socket.destroy();
    await gateway.settled(1);
  });

  it('answers with the headers of the upstream, the request id and the limits', async () => {
    const { gateway } = await echoing();
    const { secret } = await gateway.issue();
    const raw = rawClient(gateway.port, upgradeHead(secret, { line: 'GET /scarce HTTP/1.1' }));
    const head = await raw.until('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    for (const line of [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      'X-Rate-Limit-Limit: 1',
      'X-Rate-Limit-Remaining: 0',
    ]) {
      expect(head.split('\r\n').filter((each) => each.toLowerCase() === line.toLowerCase())).toHaveLength(1);
    }
    expect(head).toMatch(/\r\nX-Request-Id: [0-9a-f]{32}\r\n/);
    raw.socket.destroy();
    await gateway.settled(1);
  });
});

/** Refusals of the gate, by what is wrong with the request. */
const REFUSALS: readonly {
  code: RejectionCode;
  status: number;
  errorCode: string;
  secret(gateway: WebSocketGateway): Promise<string | null>;
  path?: string;
}[] = [
  { code: 'resolve.missing', status: 403, errorCode: 'E0000005', secret: async () => null },
  { code: 'resolve.malformed', status: 401, errorCode: 'E0000011', secret: async () => 'junk' },
  {
    code: 'resolve.unknown',
    status: 401,
    errorCode: 'E0000011',
    secret: async (gateway) => {
      const { token, secret } = await gateway.issue();
      await gateway.store.commit([{ remove: 'token', id: token.id }]);
      return secret;
    },
  },
  {
    code: 'resolve.revoked',
    status: 401,
    errorCode: 'E0000011',
    secret: async (gateway) => (await gateway.issue({ revokedAt: 1 })).secret,
  },
  {
    code: 'resolve.expired',
    status: 401,
    errorCode: 'E0000011',
    secret: async (gateway) => (await gateway.issue({ createdAt: 1 })).secret,
  },
  {
    code: 'resolve.owner-inactive',
    status: 401,
    errorCode: 'E0000011',
    secret: async (gateway) => {
      await gateway.store.commit([{ put: 'user', user: { ...gateway.owner, status: 'SUSPENDED' } }]);
      return (await gateway.issue()).secret;
    },
  },
  {
    code: 'resolve.store-away',
    status: 503,
    errorCode: 'E0000009',
    secret: async (gateway) => {
      gateway.source.away = true;
      return (await gateway.issue()).secret;
    },
  },
  {
    code: 'zone.outside',
    status: 403,
    errorCode: 'E0000006',
    secret: async (gateway) =>
      (await gateway.issue({ network: { connection: 'ZONE', include: [outsider.id], exclude: [] } })).secret,
  },
  {
    code: 'limit.token',
    status: 429,
    errorCode: 'E0000047',
    path: '/scarce',
    secret: async (gateway) => {
      const { secret } = await gateway.issue();
      const first = client(gateway, secret, '/scarce');
      await once(first, 'open');
      first.terminate();
      await gateway.settled(1);
      gateway.outcomes.pop();
      return secret;
    },
  },
  {
    code: 'forward.no-route',
    status: 404,
    errorCode: 'E0000008',
    path: '/none',
    secret: async (gateway) => (await gateway.issue()).secret,
  },
];

describe('an upgrade that the gate refuses', () => {
  it.each(REFUSALS)(
    'is answered $status for $code before any 101, and closed',
    async ({ code, status, errorCode, secret, path }) => {
      const upstream = await startScripted(null);
      cleanup.push(upstream.close);
      const echo = await startEcho();
      cleanup.push(echo.close);
      const gateway = await startWebSocketGateway({
        targets: [code === 'limit.token' ? echo.origin : upstream.origin],
      });
      cleanup.push(gateway.close);
      const head = upgradeHead(await secret(gateway), { line: `GET ${path ?? '/api'} HTTP/1.1` });
      const before = echo.requests.length;
      const answer = await rawClient(gateway.port, head).closed;

      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
      const [fields = '', body = ''] = answer.split('\r\n\r\n');
      expect(JSON.parse(body).errorCode).toBe(errorCode);
      expect(fields).toMatch(/\r\nX-Request-Id: [0-9a-f]{32}(\r\n|$)/);
      expect(fields).toMatch(/\r\nConnection: close(\r\n|$)/);
      expect(fields).toContain(`\r\nContent-Length: ${body.length}`);
      if (status === 429) expect(fields).toMatch(/\r\nRetry-After: \d+(\r\n|$)/);

      const [outcome] = await gateway.settled(1);
      expect(outcome).toMatchObject({ decision: code, status, complete: true });
      expect(upstream.connections).toHaveLength(0);
      expect(echo.requests).toHaveLength(before);
      await expect.poll(() => gateway.upgrades.open).toBe(0);
      expect(gateway.outcomes).toHaveLength(1);
      expect(gateway.bugs).toEqual([]);
    },
  );
});
