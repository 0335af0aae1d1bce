import { describe, expect, it } from 'vitest';
import { type Decision, reject } from '../../../src/gateway/decision.ts';
import { aPermit } from '../../support/gateway.ts';
import { stage } from './stage.ts';
import { answering, ok, request, type Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n';
const UNTIL_CLOSE = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';

/** Sends the beginning of an answer when asked, waits for its arrival, and breaks off as told. */
function breakingOff(begin: string, arrival: Promise<unknown>, breakOff: (wire: Wire) => void) {
  return async (wire: Wire) => {
    await wire.until('\r\n\r\n');
    wire.send(begin);
    await arrival;
    breakOff(wire);
  };
}

const end = ({ socket }: Wire) => socket.end();
const reset = ({ socket }: Wire) => socket.resetAndDestroy();

describe('an answer that breaks off', () => {
  const cases: readonly (readonly [name: string, begin: string, breakOff: (wire: Wire) => void])[] = [
    ['a stated length, ended short', `${LENGTH}begun`, end],
    ['a stated length, reset short', `${LENGTH}begun`, reset],
    ['chunks, ended between two', `${CHUNKED}5\r\nbegun\r\n`, end],
    ['chunks, ended inside one', `${CHUNKED}a\r\nbegun`, end],
    ['chunks, reset between two', `${CHUNKED}5\r\nbegun\r\n`, reset],
    ['chunks, then none', `${CHUNKED}5\r\nbegun\r\n`, (wire) => wire.send('no chunk\r\n')],
    ['the end of the connection, reset before', `${UNTIL_CLOSE}begun`, reset],
  ];
  for (const [name, begin, breakOff] of cases) {
    it(`never looks complete to the client: ${name}`, async () => {
      let arrived = () => {};
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const up = await upstream(breakingOff(begin, arrival, breakOff));
      const g = await gateway({ upstreams: [up.origin] });
      const c = await client(g);
      c.send(request('GET /a'));
      await c.until('begun');
      arrived();
      const all = await c.all();
      expect(all).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(all).not.toContain('0\r\n\r\n');
      if (begin.startsWith(LENGTH)) expect(all).toContain('Content-Length: 100');
      else expect(all).toContain('Transfer-Encoding: chunked');
      expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', status: 200, complete: false });
    });
  }

  it('is a reset connection to an HTTP/1.0 client, for whom an end would complete it', async () => {
    let arrived = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const up = await upstream(breakingOff(`${CHUNKED}5\r\nbegun\r\n`, arrival, end));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send('GET /a HTTP/1.0\r\n\r\n');
    await c.until('begun');
    arrived();
    expect(await c.parted).toBe('reset');
    expect(c.received).not.toContain('Transfer-Encoding');
  });
});

describe('an answer that ends with its connection', () => {
  it('is complete when the upstream ends it in order', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(`${UNTIL_CLOSE}whole`);
      wire.socket.end();
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a'));
    await c.until('5\r\nwhole\r\n0\r\n\r\n');
    expect(await g.outcome(0)).toMatchObject({ complete: true });
  });

  it('is complete for an HTTP/1.0 client when the connection ends in order', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(`${CHUNKED}5\r\nwhole\r\n0\r\n\r\n`);
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send('GET /a HTTP/1.0\r\n\r\n');
    expect(await c.parted).toBe('ended');
    expect(c.received).toMatch(/\r\n\r\nwhole$/);
  });
});

