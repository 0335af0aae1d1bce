import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { reject } from '../../../src/gateway/decision.ts';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { createGeneralTransport } from '../../../src/gateway/transport/general/server.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { stage } from './stage.ts';
import { answering, dial, ok, request, Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

const fine = () => upstream(answering(ok('fine')));

describe('a request head', () => {
  it('that does not arrive in time is a 408', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin], limits: { headTimeoutMs: 50 } });
    const c = await client(g);
    c.send('GET / HTTP/1.1\r\nHost: a\r\nX-A: ');
    expect(await c.all()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*Connection: close\r\n/);
    expect(g.outcomes).toMatchObject([{ arrival: null, decision: 'listen.timeout', status: 408 }]);
  });

  it('is waited for no longer on a connection that says nothing at all', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin], limits: { headTimeoutMs: 50 } });
    const c = await client(g);
    expect(await c.all()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('larger than allowed is a 431', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin], limits: { headSize: 2048 } });
    const c = await client(g);
    c.send(request('GET /', `X-A: ${'a'.repeat(2048)}`));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('with more headers than allowed is a 431, however many there are', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin], limits: { headSize: 65_536 } });
    for (const count of [101, 2_005]) {
      const c = await client(g);
      c.send(request('GET /', ...Array<string>(count).fill('a:'), 'Transfer-Encoding: chunked'));
      expect(await c.all()).toMatch(/^HTTP\/1\.1 431 /);
    }
  });

  it('with a longer target than allowed is a 414', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin], head: { maxTargetLength: 100 } });
    const c = await client(g);
    c.send(request(`GET /${'a'.repeat(100)}`));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 414 /);
  });
});

describe('a request body', () => {
  it('that says it is larger than allowed is a 413 before anybody is asked', async () => {
    const up = await fine();
    let asked = 0;
    const g = await gateway({
      upstreams: [up.origin],
      limits: { bodySize: 1000 },
      gate: () => {
        asked += 1;
        return reject('resolve.unknown');
      },
    });
    const c = await client(g);
    c.send(request('POST /', 'Content-Length: 1001'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 413 /);
    expect(asked).toBe(0);
    expect(g.outcomes).toMatchObject([{ decision: 'listen.body-too-large', status: 413 }]);
  });

  it('that turns out larger than allowed is a 413, and never complete for the upstream', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin], limits: { bodySize: 1000 } });
    const c = await client(g);
    c.send(request('POST /', 'Transfer-Encoding: chunked'));
    c.send(`3e8\r\n${'a'.repeat(1000)}\r\n`);
    const wire = await up.wire(0);
    await wire.until('a'.repeat(1000));
    c.send('6\r\nbeyond\r\n0\r\n\r\n');
    expect(await c.all()).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n/);
    expect(await wire.all()).not.toMatch(/beyond|\r\n0\r\n/);
    expect(await g.outcome(0)).toMatchObject({ decision: 'listen.body-too-large', status: 413 });
  });

  it('of exactly the largest size passes', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('aaaa\r\n0\r\n\r\n');
      wire.send(ok('fine'));
    });
    const g = await gateway({ upstreams: [up.origin], limits: { bodySize: 4 } });
    const c = await client(g);
    c.send(`${request('POST /', 'Transfer-Encoding: chunked')}4\r\naaaa\r\n0\r\n\r\n`);
    await c.until('fine');
  });

  it.each([1_000, 100_000])(
    'of %i bytes that arrives slower than allowed is a 408, and never complete for the upstream',
    async (bytes) => {
      const clock = manualClock();
      const up = await upstream(() => {});
      const g = await gateway({ upstreams: [up.origin], clock, limits: { bodyMinRate: 100 } });
      const c = await client(g);
      c.send(`${request('POST /', `Content-Length: ${bytes}`)}begun`);
      const wire = await up.wire(0);
      await wire.until('begun');
      clock.advance(4_000);
      expect(c.received).toBe('');
      clock.advance(1_000);
      expect(await c.all()).toMatch(/^HTTP\/1\.1 408 [\s\S]*Connection: close\r\n/);
      await wire.parted;
      expect(await g.outcome(0)).toMatchObject({ decision: 'listen.timeout', status: 408 });
    },
  );

  it('that keeps the least rate may take any time', async () => {
    const clock = manualClock();
    const up = await upstream(async (wire) => {
      await wire.until('last');
      wire.send(ok('fine'));
    });
    const g = await gateway({ upstreams: [up.origin], clock, limits: { bodyMinRate: 100 } });
    const c = await client(g);
    const pieces = 20;
    c.send(request('POST /', `Content-Length: ${pieces * 500 + 4}`));
    const wire = await up.wire(0);
    for (let piece = 1; piece <= pieces; piece += 1) {
      c.send(`${'a'.repeat(499)}.`);
      await wire.until('a.', piece);
      clock.advance(5_000);
    }
    c.send('last');
    await c.until('fine');
  });

  it('that waits for an upstream which does not read is not held against its client', async () => {
    const clock = manualClock();
    const up = await upstream(({ socket }) => socket.pause());
    const g = await gateway({
      upstreams: [up.origin],
      clock,
      limits: { bodyMinRate: 1024 ** 2 },
      upstream: { headTimeoutMs: 3_600_000 },
    });
    const c = await client(g);
    c.send(request('POST /', 'Content-Length: 100000000'));
    // Written until nobody takes any more.
    const piece = Buffer.alloc(1024 ** 2);
    let written = 0;
    let taken = 0;
    const write = () =>
      c.socket.write(piece, () => {
        taken += 1;
        if (written < 64) {
          written += 1;
          write();
        }
      });
    write();
    for (let before = -1; before !== taken; ) {
      before = taken;
      const other = await client(g);
      other.send('garbage\r\n\r\n');
      await other.parted;
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    }
    expect(taken).toBeLessThan(64);
    clock.advance(60_000);
    const other = await client(g);
    other.send('garbage\r\n\r\n');
    await other.parted;
    expect(c.received).toBe('');
    expect(g.outcomes.filter(({ decision }) => decision === 'listen.timeout')).toEqual([]);
  });

  it('that was refused is read no longer than a head may take', async () => {
    const clock = manualClock();
    const g = await gateway({
      upstreams: [(await fine()).origin],
      clock,
      limits: { headTimeoutMs: 5_000 },
      gate: () => reject('resolve.unknown'),
    });
    const c = await client(g);
    c.send(`${request('POST /', 'Content-Length: 100')}begun`);
    await c.until('E0000011');
    await g.outcome(0);
    while (g.transport.open === 1 && clock.now() < Date.UTC(2026, 0, 1, 0, 0, 6)) {
      clock.advance(1_000);
      await new Promise(setImmediate);
    }
    await c.parted;
    expect(g.transport.open).toBe(0);
  });
});

