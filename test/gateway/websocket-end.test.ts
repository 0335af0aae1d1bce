import { once } from 'node:events';
import type { Socket } from 'node:net';
import { numOpenSockets } from 'http-proxy-3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  client,
  closing,
  type RawClient,
  RECHECK_MS,
  rawClient,
  startWebSocketGateway,
  TIME_LIMITS,
  upgradeHead,
  type WebSocketGateway,
} from './websocket-gateway.ts';
import {
  type EchoUpstream,
  type ScriptedUpstream,
  SWITCH,
  startEcho,
  startScripted,
  type UpstreamConnection,
} from './websocket-upstream.ts';

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

/** Close frames as a server sends them. */
const CLOSE_1008 = '\x88\x18\x03\xf0Invalid token provided';
const close1001 = (reason: string) => `\x88${String.fromCharCode(2 + reason.length)}\x03\xe9${reason}`;

describe('a WebSocket and its token', () => {
  let gateway: WebSocketGateway;
  let echo: EchoUpstream;
  beforeEach(async () => {
    echo = await startEcho();
    cleanup.push(echo.close);
    gateway = await startWebSocketGateway({ targets: [echo.origin] });
    cleanup.push(gateway.close);
  });

  const refused = { code: 1008, reason: 'Invalid token provided' };

  async function opened(secret: string) {
    const connection = echo.connection();
    const socket = client(gateway, secret);
    await once(socket, 'open');
    return { socket, upstream: await connection };
  }

  it('end together when the token is revoked, and other tokens keep theirs', async () => {
    const { token, secret } = await gateway.issue();
    const mine = [await opened(secret), await opened(secret)];
    const theirs = await opened((await gateway.issue()).secret);
    const ends = mine.map(({ socket, upstream }) => Promise.all([closing(socket), closing(upstream)]));
    await gateway.store.commit([{ put: 'token', token: { ...token, revokedAt: gateway.clock.now() } }]);
    for (const [downstream, upstream] of await Promise.all(ends)) {
      expect(downstream).toEqual(refused);
      expect(upstream.code).toBe(1006);
    }
    expect(await gateway.settled(2)).toMatchObject([
      { decision: 'forwarded', status: 101, complete: false },
      { decision: 'forwarded', status: 101, complete: false },
    ]);
    theirs.socket.send('still here');
    expect(String((await once(theirs.socket, 'message'))[0])).toBe('still here');
    expect(gateway.streams.size).toBe(1);
  });

  it('end together when the token expires, within one tick', async () => {
    const { socket } = await opened((await gateway.issue({ windowSeconds: 60 })).secret);
    gateway.clock.advance(59_000);
    socket.send('still here');
    await once(socket, 'message');
    const end = closing(socket);
    gateway.clock.advance(RECHECK_MS);
    expect(await end).toEqual(refused);
  });

  it('end together when the owner is deactivated', async () => {
    const { socket } = await opened((await gateway.issue()).secret);
    const end = closing(socket);
    await gateway.store.commit([{ put: 'user', user: { ...gateway.owner, status: 'DEPROVISIONED' } }]);
    expect(await end).toEqual(refused);
  });

  it('outlive changes that concern neither', async () => {
    const { token, secret } = await gateway.issue();
    const { socket } = await opened(secret);
    await gateway.store.commit([{ put: 'token', token: { ...token, name: 'renamed' } }]);
    gateway.clock.advance(10 * RECHECK_MS);
    socket.send('still here');
    expect(String((await once(socket, 'message'))[0])).toBe('still here');
  });
});

interface Tunnelled {
  readonly gateway: WebSocketGateway;
  readonly upstream: UpstreamConnection;
  readonly client: RawClient;
  /** What the client has received behind the 101. */
  frames(): string;
  revoke(): Promise<void>;
}

