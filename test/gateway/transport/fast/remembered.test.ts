/**
 * What a connection remembers of the header block before: the same bytes are not read twice, and nothing else follows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleGateway, type Gateway } from '../../../../src/cli/assemble.ts';
import { type Config, parseConfig } from '../../../../src/config/config.ts';
import { mintSecret } from '../../../../src/domain/secret.ts';
import type { Store } from '../../../../src/domain/store.ts';
import { headRules } from '../../../../src/gateway/listen/head.ts';
import type { PlainHeaders } from '../../../../src/gateway/transport/fast/plain-headers.ts';
import { RequestReader } from '../../../../src/gateway/transport/fast/request-reader.ts';
import { systemClock } from '../../../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../../../src/store/embedded/store.ts';
import { createLog } from '../../../../src/telemetry/log.ts';
import { HEAD } from '../../../support/gateway.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { aToken, aUser, aZone } from '../../../support/records.ts';
import { type StrictUpstream, startStrictUpstream, valuesOf } from '../../../support/strict-upstream.ts';

const rules = headRules(HEAD);
const newReader = () => new RequestReader(rules, 16_384);

/** A head with these header lines. */
const get = (...lines: readonly string[]) =>
  ['GET /things HTTP/1.1', 'Host: api.example', ...lines, '', ''].join('\r\n');

describe('a reader that has read a header block', () => {
  const block = get(
    'Authorization: SSWS secret',
    'X-Forwarded-For: 203.0.113.9',
    'Content-Length: 12',
    'X-Custom: one',
  );

  /** Everything that a reading says, but for what only identity tells. */
  function said(reader: RequestReader, text: string) {
    const reading = reader.read(text);
    if (reading !== 'head') return reading;
    const { findings: _, forwarded: __, ...headers } = reader.headers;
    return { ...headers, method: reader.method, path: reader.path, query: reader.query, end: reader.end };
  }

  it('reads a head that differs in any byte as one that has read nothing does', () => {
    for (let at = 0; at < block.length; at += 1) {
      for (const other of ['', 'x', 'A', '0', ' ', ':', '\r', '\n', '\r\n', '\0', '\xff', ', ']) {
        const text = block.slice(0, at) + other + block.slice(at + 1);
        const reader = newReader();
        expect(reader.read(block)).toBe('head');
        expect(said(reader, text), JSON.stringify(text)).toEqual(said(newReader(), text));
      }
    }
  });

  it('reads one that is shorter or longer as one that has read nothing does', () => {
    const longer = get('Authorization: SSWS secret', 'X-Forwarded-For: 203.0.113.9', 'Accept: */*');
    for (const text of [longer, ...Array.from(block, (_, end) => block.slice(0, end)), block + block]) {
      const reader = newReader();
      reader.read(block);
      expect(said(reader, text)).toEqual(said(newReader(), text));
    }
  });

  /** What the reader says of this head; it is one. */
  function read(reader: RequestReader, text: string): PlainHeaders {
    expect(reader.read(text)).toBe('head');
    return reader.headers;
  }

  it('keeps findings for as long as the same block is repeated', () => {
    const reader = newReader();
    const first = read(reader, block).findings;
    expect(read(reader, block.replace('/things', '/others')).findings).toBe(first);
    expect(read(reader, block.replace('secret', 'Secret')).findings).not.toBe(first);
    expect(read(reader, block).findings).not.toBe(first);
  });

  it('shares no findings with another', () => {
    expect(read(newReader(), block).findings).not.toBe(read(newReader(), block).findings);
  });
});

