import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BodyTurnover, youngCollection } from '../../../src/gateway/transport/general/body-turnover.ts';
import {
  block,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  Http2RawClient,
  type StreamEnd,
} from '../../support/http2-frames.ts';

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024);
const BIG = 96 * MIB;
const MOST_GROWTH = 64 * MIB;

let upstream: Server;
let gateway: ChildProcess;
let port = 0;
/** Asks for connections that stay, as the fast transport wants them. */
const agent = new Agent({ keepAlive: true });

/** Writes BIG bytes at the pace of whoever reads. */
function pour(sink: NodeJS.WritableStream): void {
  let written = 0;
  const more = () => {
    while (written < BIG) {
      written += PIECE.length;
      if (!sink.write(PIECE)) {
        sink.once('drain', more);
        return;
      }
    }
    sink.end();
  };
  more();
}

async function lengthOf(message: NodeJS.ReadableStream): Promise<number> {
  let length = 0;
  for await (const chunk of message) length += chunk.length;
  return length;
}

async function ask(message: string): Promise<{ grown: number }> {
  gateway.send(message);
  const [answer] = await once(gateway, 'message');
  return answer;
}

describe.each(['general', 'fast'])('the memory of a gateway on the %s transport', (transport) => {
  beforeAll(async () => {
    upstream = createServer((req, res) => {
      if (req.method === 'GET') pour(res);
      else void lengthOf(req).then((length) => res.end(String(length)));
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    gateway = fork(join(import.meta.dirname, 'memory-gateway.ts'), [origin, transport]);
    const [started] = await once(gateway, 'message');
    port = started.port;
  });

  afterAll(() => {
    agent.destroy();
    gateway.disconnect();
    upstream.closeAllConnections();
    upstream.close();
  });

  it('grows by less than 64 MiB while a body of 96 MiB goes up', async () => {
    await ask('begin');
    const req = request({ port, method: 'POST', path: '/up', agent });
    pour(req);
    const [res]: IncomingMessage[] = await once(req, 'response');
    expect(Number((await res?.toArray())?.join(''))).toBe(BIG);
    expect((await ask('end')).grown).toBeLessThan(MOST_GROWTH);
  });

  it('grows by less than 64 MiB while a body of 96 MiB comes down', async () => {
    await ask('begin');
    const [res]: IncomingMessage[] = await once(get({ port, path: '/down', agent }), 'response');
    if (res === undefined) throw new Error('no response');
    expect(await lengthOf(res)).toBe(BIG);
    expect((await ask('end')).grown).toBeLessThan(MOST_GROWTH);
  });

  it('grows by less than 64 MiB for twenty clients that do not read what they asked for', async () => {
    await ask('begin');
    const stuck: IncomingMessage[] = [];
    for (let client = 0; client < 20; client += 1) {
      const [res]: IncomingMessage[] = await once(get({ port, path: '/stuck', agent }), 'response');
      if (res !== undefined) stuck.push(res);
    }
    const [res]: IncomingMessage[] = await once(get({ port, path: '/down', agent }), 'response');
    if (res !== undefined) await lengthOf(res);
    expect((await ask('end')).grown).toBeLessThan(MOST_GROWTH);
    for (const each of stuck) each.destroy();
  });
});

describe('the memory of a gateway over HTTP/2', () => {
  const PINGS = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
  const LARGE = frame(99, 0, 0, 'a'.repeat(16_000));
  const headers = [':method', 'POST', ':scheme', 'https', ':authority', 'api', ':path', '/stuck'];
  const HEAD = block(headers);
  /** What may be sent without end, and what wants an answer that nobody reads. */
  const kinds: readonly ((client: Http2RawClient) => Buffer)[] = [
    () => PINGS,
    () => frame(FRAME.settings, 0, 0),
    () => frame(FRAME.windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1)),
    () => LARGE,
    (client) => frame(FRAME.headers, END_HEADERS, client.stream(), HEAD),
    (client) => frame(FRAME.headers, END_HEADERS | END_STREAM, client.stream(), HEAD),
  ];

  it('grows by less than 64 MiB for floods of frames whose senders read nothing', async () => {
    upstream = createServer((_req, res) => pour(res)).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    gateway = fork(join(import.meta.dirname, 'memory-gateway.ts'), [origin, 'http2']);
    const [started] = await once(gateway, 'message');
    await ask('begin');
    const clients: Http2RawClient[] = [];
    for (const kind of kinds) {
      for (let at = 0; at < 3; at += 1) {
        const client = await Http2RawClient.connect(started.port);
        clients.push(client);
        client.socket.pause();
        for (let sent = 0; sent < 2_000; sent += 100) {
          client.send(...Array.from({ length: 100 }, () => kind(client)));
          await new Promise(setImmediate);
        }
      }
    }
    const last = await Http2RawClient.connect(started.port);
    const status = ({ statuses }: StreamEnd) => statuses.length > 0;
    expect((await last.until(last.open(headers), status)).statuses).toEqual([200]);
    expect((await ask('end')).grown).toBeLessThan(MOST_GROWTH);
    for (const client of [...clients, last]) client.destroy();
    gateway.disconnect();
    upstream.closeAllConnections();
    upstream.close();
  });
});

describe('the buffers of bodies', () => {
  it('are collected once for every 16 MiB that have passed, however they came', () => {
    let collections = 0;
    const turnover = new BodyTurnover(() => {
      collections += 1;
    });
    for (let passed = 0; passed < 64 * MIB; passed += 1000) turnover.passed(1000);
    expect(collections).toBe(3);
    turnover.passed(16 * MIB);
    expect(collections).toBe(4);
  });

  it('are collected by themselves in this runtime, and not with everything else', async () => {
    const collect = youngCollection();
    const kinds: unknown[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        kinds.push((entry as PerformanceEntry & { detail: { kind: number } }).detail.kind);
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    for (let collection = 0; collection < 50; collection += 1) collect();
    const minor = () => kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length;
    // V8 collects by itself meanwhile, too.
    const others = 10;
    while (minor() < 50 && kinds.length < 50 + others) await new Promise(setImmediate);
    observer.disconnect();
    expect(minor()).toBeGreaterThanOrEqual(50);
  });
});
