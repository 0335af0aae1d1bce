import { describe, expect, it } from 'vitest';
import { stage } from '../stage.ts';
import { answering, holding, ok, request, type Wire } from '../wire.ts';

const { gateway, upstream, client } = stage();

/** Statuses of the answers in what was received. */
function statuses({ received }: Wire): string[] {
  return [...received.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => status ?? '');
}

/** node:http reads requests ahead, and they wait; the fast transport reads the next when it can answer it. */
describe('requests that wait behind another', () => {
  const handshake = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  it('end with the one that is being answered when more come than may wait', async () => {
    const { script, next } = holding();
    const up = await upstream(script);
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /many').repeat(500));
    const { answer } = await next();
    c.send(request('GET /many').repeat(5000));
    answer(ok('the only answer'));
    expect(await c.all()).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*the only answer$/,
    );
    expect(await g.outcome(0)).toMatchObject({ decision: 'forwarded', complete: true });
    expect(up.wires.length).toBe(1);
  });

  it('to a WebSocket behind another request is refused: it needs the connection to itself', async () => {
    const up = await upstream(answering(ok('plain')));
    const g = await gateway({ upstreams: [up.origin], upgrades: () => ({ handle: () => {} }) });
    const c = await client(g);
    c.send(request('GET /a') + request('GET /socket', ...handshake));
    await c.parted;
    expect(statuses(c)).toEqual(['200', '400']);
    expect(g.outcomes[1]).toMatchObject({ decision: 'listen.bad-upgrade' });
  });
});
