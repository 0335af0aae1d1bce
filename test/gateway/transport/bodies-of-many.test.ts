import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../../support/seeded-random.ts';
import { stage } from './stage.ts';

const SEED = 20_000;
const CLIENTS = 8;
const REQUESTS = 3;
const LARGEST = 1_500_000;
/** More than the system takes on the way to an upstream that does not read. */
const TOO_LARGE = 12_000_000;

const { gateway } = stage();
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

it('bodies of many clients at once arrive as they were sent, at upstreams that read at once and at slow ones', async () => {
  const origin = await summingUpstream();
  const { port } = await gateway({ upstreams: [origin], limits: { bodySize: TOO_LARGE } });
  const random = seededRandom(SEED);
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const requests = Array.from({ length: REQUESTS }, (__, at) => {
        const isSlow = random.chance(0.25);
        const length = isSlow ? TOO_LARGE : Math.floor(random.between(0, 1) ** 3 * LARGEST);
        const path = `/${client}/${at}${isSlow ? '/slow' : ''}`;
        return { path, body: Buffer.alloc(length, `client ${client} request ${at} `) };
      });
      const answers = await sendAll(port, requests, random);
      const expected = requests.map(({ path, body }) => `${path} ${body.length} ${crc32(body)}`);
      expect(answers, `client ${client}`).toEqual(expected);
    }),
  );
});

/** Answers with the path, and length and checksum of the body. Under `/slow` it lets much come before it reads. */
async function summingUpstream(): Promise<string> {
  const server = createServer((req, res) => {
    let checksum = 0;
    let length = 0;
    req.on('data', (piece: Buffer) => {
      checksum = crc32(piece, checksum);
      length += piece.length;
    });
    if (req.url?.endsWith('/slow')) {
      req.pause();
      let turns = 5_000;
      const wait = () => (turns-- === 0 ? req.resume() : setImmediate(wait));
      wait();
    }
    req.on('end', () => res.end(`${req.url} ${length} ${checksum}\n`));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sends requests behind each other on one connection, cut anywhere. @returns the lines that came back */
async function sendAll(
  port: number,
  requests: readonly { path: string; body: Buffer }[],
  random: SeededRandom,
): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  const stream = Buffer.concat(
    requests.flatMap(({ path, body }) => [
      Buffer.from(`PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`),
      body,
    ]),
  );
  let heard = '';
  const answers = () => heard.match(/^\/\S+ \d+ \d+(?=\n)/gm) ?? [];
  const all = new Promise<void>((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      if (answers().length === requests.length) resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${heard}`)));
  });
  for (let sent = 0; sent < stream.length; ) {
    const end = Math.min(stream.length, sent + random.whole(1, 200_000));
    await new Promise<void>((written) => socket.write(stream.subarray(sent, end), () => written()));
    sent = end;
  }
  await all;
  socket.destroy();
  return answers();
}
