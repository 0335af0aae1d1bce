import { describe, expect, it } from 'vitest';
import { stage } from '../stage.ts';
import { answering, ok, request, type Wire } from '../wire.ts';

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
  it('may be more than wait here: the first ones are answered, the last of those says that it closes', async () => {
    const up = await upstream(answering(ok('fine')));
    const g = await gateway({ upstreams: [up.origin] });
    const c = await client(g);
    c.send(request('GET /many').repeat(500));
    const all = await c.all();
    const answered = statuses(c).length;
    expect(answered).toBeGreaterThanOrEqual(64);
    expect(answered).toBeLessThan(500);
    expect(all.split('Connection: close').length).toBe(2);
    expect(all.lastIndexOf('Connection: close')).toBeGreaterThan(all.lastIndexOf('HTTP/1.1 200'));
    expect(g.outcomes.length).toBe(answered);
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
