/** A gateway process that may open few files, and gets more connections than that. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectionsFor, filesFor } from '../../src/cli/open-files.ts';
import { ask } from '../support/load.ts';
import { BOOTSTRAP_SECRET, TollgateProcess } from '../support/tollgate-process.ts';
import { startUpstream, type TestUpstream } from './serving.ts';

const FILES = 256;
const CONNECTIONS = 1_000;
const REQUEST = `GET / HTTP/1.1\r\nHost: a\r\nAuthorization: SSWS ${BOOTSTRAP_SECRET}\r\n\r\n`;

let folder: string;
let upstream: TestUpstream;
let tollgate: TollgateProcess;
/** Requests that wait at the upstream. */
const waiting: (() => void)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-open-files-'));
  upstream = await startUpstream((_, response) => void waiting.push(() => response.end('ok')));
  tollgate = await new TollgateProcess(
    `
    store: { kind: embedded, path: "${join(folder, 'tollgate.db')}" }
    listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }
    limit: { defaultPercentage: 100, unmatched: { max: unlimited } }
    forward: { upstreams: [{ name: api, targets: ["${upstream.origin}"], paths: [/] }] }
    `,
    [],
    ['sh', '-c', `ulimit -n ${FILES}; exec "$@"`, 'sh'],
  ).ready();
});
afterAll(async () => {
  await tollgate.kill();
  await upstream.close();
  rmSync(folder, { recursive: true });
});

/** Opens so many connections, each with a request. @returns those that the gateway keeps */
async function flood(origin: string, count: number): Promise<Set<Socket>> {
  const open = new Set<Socket>();
  await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(Number(new URL(origin).port), '127.0.0.1');
      open.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => open.delete(socket));
      await Promise.race([new Promise<void>((resolve) => socket.once('connect', resolve)), closed(socket)]);
      socket.write(REQUEST);
    }),
  );
  return open;
}

/** Closed by whomever, also with a reset. */
function closed(socket: Socket): Promise<null> {
  return new Promise((resolve) => socket.once('close', () => resolve(null)));
}

const live = async () => (await ask(false, `${tollgate.metrics}/livez`)).status;

it('a process that may open few files keeps as many connections as they are enough for, and says so', async () => {
  const clients = await flood(tollgate.proxy, CONNECTIONS);
  const most = connectionsFor(FILES);
  await expect.poll(() => waiting.length).toBe(most);
  await expect.poll(() => clients.size).toBe(most);
  expect(await live()).toBe(200);
  expect((await ask(false, `${tollgate.metrics}/metrics`)).body).toContain('process_open_fds');
  expect(
    tollgate.log('the limit of open files leaves fewer connections than listen.maxConnections'),
  ).toHaveLength(1);

  // Those that it keeps are served, and when they go there is room again.
  const answers = [...clients].map((socket) => once(socket, 'data'));
  for (const answer of waiting.splice(0)) answer();
  for (const [bytes] of await Promise.all(answers)) expect(String(bytes)).toMatch(/^HTTP\/1.1 200 /);
  for (const socket of clients) socket.destroy();
  const again = await expectServed();
  again.destroy();
  expect(tollgate.log('a bug')).toEqual([]);
});

/** Tries until a request has come to the upstream. */
async function expectServed(): Promise<Socket> {
  for (;;) {
    const [socket] = await flood(tollgate.proxy, 1);
    if (socket === undefined) continue;
    const refused = closed(socket);
    const answered = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    await Promise.race([expect.poll(() => waiting.length).toBeGreaterThan(0), refused]);
    for (const answer of waiting.splice(0)) answer();
    if ((await Promise.race([answered, refused])) !== null) return socket;
  }
}

it('a flood of the port of health and metrics leaves the gateway what it needs', async () => {
  const clients = await flood(tollgate.metrics, CONNECTIONS);
  (await expectServed()).destroy();
  for (const socket of clients) socket.destroy();
  await expect.poll(() => live().catch(() => 0)).toBe(200);
  expect(tollgate.child.exitCode).toBeNull();
});

it('the files for so many connections are enough for as many', () => {
  for (const connections of [1, 96, 10_000]) expect(connectionsFor(filesFor(connections))).toBe(connections);
  expect(connectionsFor(10)).toBe(1);
});