/** A tunnel between raw ends: the client stays open on its side until it is told to close. */
async function tunnel(options: { idleMs?: number } = {}): Promise<Tunnelled> {
  const scripted = await startScripted(SWITCH);
  cleanup.push(scripted.close);
  const gateway = await startWebSocketGateway({ targets: [scripted.origin], timeLimits: options });
  cleanup.push(gateway.close);
  const { token, secret } = await gateway.issue();
  const raw = rawClient(gateway.port, upgradeHead(secret), true);
  await raw.until('\r\n\r\n');
  return {
    gateway,
    upstream: await scripted.request(),
    client: raw,
    frames: () => raw.received().slice(raw.received().indexOf('\r\n\r\n') + 4),
    revoke: () => gateway.store.commit([{ put: 'token', token: { ...token, revokedAt: 1 } }]),
  };
}

describe('the Close frame of the gateway', () => {
  it('is the last the client hears; its connection closes when it has answered', async () => {
    const { gateway, client, upstream, frames, revoke } = await tunnel();
    upstream.socket.write('\x81\x02hi', 'latin1');
    await client.until('\x81\x02hi');
    await revoke();
    await once(client.socket, 'end');
    await upstream.closed;
    expect(frames()).toBe(`\x81\x02hi${CLOSE_1008}`);
    client.socket.end('\x88\x82\0\0\0\0\x03\xf0', 'latin1');
    await client.closed;
    expect(await gateway.settled(1)).toMatchObject([{ complete: false }]);
  });

  it('waits for the end of the frame that is passing, and nothing comes between or behind', async () => {
    const { gateway, client, upstream, frames, revoke } = await tunnel();
    upstream.socket.write('\x81\x06abc', 'latin1');
    await client.until('abc');
    await revoke();
    // Its mark is in no key and in no request id, which are random.
    client.socket.write('\x81\x83\0\0\0\0no!', 'latin1');
    await expect.poll(() => gateway.streams.size).toBe(0);
    upstream.socket.write('def\x81\x04more', 'latin1');
    await upstream.closed;
    await once(client.socket, 'end');
    expect(frames()).toBe(`\x81\x06abcdef${CLOSE_1008}`);
    expect(upstream.received()).not.toContain('no!');
    client.socket.end();
    await client.closed;
  });

  it('is left out where the passing frame does not end in time', async () => {
    const { gateway, client, upstream, frames, revoke } = await tunnel();
    upstream.socket.write('\x81\x06abc', 'latin1');
    await client.until('abc');
    await revoke();
    await expect.poll(() => gateway.streams.size).toBe(0);
    gateway.clock.advance(TIME_LIMITS.graceMs);
    await once(client.socket, 'end');
    await upstream.closed;
    expect(frames()).toBe('\x81\x06abc');
    expect(gateway.upgrades.open).toBe(0);
  });

  it('is left out behind that of the upstream', async () => {
    const { client, upstream, frames, revoke } = await tunnel();
    upstream.socket.write('\x88\x02\x03\xe8', 'latin1');
    await client.until('\x88\x02\x03\xe8');
    await revoke();
    await once(client.socket, 'end');
    expect(frames()).toBe('\x88\x02\x03\xe8');
    client.socket.end();
    await client.closed;
  });

  it('does not wait for a client that never closes', async () => {
    const { gateway, client, revoke } = await tunnel();
    await revoke();
    await once(client.socket, 'end');
    expect(gateway.upgrades.open).toBe(1);
    gateway.clock.advance(TIME_LIMITS.graceMs);
    await gateway.settled(1);
    expect(gateway.upgrades.open).toBe(0);
  });

  it('comes as soon as the tunnel opens where the token was revoked before', async () => {
    let agree: (socket: Socket) => void = () => {};
    const scripted = await startScripted((socket) => {
      agree = () => void socket.write(SWITCH);
    });
    cleanup.push(scripted.close);
    const gateway = await startWebSocketGateway({ targets: [scripted.origin] });
    cleanup.push(gateway.close);
    const { token, secret } = await gateway.issue();
    const raw = rawClient(gateway.port, upgradeHead(secret));
    const { socket, closed } = await scripted.request();
    await gateway.store.commit([{ put: 'token', token: { ...token, revokedAt: 1 } }]);
    await expect.poll(() => gateway.streams.size).toBe(0);
    agree(socket);
    expect((await raw.closed).split('\r\n\r\n')[1]).toBe(CLOSE_1008);
    await closed;
  });
});

