import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { TestGateway } from '../../support/gateway.ts';
import { stage } from './stage.ts';
import { request } from './wire.ts';

const { gateway, upstream, client } = stage();

const MIB = 1024 * 1024;
const BIG = 40 * MIB;
/** Far more than the socket buffers of the system on the way take, and clearly less than BIG. */
const BOUND = 32 * MIB;
/** No two stretches of it are alike, so that bytes that are lost or change places are seen. */
const PIECE = randomBytes(64 * 1024);

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function nodeUpstream(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Something whose bytes can be counted as they leave. */
interface Sink {
  write(piece: Buffer, done: () => void): unknown;
  end(): unknown;
}

/** Writes BIG bytes, each piece when the one before has left; `sent` tells how many have. */
function pour(sink: Sink): { readonly sent: () => number; readonly checksum: Promise<number> } {
  let checksum = 0;
  let sent = 0;
  const poured = new Promise<number>((resolve) => {
    const next = () => {
      if (sent === BIG) {
        sink.end();
        resolve(checksum);
        return;
      }
      checksum = crc32(PIECE, checksum);
      sink.write(PIECE, () => {
        sent += PIECE.length;
        next();
      });
    };
    next();
  });
  return { sent: () => sent, checksum: poured };
}

async function checksumOf(message: IncomingMessage): Promise<number> {
  let checksum = 0;
  for await (const chunk of message) checksum = crc32(chunk, checksum);
  return checksum;
}

/** Lets the gateway do all it wants to: whatever it can move, it has moved while it served these. */
async function othersServed({ origin }: TestGateway): Promise<void> {
  for (let served = 0; served < 50; served += 1) await (await fetch(`${origin}/other`)).text();
}

/** What a sender has sent when it has come to a stand. */
async function atStandstill(gatewayUnderTest: TestGateway, sent: () => number): Promise<number> {
  for (let before = -1; before !== sent(); ) {
    before = sent();
    await othersServed(gatewayUnderTest);
  }
  return sent();
}

describe('a large body', () => {
  for (const framing of ['content-length', 'chunked'] as const) {
    it(`goes up no faster than the upstream reads it, and arrives whole (${framing})`, async () => {
      let stalled: (req: IncomingMessage) => void = () => {};
      const reading = new Promise<IncomingMessage>((resolve) => {
        stalled = resolve;
      });
      const origin = await nodeUpstream((req, res) => {
        if (req.url === '/other') res.end();
        else {
          stalled(req);
          req.on('end', () => res.end('done'));
        }
      });
      const g = await gateway({ upstreams: [origin] });
      const headers = framing === 'chunked' ? {} : { 'Content-Length': BIG };
      const req = httpRequest(`${g.origin}/upload`, { method: 'POST', headers });
      const { sent, checksum } = pour(req);
      const arriving = await reading;
      expect(await atStandstill(g, sent)).toBeLessThan(BOUND);
      const arrived = checksumOf(arriving);
      const [res]: IncomingMessage[] = await once(req, 'response');
      res?.resume();
      expect(await arrived).toBe(await checksum);
      expect(await g.outcomeOf('/upload')).toMatchObject({ status: 200, complete: true });
    });

    it(`comes down no faster than the client reads it, and arrives whole (${framing})`, async () => {
      let pouring: (poured: ReturnType<typeof pour>) => void = () => {};
      const begun = new Promise<ReturnType<typeof pour>>((resolve) => {
        pouring = resolve;
      });
      const origin = await nodeUpstream((req, res) => {
        if (req.url === '/other') {
          res.end();
          return;
        }
        if (framing === 'content-length') res.setHeader('Content-Length', BIG);
        pouring(pour(res));
      });
      const g = await gateway({ upstreams: [origin] });
      const req = get(`${g.origin}/download`);
      const [res]: IncomingMessage[] = await once(req, 'response');
      if (res === undefined) throw new Error('no response');
      const { sent, checksum } = await begun;
      expect(await atStandstill(g, sent)).toBeLessThan(BOUND);
      expect(await checksumOf(res)).toBe(await checksum);
    });
  }

  it('passes as it is, whatever its content coding', async () => {
    const zipped = gzipSync('x'.repeat(100_000));
    const origin = await nodeUpstream((_req, res) => {
      res.writeHead(200, ['Content-Encoding', 'gzip', 'Content-Length', String(zipped.length)]);
      res.end(zipped);
    });
    const g = await gateway({ upstreams: [origin] });
    const [res]: IncomingMessage[] = await once(get(`${g.origin}/`), 'response');
    expect(Buffer.concat((await res?.toArray()) ?? [])).toEqual(zipped);
    expect(res?.headers['content-encoding']).toBe('gzip');
  });
});

describe('an event stream', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';

  it('has its head passed on before there is any event', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(HEAD);
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /events'));
    await c.until('\r\n\r\n');
    expect(c.received).toContain('Content-Type: text/event-stream');
  });

  it('has each event passed on before the next is sent', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(HEAD);
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /events'));
    await c.until('\r\n\r\n');
    const wire = await up.wire(0);
    for (let event = 1; event <= 5; event += 1) {
      wire.send(`9\r\ndata: ${event}\n\n\r\n`);
      await c.until(`data: ${event}\n\n`);
    }
    wire.send('0\r\n\r\n');
    await c.until('0\r\n\r\n');
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', complete: true });
  });

  it('ends when its token may no longer act, and does not look complete', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(`${HEAD}9\r\ndata: 1\n\n\r\n`);
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /events'));
    await c.until('data: 1');
    expect(await g.streams.recheck(() => false)).toBe(1);
    expect(await c.all()).not.toContain('0\r\n\r\n');
    await (await up.wire(0)).parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', complete: false });
  });

  it('is forgotten when it ends by itself', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(`${HEAD}0\r\n\r\n`);
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /events'));
    await g.outcome(0);
    expect(g.streams.size).toBe(0);
  });
});

describe('a conversation', () => {
  it('flows both ways at once: the answer to the first part comes before the second part is sent', async () => {
    const origin = await nodeUpstream((req, res) => {
      req.on('data', (chunk) => res.write(chunk));
      req.on('end', () => res.end());
    });
    const g = await gateway({ upstreams: [origin] });
    const c = await client(g);
    c.send(request('POST /echo', 'Transfer-Encoding: chunked'));
    for (const part of ['first', 'other', 'third']) {
      c.send(`5\r\n${part}\r\n`);
      await c.until(part);
    }
    c.send('0\r\n\r\n');
    await c.until('0\r\n\r\n');
    expect(await g.outcome(0)).toMatchObject({ complete: true });
  });
});
