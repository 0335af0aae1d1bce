import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { health } from '../../src/cli/health.ts';
import { createHealthServer } from '../../src/telemetry/health-server.ts';

let accepting = true;
let server: Server;
let base: string;

beforeAll(async () => {
  server = createHealthServer({
    metrics: new Registry(),
    readiness: () => (accepting ? 'ready' : 'stopping'),
    components: { store: () => null },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
});

async function ask(question: 'livez' | 'readyz', url = base) {
  const lines: string[] = [];
  const code = await health(url, question, { write: (text) => lines.push(text) });
  return { code, said: lines.join('') };
}

test('health exits with 0 and prints the answer while the process lives', async () => {
  expect(await ask('livez')).toEqual({ code: 0, said: 'ok\n' });
  expect(await ask('readyz')).toEqual({ code: 0, said: '{"status":"ok","components":{"store":"ok"}}\n' });
});

test('health --ready exits with 1 once the process was told to stop, which still lives', async () => {
  accepting = false;
  expect(await ask('readyz')).toMatchObject({ code: 1, said: expect.stringContaining('"stopping"') });
  expect(await ask('livez')).toMatchObject({ code: 0 });
});

test('a probe is answered soon although others hold every connection and say nothing', async () => {
  const readiness = () => 'ready' as const;
  const busy = createHealthServer({ metrics: new Registry(), readiness, components: {}, patienceMs: 50 });
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address() as AddressInfo;
  const silent = Array.from({ length: 32 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  await expect.poll(async () => (await ask('livez', `http://127.0.0.1:${port}`)).code).toBe(0);
  for (const socket of silent) socket.destroy();
  busy.close();
});

test('health exits with 1 and says why where nothing answers', async () => {
  const nobody = 'http://127.0.0.1:9';
  const { code, said } = await ask('livez', nobody);
  expect(code).toBe(1);
  expect(said).toMatch(/^No answer from http:\/\/127\.0\.0\.1:9: .+\n$/);
});