describe('shutdown', () => {
  it('ends every WebSocket with 1001, those that are not open yet too, and knows when they are closed', async () => {
    let agree: () => void = () => {};
    const scripted = await startScripted((socket, head) => {
      if (head.startsWith('GET /api/late')) agree = () => void socket.write(SWITCH);
      else socket.write(SWITCH);
    });
    cleanup.push(scripted.close);
    const gateway = await startWebSocketGateway({ targets: [scripted.origin] });
    cleanup.push(gateway.close);
    const { secret } = await gateway.issue();
    const early = rawClient(gateway.port, upgradeHead(secret));
    await early.until('\r\n\r\n');
    const late = rawClient(gateway.port, upgradeHead(secret, { line: 'GET /api/late HTTP/1.1' }));
    await scripted.request(1);
    const done = gateway.upgrades.closeAll(1001, 'bye');
    expect((await early.closed).split('\r\n\r\n')[1]).toBe(close1001('bye'));
    agree();
    expect((await late.closed).split('\r\n\r\n')[1]).toBe(close1001('bye'));
    await done;
    expect(gateway.upgrades.open).toBe(0);
    const after = rawClient(gateway.port, upgradeHead(secret));
    expect((await after.closed).split('\r\n\r\n')[1]).toBe(close1001('bye'));
  });

  it('tells a client of the ws package to go away', async () => {
    const echo = await startEcho();
    cleanup.push(echo.close);
    const gateway = await startWebSocketGateway({ targets: [echo.origin] });
    cleanup.push(gateway.close);
    const socket = client(gateway, (await gateway.issue()).secret);
    await once(socket, 'open');
    const end = closing(socket);
    await gateway.upgrades.closeAll(1001, 'bye');
    expect(await end).toEqual({ code: 1001, reason: 'bye' });
  });

  it('does not wait longer than the grace', async () => {
    const { gateway, client, upstream } = await tunnel();
    const done = gateway.upgrades.closeAll(1001, 'bye');
    await client.until('bye');
    gateway.clock.advance(TIME_LIMITS.graceMs);
    await done;
    await upstream.closed;
  });

  it('has nothing to wait for where there is no WebSocket', async () => {
    const gateway = await startWebSocketGateway({ targets: ['http://127.0.0.1:1'] });
    cleanup.push(gateway.close);
    await gateway.upgrades.closeAll(1001, 'bye');
  });
});

describe('when one end goes', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['closes', (socket) => void socket.end()],
    ['is gone', (socket) => void socket.destroy()],
    ['resets', (socket) => void socket.resetAndDestroy()],
  ])('the client: the upstream is closed when it %s', async (_, go) => {
    const { gateway, client, upstream } = await tunnel();
    go(client.socket);
    await upstream.closed;
    await gateway.settled(1);
    await expect.poll(() => gateway.upgrades.open).toBe(0);
    expect(gateway.outcomes).toMatchObject([{ decision: 'forwarded', status: 101, complete: false }]);
    expect(gateway.upstreams.targets()[0]).toMatchObject({ busy: 0, health: 'up' });
    expect(gateway.outcomes).toHaveLength(1);
    await expect.poll(numOpenSockets).toBe(0);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closes', (socket) => void socket.end('\x82\x01x', 'latin1')],
    ['is gone', (socket) => void socket.destroy()],
    ['resets', (socket) => void socket.resetAndDestroy()],
  ])('the upstream: the client is closed when it %s, without a frame of ours', async (_, go) => {
    const { gateway, client, upstream, frames } = await tunnel();
    go(upstream.socket);
    await once(client.socket, 'end').catch(() => {});
    expect(frames()).not.toContain('\x88');
    client.socket.end();
    await client.closed;
    await gateway.settled(1);
    expect(gateway.outcomes).toMatchObject([{ decision: 'forwarded', status: 101, complete: false }]);
  });

  it('and the other does not, it is closed after the grace', async () => {
    const { gateway, client, upstream } = await tunnel();
    upstream.socket.end();
    await once(client.socket, 'end');
    expect(gateway.upgrades.open).toBe(1);
    gateway.clock.advance(TIME_LIMITS.graceMs);
    await gateway.settled(1);
  });

  it('the closing handshake makes the exchange complete', async () => {
    const { gateway, client, upstream } = await tunnel();
    client.socket.write('\x88\x82\0\0\0\0\x03\xe8', 'latin1');
    await upstream.behindHead(8);
    upstream.socket.end('\x88\x02\x03\xe8', 'latin1');
    await once(client.socket, 'end');
    client.socket.end();
    await client.closed;
    expect(await gateway.settled(1)).toMatchObject([{ decision: 'forwarded', status: 101, complete: true }]);
  });

  it('a tunnel without a byte either way is ended with 1001', async () => {
    const { client, upstream, frames } = await tunnel({ idleMs: 50 });
    await once(client.socket, 'end');
    expect(frames()).toBe(close1001('idle'));
    await upstream.closed;
    client.socket.end();
    await client.closed;
  });
});

