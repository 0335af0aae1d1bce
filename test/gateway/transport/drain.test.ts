import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../support/manual-clock.ts';
import { stage } from './stage.ts';
import { answering, holding, ok, request } from './wire.ts';

const { gateway, upstream, client } = stage();

describe('a transport that is told to stop', () => {
  it('lets requests under way end, says that it closes, and tells how many there were', async () => {
    const { script, next } = holding();
    const g = await gateway({ upstreams: [(await upstream(script)).origin] });
    const clients = [await client(g), await client(g), await client(g)];
    for (const c of clients) c.send(request('GET /a'));
    const held = [await next(), await next(), await next()];
    const drained = g.transport.drain(60_000);
    for (const { answer } of held) answer(ok('in time'));
    for (const c of clients) {
      expect(await c.all()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*in time$/);
    }
    expect(await drained).toEqual({ finished: 3, cut: 0 });
  });

  it('closes a connection whose answer had begun when the answer ends', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('\r\n\r\n');
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun');
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /a'));
    await c.until('begun');
    const drained = g.transport.drain(60_000);
    (await up.wire(0)).send('ended');
    expect(await c.all()).toMatch(/begunended$/);
    expect(await drained).toEqual({ finished: 1, cut: 0 });
  });

  it('answers what it had taken, and takes nothing more', async () => {
    const { script, next } = holding();
    const g = await gateway({ upstreams: [(await upstream(script)).origin] });
    const c = await client(g);
    c.send(request('GET /1') + request('GET /2'));
    const first = await next();
    const drained = g.transport.drain(60_000);
    c.send(request('GET /3'));
    first.answer(ok('answer 1'));
    (await next()).answer(ok('answer 2'));
    const all = await c.all();
    expect(all.match(/answer \d/g)).toEqual(['answer 1', 'answer 2']);
    expect(all.split('Connection: close').length).toBe(2);
    await drained;
    expect(g.outcomes.map(({ arrival }) => arrival?.path)).toEqual(['/1', '/2']);
  });

  it('still hears that a request under way is broken', async () => {
    const up = await upstream(() => {});
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(`${request('POST /a', 'Transfer-Encoding: chunked')}5\r\nbegun\r\n`);
    await (await up.wire(0)).until('begun');
    const drained = g.transport.drain(60_000);
    c.send('no chunk\r\n');
    expect(await c.all()).toMatch(/^HTTP\/1\.1 400 /);
    expect(await drained).toEqual({ finished: 1, cut: 0 });
  });

  it('closes connections without a request at once', async () => {
    const g = await gateway({ upstreams: [(await upstream(answering(ok('fine')))).origin] });
    const silent = await client(g);
    const idle = await client(g);
    idle.send(request('GET /a'));
    await idle.until('fine');
    await g.outcome(0);
    expect(await g.transport.drain(60_000)).toEqual({ finished: 0, cut: 0 });
    await silent.parted;
    await idle.parted;
  });

  it('does not wait for WebSockets, which are ended by who carries them', async () => {
    const up = await upstream(answering(ok('never')));
    let handed: () => void = () => {};
    const handing = new Promise<void>((resolve) => {
      handed = resolve;
    });
    const g = await gateway({ upstreams: [up.origin], upgrades: () => ({ handle: () => handed() }) });
    const c = await client(g);
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    c.send(request('GET /', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key));
    await handing;
    expect(await g.transport.drain(60_000)).toEqual({ finished: 0, cut: 0 });
    c.socket.destroy();
  });

  it('may give a last call before: each answer then closes its connection, and new ones are still taken', async () => {
    const g = await gateway({ upstreams: [(await upstream(answering(ok('fine')))).origin] });
    const early = await client(g);
    early.send(request('GET /a'));
    await early.until('fine');
    expect(early.received).not.toContain('Connection: close');
    g.transport.lastCall();
    early.send(request('GET /b'));
    expect((await early.all()).split('Connection: close\r\n').length).toBe(2);
    const late = await client(g);
    late.send(request('GET /c'));
    expect(await late.all()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*fine$/);
    expect(g.outcomes.map(({ complete }) => complete)).toEqual([true, true, true]);
  });

  it('takes what comes behind an answer that had begun before the last call', async () => {
    const up = await upstream(async (wire) => {
      await wire.until('GET /1 ');
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun');
      await wire.until('GET /2 ');
      wire.send(ok('answer 2'));
    });
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /1'));
    await c.until('begun');
    g.transport.lastCall();
    (await up.wire(0)).send('ended');
    await c.until('begunended');
    c.send(request('GET /2'));
    expect(await c.all()).toMatch(/Connection: close\r\n[\s\S]*answer 2$/);
  });

  it('takes no new connection', async () => {
    const g = await gateway({ upstreams: [(await upstream(answering(ok('fine')))).origin] });
    await g.transport.drain(60_000);
    const socket = connect({ port: g.port, host: '127.0.0.1' });
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    expect(refused.code).toBe('ECONNREFUSED');
  });

  it('cuts off what is left when the time is over, and tells how many', async () => {
    const clock = manualClock();
    const { script, next } = holding();
    const up = await upstream(script);
    const g = await gateway({ upstreams: [up.origin], clock });
    const late = await client(g);
    late.send(request('GET /late'));
    await next();
    const early = await client(g);
    early.send(request('GET /early'));
    const { answer } = await next();
    const drained = g.transport.drain(5_000);
    answer(ok('in time'));
    expect(await early.all()).toMatch(/in time$/);
    clock.advance(5_000);
    expect(await drained).toEqual({ finished: 1, cut: 1 });
    expect(await late.all()).toBe('');
    await (await up.wire(0)).parted;
    expect(await g.outcomeOf('/late')).toMatchObject({ decision: 'forwarded', complete: false });
  });
});
