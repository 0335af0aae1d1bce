import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { readInto } from '../../../../src/gateway/transport/fast/read-into.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

it('an accepted connection is read into the memory it is given, on the Node that is in use', async () => {
  const { accepted, client } = await connected();
  const buffer = Buffer.alloc(1_024);
  const read: string[] = [];
  let heard: () => void = () => {};
  const socket = taken(accepted, buffer, (length) => {
    read.push(buffer.toString('latin1', 0, length));
    heard();
  });
  for (const words of ['one', 'two']) {
    const coming = new Promise<void>((resolve) => {
      heard = resolve;
    });
    client.write(words);
    await coming;
  }
  expect(read).toEqual(['one', 'two']);
  expect(socket.remoteAddress).toBe('127.0.0.1');
});

it('what is written reaches the client, and its end is heard', async () => {
  const { accepted, client } = await connected();
  const socket = taken(accepted, Buffer.alloc(64), () => {});
  socket.write('answer');
  const [answer] = await once(client, 'data');
  expect(String(answer)).toBe('answer');
  client.end();
  await once(socket, 'end');
  // The other half stays open, as the server was told.
  expect(socket.writable).toBe(true);
});

it('its server counts the connection for as long as it is open, and no longer', async () => {
  const { server, accepted } = await connected();
  const socket = taken(accepted, Buffer.alloc(64), () => {});
  expect(await countOf(server)).toBe(1);
  const closed = once(accepted, 'close');
  socket.destroy();
  await closed;
  expect(await countOf(server)).toBe(0);
});

it('a paused connection is not read, and goes on where it was', async () => {
  const { accepted, client } = await connected();
  const buffer = Buffer.alloc(1_024);
  let read = '';
  const socket = taken(accepted, buffer, (length) => {
    read += buffer.toString('latin1', 0, length);
  });
  socket.pause();
  await new Promise<void>((resolve) => client.write('early', () => resolve()));
  // A whole round trip through the same event loop, after which an unpaused one would have been read.
  socket.write('x');
  await once(client, 'data');
  expect(read).toBe('');
  socket.resume();
  await expect.poll(() => read).toBe('early');
});

it('a connection of TLS is left as it is', async () => {
  const { accepted } = await connected();
  const secure = new TLSSocket(accepted, { isServer: true });
  ends.push(() => secure.destroy());
  expect(readInto(secure, { buffer: Buffer.alloc(64), callback: () => true })).toBeNull();
  expect(secure.destroyed).toBe(false);
});

async function connected(): Promise<{ server: Server; accepted: Socket; client: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  ends.push(
    () => client.destroy(),
    () => server.close(),
  );
  const [accepted] = (await once(server, 'connection')) as [Socket];
  return { server, accepted, client };
}

function taken(accepted: Socket, buffer: Buffer, heard: (length: number) => void): Socket {
  const socket = readInto(accepted, {
    buffer,
    callback(length) {
      heard(length);
      return true;
    },
  });
  if (socket === null) throw new Error('Node offers no reading in place');
  ends.push(() => socket.destroy());
  socket.resume();
  return socket;
}

function countOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}