describe('a client that does not wait for its answer', () => {
  let scripted: ScriptedUpstream;
  let gateway: WebSocketGateway;
  beforeEach(async () => {
    scripted = await startScripted(null);
    cleanup.push(scripted.close);
    gateway = await startWebSocketGateway({ targets: [scripted.origin] });
    cleanup.push(gateway.close);
  });

  it('lets the upstream go', async () => {
    const { secret } = await gateway.issue();
    const raw = rawClient(gateway.port, upgradeHead(secret));
    const connection = await scripted.request();
    raw.socket.destroy();
    await connection.closed;
    expect(await gateway.settled(1)).toMatchObject([
      { decision: 'forwarded', status: 0, complete: false, upstream: 'api' },
    ]);
    expect(gateway.upstreams.targets()[0]).toMatchObject({ busy: 0, health: 'up' });
    expect(gateway.streams.size).toBe(0);
    expect(scripted.connections).toHaveLength(1);
  });

  it.each([
    ['agrees', 0, 'forwarded'],
    ['refuses', 1, 'resolve.revoked'],
  ] as const)('is settled when the gate %s, and no upstream hears of it', async (_, revokedAt, decision) => {
    const { secret } = await gateway.issue(revokedAt === 0 ? {} : { revokedAt });
    gateway.source.hold();
    const raw = rawClient(gateway.port, upgradeHead(secret));
    await expect.poll(() => gateway.source.lookups).toBe(1);
    raw.socket.destroy();
    await expect.poll(() => gateway.upgrades.open).toBe(0);
    expect(gateway.outcomes).toEqual([]);
    gateway.source.release();
    expect(await gateway.settled(1)).toMatchObject([{ decision, status: 0, complete: false }]);
    expect(scripted.connections).toHaveLength(0);
    expect(gateway.streams.size).toBe(0);
  });
});

describe('back-pressure', () => {
  const FRAMES = 128;
  const FRAME = Buffer.concat([
    Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]),
    Buffer.alloc(0x100000, 0x78),
  ]);

  /** Sends one frame after the other; fulfilled with how many left when all have, or when no more do. */
  async function flood(socket: Socket): Promise<number> {
    let left = 0;
    const next = () => {
      left += 1;
      if (left < FRAMES) socket.write(FRAME, next);
    };
    socket.write(FRAME, next);
    // All ends are in this process: what does not move in a thousand turns of its event loop is held back.
    for (let before = -1, still = 0; still < 1_000 && left < FRAMES; before = left) {
      await new Promise((resolve) => setImmediate(resolve));
      still = left === before ? still + 1 : 0;
    }
    return left;
  }

  it('holds an upstream back whose client does not read', async () => {
    const { client, upstream } = await tunnel();
    client.socket.pause();
    expect(await flood(upstream.socket)).toBeLessThan(FRAMES / 2);
    client.socket.destroy();
    await upstream.closed;
  });

  it('holds a client back whose upstream does not read', async () => {
    const { client, upstream } = await tunnel();
    upstream.socket.pause();
    expect(await flood(client.socket)).toBeLessThan(FRAMES / 2);
    upstream.socket.destroy();
    client.socket.destroy();
  });
});