describe('a client that does not read', () => {
  it('is cut off when its answer has waited too long, and the upstream is let go', async () => {
    const clock = manualClock();
    const piece = 'a'.repeat(1024 ** 2);
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const write = () => wire.socket.write(piece, 'latin1', () => !wire.socket.destroyed && write());
      write();
    });
    const g = await gateway({ upstreams: [up.origin], clock, limits: { stallTimeoutMs: 30_000 } });
    const c = await client(g);
    c.send(request('GET /'));
    await c.until('\r\n\r\n');
    c.socket.pause();
    const wire = await up.wire(0);
    for (let before = -1; before !== wire.socket.bytesWritten; ) {
      before = wire.socket.bytesWritten;
      for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    }
    clock.advance(32_000);
    await wire.parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', status: 200, complete: false });
    c.socket.resume();
    await c.parted;
  });
});

describe('connections', () => {
  it('beyond the most that may be open are closed as they come', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin], limits: { maxConnections: 2 } });
    const open = [await client(g), await client(g)];
    for (const c of open) c.send(request('GET /'));
    await up.wire(1);
    const third = await dial(g.port);
    await third.parted;
    expect(third.received).toBe('');
    expect(g.transport.open).toBe(2);
  });

  it('beyond the most of one address are closed as they come; others, and trusted proxies, still find a place', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await gateway({
      upstreams: [up.origin],
      limits: { maxConnectionsPerAddress: 2 },
      transport: { isTrusted: (peer) => peer === '127.0.0.3' },
    });
    const from = async (localAddress: string) => {
      const wire = new Wire(connect({ port: g.port, host: '127.0.0.1', localAddress }));
      wire.send(request('GET /'));
      return wire;
    };
    const open = [await client(g), await client(g)];
    for (const c of open) {
      c.send(request('GET /'));
      await c.until('fine');
    }
    const third = await client(g);
    await third.parted;
    expect(third.received).toBe('');
    const others = ['127.0.0.2', '127.0.0.3', '127.0.0.3', '127.0.0.3'];
    for (const address of others) {
      const wire = await from(address);
      await wire.until('fine');
      open.push(wire);
    }
    open[0]?.socket.destroy();
    await expect.poll(() => g.transport.open).toBe(5);
    const fourth = await client(g);
    fourth.send(request('GET /'));
    await fourth.until('fine');
    for (const { socket } of open) socket.destroy();
  });

  it.each([
    ['general', createGeneralTransport],
    ['fast', createFastTransport],
  ])('are told of once each by the %s transport, however much is asked on them', async (_, create) => {
    const up = await upstream(answering(ok('fine')));
    const peers: string[] = [];
    const onConnection = (peer: string) => void peers.push(peer);
    const g = await gateway({ create, upstreams: [up.origin], transport: { onConnection } });
    for (const c of [await client(g), await client(g)]) {
      // What only the general transport carries comes behind what both do.
      for (const head of [request('GET /'), request('POST /', 'Expect: 100-continue', 'Content-Length: 0')]) {
        c.send(head);
        await c.until('fine');
        c.received = '';
      }
    }
    expect(peers).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  it('are not accepted where something else listens: that is told to whoever wanted it, and is no bug', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin] });
    await expect(g.transport.listen(g.port, '127.0.0.1')).rejects.toThrow('EADDRINUSE');
    expect(g.bugs).toEqual([]);
  });

  it('are closed when nothing is asked on them for long', async () => {
    const g = await gateway({ upstreams: [(await fine()).origin], limits: { idleTimeoutMs: 1 } });
    const c = await client(g);
    c.send(request('GET /'));
    await c.until('fine');
    expect(await c.parted).toBe('ended');
  });
});