describe('an upload that breaks off', () => {
  const cases: readonly (readonly [name: string, head: string, breakOff: (wire: Wire) => void])[] = [
    ['a stated length, reset short', 'Content-Length: 100', reset],
    ['a stated length, ended short', 'Content-Length: 100', end],
    ['chunks, reset', 'Transfer-Encoding: chunked', reset],
    ['chunks, ended', 'Transfer-Encoding: chunked', end],
    ['chunks, then none', 'Transfer-Encoding: chunked', (wire) => wire.send('no chunk\r\n')],
  ];
  for (const [name, header, breakOff] of cases) {
    it(`never looks complete to the upstream: ${name}`, async () => {
      const up = await upstream(() => {});
      const g = await gateway({ upstreams: [up.origin] });
      const c = await client(g);
      c.send(request('POST /a', header));
      c.send(header.startsWith('Content') ? 'begun' : '5\r\nbegun\r\n');
      const wire = await up.wire(0);
      await wire.until('begun');
      breakOff(c);
      const all = await wire.all();
      expect(all).not.toContain('\r\n0\r\n');
      expect(all).toContain(header.startsWith('Content') ? 'length: 100\r\n' : 'encoding: chunked\r\n');
      expect(await g.outcome(0)).not.toMatchObject({ decision: 'forwarded', complete: true });
      expect(g.outcomes.length).toBe(1);
    });
  }

  it('is answered 400 where the client can still be told, and its connection closes', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('POST /a', 'Transfer-Encoding: chunked'));
    c.send('5\r\nbegun\r\n');
    await (await up.wire(0)).until('begun');
    c.send('no chunk\r\n');
    expect(await c.all()).toMatch(/^HTTP\/1\.1 400 [\s\S]*Connection: close\r\n/);
    expect(await g.outcome(0)).toMatchObject({ decision: 'listen.bad-framing', status: 400 });
  });

  it('leaves nothing behind on a connection that carries another request', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('POST /a', 'Content-Length: 100')}begun`);
    await (await up.wire(0)).until('begun');
    c.socket.destroy();
    await (await up.wire(0)).parted;
    const other = await client(g);
    other.send(request('GET /b'));
    await (await up.wire(1)).until('GET /b ');
    expect(up.wires[0]?.received).not.toContain('GET /b');
  });
});

describe('a client that goes away', () => {
  it('cancels the request at the upstream while that has not answered', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a'));
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    c.socket.destroy();
    await wire.parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', status: 0, complete: false });
  });

  it('cancels the request at the upstream when it ends its side of the connection', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a'));
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    c.socket.end();
    await wire.parted;
    expect(await g.outcome(0)).toMatchObject({ status: 0, complete: false });
  });

  it('cancels the answer at the upstream while it is coming', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send(`${CHUNKED}5\r\nbegun\r\n`);
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a'));
    await c.until('begun');
    c.socket.destroy();
    await (await up.wire(0)).parted;
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', status: 200, complete: false });
    expect(g.upstreams.targets()).toMatchObject([{ busy: 0, health: 'up' }]);
  });

  it('is not said to have been answered when its answer comes in the same turn', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a'));
    const wire = await up.wire(0);
    await wire.until('\r\n\r\n');
    c.socket.destroy();
    wire.send(ok('late'));
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', complete: false });
    expect(g.upstreams.targets()).toMatchObject([{ busy: 0, health: 'up' }]);
  });

  it('is not said to have been answered, and has nothing more asked, when it leaves while its answer waits to be written', async () => {
    const body = 'a'.repeat(64_000);
    const up = await upstream(answering(ok(body)));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.socket.pause();
    const asked = 120;
    // So much that it is not read to its end, where it could be seen to leave.
    c.send(request('GET /a', `X-Long: ${'a'.repeat(4_000)}`).repeat(asked));
    let taken = -1;
    while (taken !== g.outcomes.length) {
      taken = g.outcomes.length;
      for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    }
    c.socket.resetAndDestroy();
    await expect.poll(() => g.transport.open).toBe(0);
    expect(taken).toBeLessThan(asked);
    expect(g.outcomes.slice(taken).map(({ complete }) => complete)).toEqual([false]);
  });

  for (const [name, decide] of [
    ['permits', aPermit],
    ['rejects', () => reject('resolve.unknown')],
  ] as const) {
    it(`is not forwarded, and accounted for once, when the gate ${name} after it has gone`, async () => {
      let answer: (decision: Decision) => void = () => {};
      let asked = () => {};
      const asking = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const up = await upstream(() => {});
      const g = await gateway({
        upstreams: [up.origin],
        gate: () => {
          asked();
          return new Promise((resolve) => {
            answer = resolve;
          });
        },
      });
      const c = await client(g);
      c.send(request('GET /a'));
      await asking;
      c.socket.destroy();
      while (g.transport.open > 0) await new Promise(setImmediate);
      expect(g.outcomes.length).toBe(0);
      const decision = decide();
      answer(decision);
      const expected = decision.kind === 'permit' ? 'forwarded' : decision.code;
      expect(await g.outcome(0)).toMatchObject({ decision: expected, status: 0, complete: false });
      expect(up.wires.length).toBe(0);
    });
  }
});

describe('an upload that the upstream answers early', () => {
  it('has its answer passed on while the client still sends', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('begun');
      wire.send('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig');
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('POST /a', 'Content-Length: 1000000')}begun`);
    await c.until('\r\n\r\nbig');
    expect(c.received).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n/);
    c.send('x'.repeat(1000));
    expect(await c.parted).toBe('ended');
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', status: 413, complete: true });
  });

  it('never has what it still sends taken for another request', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('begun');
      wire.send(ok('early'));
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    const smuggled = request('GET /smuggled');
    c.send(`${request('POST /a', `Content-Length: ${5 + smuggled.length}`)}begun`);
    await c.until('early');
    c.send(smuggled + request('GET /behind'));
    await c.parted;
    expect(g.outcomes.map(({ arrival }) => arrival?.path)).toEqual(['/a']);
    expect(up.wires.length).toBe(1);
    expect(up.wires[0]?.received).not.toContain('GET ');
  });
});
