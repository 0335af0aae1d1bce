import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { Http2RawClient } from '../../support/http2-frames.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { type StrictUpstream, startStrictUpstream } from '../../support/strict-upstream.ts';
import { testTls } from '../../support/test-tls.ts';

let clock: ManualClock;
let upstream: StrictUpstream;
let gateway: TestGateway;
let client: Http2RawClient;
beforeEach(async () => {
  clock = manualClock();
  upstream = await startStrictUpstream();
  gateway = await startGateway({ upstreams: [upstream.origin], clock, transport: { http2: true } });
  const { port } = await gateway.transport.listen(0, '127.0.0.1', testTls());
  client = await Http2RawClient.connect(port);
});
afterEach(async () => {
  client.destroy();
  await gateway.close();
  await upstream.close();
});

const get = (path: string) =>
  client.open([':method', 'GET', ':scheme', 'https', ':authority', 'api', ':path', path]);

/** Opens a stream whose answer has begun. @returns its number, and what ends the answer */
async function begun(): Promise<{ readonly id: number; readonly finish: () => void }> {
  let finish = () => {};
  upstream.answer = (_request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\na');
    finish = () => socket.write('b');
  };
  const id = get('/begun');
  await client.until(id, ({ body }) => body === 'a');
  return { id, finish: () => finish() };
}

describe('a connection of HTTP/2', () => {
  it('is told to go when the gateway drains, and ends when its streams have ended', async () => {
    const { id, finish } = await begun();
    const drained = gateway.transport.drain(10_000);
    await expect.poll(() => client.goaways()).toEqual([0]);
    get('/late');
    finish();
    expect(await client.until(id)).toMatchObject({ body: 'ab', whole: true });
    expect(await drained).toEqual({ finished: 1, cut: 0 });
    await client.closed;
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/begun']);
  });

  it('is cut off when the time to drain is over, and its answer is never whole', async () => {
    const { id } = await begun();
    const drained = gateway.transport.drain(10_000);
    clock.advance(10_000);
    expect(await drained).toEqual({ finished: 0, cut: 1 });
    await client.closed;
    expect(await client.until(id)).toMatchObject({ body: 'a', whole: false });
  });

  it('ends with the next answer after the last call', async () => {
    expect(await client.until(get('/first'))).toMatchObject({ status: 200, whole: true });
    expect(client.goaways()).toEqual([]);
    gateway.transport.lastCall();
    expect(await client.until(get('/last'))).toMatchObject({ status: 200, whole: true });
    await client.closed;
    expect(client.goaways()).toEqual([0]);
  });

  it('that brings no further request in time is told to go', async () => {
    expect((await client.until(get('/first'))).status).toBe(200);
    await gateway.outcome(0);
    clock.advance(6_000);
    expect(client.goaways()).toEqual([]);
    clock.advance(70_000);
    await client.closed;
    expect(client.goaways()).toEqual([0]);
  });

  it('loses the event stream of a token that may no longer act, and goes on', async () => {
    const { id } = await begun();
    expect(gateway.streams.size).toBe(1);
    await gateway.streams.recheck(() => false);
    expect(await client.until(id)).toMatchObject({ whole: false, reset: 2 });
    upstream.answer = (_request, socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    expect((await client.until(get('/next'))).status).toBe(200);
  });
});