describe('on one connection', () => {
  const zone = aZone(['203.0.113.0/24']);
  const owner = aUser({ createdAt: Date.now() });
  let upstream: StrictUpstream;
  let store: Store;
  let gateway: Gateway;
  let port = 0;

  function configTrusting(proxies: string): Config {
    const upstreams = [{ name: 'strict', targets: [upstream.origin], paths: ['/'] }];
    const settings = { zone: { trustedProxies: [proxies] }, forward: { upstreams } };
    return parseConfig(JSON.stringify(settings), {}, 'remembered.yaml');
  }

  beforeAll(async () => {
    upstream = await startStrictUpstream();
    store = await openEmbeddedStore({ path: ':memory:', clock: systemClock });
    gateway = await assembleGateway(configTrusting('127.0.0.0/8'), store, systemClock, createLog('silent'));
    ({ port } = await gateway.transport.listen(0, '127.0.0.1'));
    await store.commit([
      { put: 'user', user: owner },
      { put: 'zone', zone },
    ]);
  });
  afterAll(async () => {
    await gateway.stop(0);
    await upstream.close();
    await store.close();
  });

  async function issue() {
    const network = { connection: 'ZONE', include: [zone.id] } as const;
    const made = aToken(owner.id, { network, createdAt: Date.now() });
    await store.commit([{ put: 'token', token: made.token }]);
    return made;
  }

  const asking = (secret: string, caller = '203.0.113.9') =>
    get(`Authorization: SSWS ${secret}`, `X-Forwarded-For: ${caller}`);

  /** Asks, on this connection, as many times as there are heads. @returns the statuses */
  async function ask(client: RawClient, ...heads: readonly string[]): Promise<(number | undefined)[]> {
    const statuses: (number | undefined)[] = [];
    for (const head of heads) {
      client.send(head);
      statuses.push((await client.response())?.status);
    }
    return statuses;
  }

  it('a token that is revoked is refused on the very next request', async () => {
    const client = await RawClient.connect(port);
    const { token, secret } = await issue();
    expect(await ask(client, asking(secret), asking(secret))).toEqual([200, 200]);
    await store.commit([{ put: 'token', token: { ...token, revokedAt: Date.now() } }]);
    expect(await ask(client, asking(secret), asking(secret))).toEqual([401, 401]);
    client.destroy();
  });

  it('a token whose owner is suspended is refused on the very next request, and taken again with its owner', async () => {
    const client = await RawClient.connect(port);
    const { secret } = await issue();
    expect(await ask(client, asking(secret))).toEqual([200]);
    await store.commit([{ put: 'user', user: { ...owner, status: 'SUSPENDED' } }]);
    expect(await ask(client, asking(secret))).toEqual([401]);
    await store.commit([{ put: 'user', user: owner }]);
    expect(await ask(client, asking(secret))).toEqual([200]);
    client.destroy();
  });

  it('a zone that changes holds on the very next request', async () => {
    const client = await RawClient.connect(port);
    const { secret } = await issue();
    expect(await ask(client, asking(secret))).toEqual([200]);
    await store.commit([
      { put: 'zone', zone: { ...zone, gateways: [{ type: 'CIDR', value: '192.0.2.0/24' }] } },
    ]);
    expect(await ask(client, asking(secret))).toEqual([403]);
    await store.commit([{ put: 'zone', zone }]);
    expect(await ask(client, asking(secret))).toEqual([200]);
    client.destroy();
  });

  it('each request counts, and is told where it stands', async () => {
    const client = await RawClient.connect(port);
    const { secret } = await issue();
    const remaining: number[] = [];
    for (let each = 0; each < 3; each += 1) {
      client.send(asking(secret));
      remaining.push(Number((await client.response())?.header('X-Rate-Limit-Remaining')));
    }
    const [first = 0] = remaining;
    expect(remaining).toEqual([first, first - 1, first - 2]);
    client.destroy();
  });

  it('each request is its own: token, caller, method and id reach the upstream as they came with it', async () => {
    const client = await RawClient.connect(port);
    const one = await issue();
    const other = await issue();
    const before = upstream.requests.length;
    const heads = [
      asking(one.secret),
      asking(one.secret),
      asking(other.secret),
      asking(one.secret, '203.0.113.10'),
      asking(one.secret).replace('api.example', 'other.example'),
      asking(one.secret).replace('GET', 'POST'),
    ];
    expect(await ask(client, ...heads)).toEqual(heads.map(() => 200));
    const seen = upstream.requests.slice(before).map((request) => ({
      method: request.method,
      token: valuesOf(request, 'X-Tollgate-Token-Id'),
      caller: valuesOf(request, 'X-Forwarded-For'),
      host: valuesOf(request, 'X-Forwarded-Host'),
    }));
    const usual = {
      method: 'GET',
      token: [one.token.id],
      caller: ['203.0.113.9, 127.0.0.1'],
      host: ['api.example'],
    };
    expect(seen).toEqual([
      usual,
      usual,
      { ...usual, token: [other.token.id] },
      { ...usual, caller: ['203.0.113.10, 127.0.0.1'] },
      { ...usual, host: ['other.example'] },
      { ...usual, method: 'POST' },
    ]);
    const ids = upstream.requests.slice(before).flatMap((request) => valuesOf(request, 'X-Request-Id'));
    expect(new Set(ids).size).toBe(heads.length);
    client.destroy();
  });

  it('nothing serves another connection', async () => {
    const [client, other] = [await RawClient.connect(port), await RawClient.connect(port)];
    const { secret } = await issue();
    expect(await ask(client, asking(secret), asking(secret))).toEqual([200, 200]);
    expect(await ask(other, get(), asking(mintSecret('tg')), get())).toEqual([403, 401, 403]);
    expect(await ask(other, asking(secret, '198.51.100.1'))).toEqual([403]);
    client.destroy();
    other.destroy();
  });

  it('a configuration that trusts no proxy any more holds on the very next request', async () => {
    const client = await RawClient.connect(port);
    const { secret } = await issue();
    expect(await ask(client, asking(secret))).toEqual([200]);
    gateway.adopt(configTrusting('192.0.2.1/32'));
    expect(await ask(client, asking(secret))).toEqual([403]);
    gateway.adopt(configTrusting('127.0.0.0/8'));
    expect(await ask(client, asking(secret))).toEqual([200]);
    client.destroy();
  });
});
