import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { createSite, type Site, upstream } from './serving.ts';

const CLIENTS = 8;
const REQUESTS = 1_000;

let site: Site;
let running: ChildProcess | null = null;
beforeEach(() => {
  site = createSite();
});
afterEach(async () => {
  running?.kill('SIGKILL');
  await site.close();
});

it('a process whose log nobody reads serves every request, and counts the lines it drops', async () => {
  site.write({ forward: upstream('http://127.0.0.1:1'), log: { level: 'info', access: true } });
  const child = spawn(process.execPath, ['src/main.ts', 'serve', '--config', site.file], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  running = child;
  let shown = '';
  child.stdout.setEncoding('utf8');
  const read = (text: string) => {
    shown += text;
  };
  child.stdout.on('data', read);
  const port = (what: string) =>
    Number(new RegExp(`${what}[^\\n]*?127\\.0\\.0\\.1:(\\d+)`, 'i').exec(shown)?.[1]);
  await expect.poll(() => port('metrics')).toBeGreaterThan(0);
  child.stdout.pause();

  const path = `/${'a'.repeat(600)}`;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await RawClient.connect(port('listening'));
      for (let request = 0; request < REQUESTS; request++) {
        client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
        expect((await client.response('GET'))?.status).toBe(403);
      }
      client.destroy();
    }),
  );
  const dropped = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${port('metrics')}/metrics`)).text();
    return Number(/^tollgate_log_dropped_total (\d+)$/m.exec(metrics)?.[1]);
  };
  await expect.poll(dropped).toBeGreaterThan(0);

  child.stdout.resume();
  const requests = () =>
    shown
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{') && JSON.parse(line).msg === 'request');
  // Lines are written some at a time, so the last are shown, or dropped and counted, a little later.
  await expect.poll(async () => requests().length + (await dropped())).toBe(CLIENTS * REQUESTS);
  const all = requests().length;
  child.kill('SIGTERM');
  await once(child, 'close');
  expect(requests()).toHaveLength(all);
});
