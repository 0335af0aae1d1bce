import { once } from 'node:events';
import { expect, it } from 'vitest';
import { stage } from './stage.ts';
import type { Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

/** Together more and less than the systems hold between an upstream and a client who does not read. */
const SLOW_SIZES = Array.from({ length: 10 }, (_, at) => (at + 1) * 1_000_000);
const QUICK_SIZE = 60_000;
const QUICK_CLIENTS = 4;
const QUICK_REQUESTS = 20;

it('what a slow client has still to read is its own, though its upstream connection is gone and others have come', async () => {
  const api = await upstream(answerOnce);
  const through = await gateway({ upstreams: [api.origin] });
  const slow = await Promise.all(
    SLOW_SIZES.map(async (size, at) => {
      const wire = await client(through);
      ask(wire, letter(at), size);
      await wire.until('\r\n\r\n');
      wire.socket.pause();
      return { wire, size, at };
    }),
  );
  await Promise.all(
    Array.from({ length: QUICK_CLIENTS }, async () => {
      for (let asked = 0; asked < QUICK_REQUESTS; asked += 1) {
        const wire = await client(through);
        ask(wire, 'z', QUICK_SIZE);
        expect(await body(wire, QUICK_SIZE)).toBe('z'.repeat(QUICK_SIZE));
      }
    }),
  );
  for (const { wire, size, at } of slow) {
    wire.socket.resume();
    // Compared here, since a difference of megabytes helps nobody.
    expect((await body(wire, size)) === letter(at).repeat(size), `the answer of ${size} bytes`).toBe(true);
  }
});

function letter(at: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + at);
}

function ask(wire: Wire, name: string, size: number): void {
  wire.send(`GET /${name}/${size} HTTP/1.1\r\nHost: a\r\n\r\n`);
}

/** Resolves with a body of this size, once all of it is there. */
async function body(wire: Wire, size: number): Promise<string> {
  await wire.until('\r\n\r\n');
  const start = wire.received.indexOf('\r\n\r\n') + 4;
  while (wire.received.length < start + size) await once(wire.socket, 'data');
  return wire.received.slice(start);
}

/** Answers with the letter that is asked for, so many times, and closes the connection. */
async function answerOnce(wire: Wire): Promise<void> {
  await wire.until('\r\n\r\n');
  const [, name = '', size = '0'] = /^GET \/(.)\/(\d+) /.exec(wire.received) ?? [];
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`;
  wire.socket.end(head + name.repeat(Number(size)));
}
