import { describe, expect, it } from 'vitest';
import { NOBODY } from '../../support/nobody.ts';
import { stage } from './stage.ts';
import { answering, ok, request, type ScriptedUpstream, type Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

const endUnanswered = async (wire: Wire) => {
  await wire.until('\r\n\r\n');
  wire.socket.end();
};
const resetUnanswered = async (wire: Wire) => {
  await wire.until('\r\n\r\n');
  wire.socket.resetAndDestroy();
};
const breakOff = async (wire: Wire) => {
  await wire.until('\r\n\r\n');
  wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun');
  wire.socket.end();
};
const speakNonsense = async (wire: Wire) => {
  await wire.until('\r\n\r\n');
  wire.send('nonsense\r\n\r\n');
};

/** How many requests have reached an upstream. */
const seen = ({ wires }: ScriptedUpstream) =>
  wires.reduce((count, { received }) => count + received.split(' HTTP/1.1\r\n').length - 1, 0);

/** A gateway that always tries the first of the two targets first. */
async function before(first: Pick<ScriptedUpstream, 'origin'>, second: ScriptedUpstream) {
  const clockless = { upstreams: [first.origin, second.origin] };
  const g = await gateway({ ...clockless, upstream: { failures: 1000 } });
  const { choose } = g.upstreams;
  g.upstreams.choose = (path, except) => choose(path, except ?? second.origin);
  return g;
}

describe('a request that its target did not answer', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
    for (const [name, script] of [
      ['ended', endUnanswered],
      ['reset', resetUnanswered],
    ] as const) {
      it(`goes to another, once, when the connection was ${name}: ${method}`, async () => {
        const first = await upstream(script);
        const second = await upstream(answering('HTTP/1.1 204 No Content\r\n\r\n'));
        const g = await before(first, second);
        const c = await client(g);
        c.send(request(`${method} /a`, 'Connection: close'));
        expect(await c.all()).toMatch(/^HTTP\/1\.1 204 /);
        expect([seen(first), seen(second)]).toEqual([1, 1]);
        expect(g.outcomes).toMatchObject([{ decision: 'forwarded', status: 204 }]);
      });
    }
  }

  it('goes to another, with its body, when the connection could not be made: nothing was sent', async () => {
    const second = await upstream(async (wire) => {
      await wire.until('whole body');
      wire.send(ok('fine'));
    });
    const g = await before({ origin: NOBODY }, second);
    const c = await client(g);
    c.send(`${request('POST /a', 'Content-Length: 10', 'Connection: close')}whole body`);
    expect(await c.all()).toMatch(/^HTTP\/1\.1 200 /);
    expect(seen(second)).toBe(1);
  });

  it('is tried no more often than configured', async () => {
    const first = await upstream(endUnanswered);
    const second = await upstream(endUnanswered);
    const g = await before(first, second);
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 502 /);
    expect(seen(first) + seen(second)).toBe(2);
    expect(g.outcomes).toMatchObject([{ decision: 'forward.reset', status: 502 }]);
  });

  it('goes to the same target again when there is no other', async () => {
    const up = await upstream((wire, index) =>
      index === 0 ? endUnanswered(wire) : answering(ok('fine'))(wire),
    );
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 200 /);
    expect(up.wires.length).toBe(2);
  });

  it('goes over a new connection when all that were kept have ended together', async () => {
    const up = await upstream((wire, index) => (index < 2 ? wire : answering(ok('last'))(wire)));
    const g = await gateway({ upstreams: [up.origin] });
    const clients = [await client(g), await client(g)];
    for (const c of clients) c.send(request('GET /first'));
    const kept = [await up.wire(0), await up.wire(1)];
    for (const wire of kept) {
      await wire.until('\r\n\r\n');
      wire.send(ok('first'));
    }
    for (const c of clients) await c.until('first');
    // They are kept once the event loop has come round.
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    clients[0]?.send(request('GET /last'));
    await Promise.race(kept.map((wire) => wire.until('GET /last ')));
    const [asked, ...others] = kept.toSorted(({ received }) => (received.includes('GET /last ') ? -1 : 1));
    asked?.socket.destroy();
    for (const { socket } of others) socket.destroy();
    await clients[0]?.until('\r\n\r\nlast');
    expect(up.wires.length).toBe(3);
    expect(g.outcomes.at(-1)).toMatchObject({ decision: 'forwarded', status: 200, tries: 2 });
  });

  const once: readonly (readonly [
    name: string,
    head: string,
    script: (wire: Wire) => unknown,
    status: string,
  ])[] = [
    ['a POST may have done its work', request('POST /a', 'Connection: close'), endUnanswered, '502'],
    ['a PATCH may have done its work', request('PATCH /a', 'Connection: close'), resetUnanswered, '502'],
    [
      'a body is not kept for a repeat',
      `${request('PUT /a', 'Content-Length: 4', 'Connection: close')}body`,
      endUnanswered,
      '502',
    ],
    ['its answer had begun', request('GET /a', 'Connection: close'), breakOff, '200'],
    ['its answer was nonsense', request('GET /a', 'Connection: close'), speakNonsense, '502'],
  ];
  for (const [name, head, script, status] of once) {
    it(`is never sent twice: ${name}`, async () => {
      const first = await upstream(script);
      const second = await upstream(answering(ok('second')));
      const g = await before(first, second);
      const c = await client(g);
      c.send(head);
      expect(await c.all()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      await g.outcome(0);
      expect([seen(first), seen(second)]).toEqual([1, 0]);
    });
  }

  it('is not tried again when it was too slow: the client has waited enough', async () => {
    const first = await upstream(() => {});
    const second = await upstream(answering(ok('second')));
    const g = await gateway({ upstreams: [first.origin, second.origin], upstream: { headTimeoutMs: 50 } });
    const { choose } = g.upstreams;
    g.upstreams.choose = (path, except) => choose(path, except ?? second.origin);
    const c = await client(g);
    c.send(request('GET /a', 'Connection: close'));
    expect(await c.all()).toMatch(/^HTTP\/1\.1 504 /);
    expect(seen(second)).toBe(0);
  });
});
