/** The program itself: what it does with words, signals and a reader that goes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startControlPlane } from '../control/control-plane.ts';
import { startRedis } from '../support/redis-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TollgateProcess } from '../support/tollgate-process.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

it('a word that is no command is told to be none, with the one that may have been meant', () => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'tokn', 'list'], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain("error: unknown command 'tokn'\n(Did you mean token?)");
});

it('a process that is told to stop while it starts ends in good order, as soon as it has started', async () => {
  const redis = await startRedis();
  const network = await startTcpProxy(redis.port);
  network.delayMs = 300;
  const tollgate = new TollgateProcess(`
    store: { kind: redis, url: "redis://127.0.0.1:${network.port}", commandTimeout: 5s }
    listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0 }
    forward: { upstreams: [{ name: echo, targets: ["builtin:echo"], paths: [/] }] }
  `);
  await expect.poll(() => network.connections).toBeGreaterThan(0);
  tollgate.child.kill('SIGTERM');
  network.delayMs = 0;
  expect(await tollgate.ended).toBe(0);
  expect(tollgate.log('the requests under way have ended')).toHaveLength(1);
  await network.close();
  await redis.stop();
});

it('a command that follows the log ends when nobody reads it any more', async () => {
  const plane = await startControlPlane();
  const env = { ...process.env, TOLLGATE_ADMIN_URL: plane.origin, TOLLGATE_TOKEN: plane.admin.secret };
  const tail = spawn(process.execPath, [MAIN, 'log', 'tail'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(tail, 'exit');
  await once(tail.stdout, 'data');
  tail.stdout.destroy();
  await plane.admin.ask('POST', '/api/v1/api-tokens', { name: 'nightly' });
  expect(await gone).toEqual([1, null]);
  await plane.close();
});
