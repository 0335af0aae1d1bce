import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { CompiledCode } from '../../../src/cli/workers/compiled-code.ts';
import { startRedis } from '../../support/redis-server.ts';
import { TollgateProcess } from '../../support/tollgate-process.ts';

it('workers leave their code where only this user may write, until the primary is stopped', () => {
  const code = new CompiledCode({});
  const folder = code.environment['NODE_COMPILE_CACHE'] ?? '';
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  code.remove();
  expect(existsSync(folder)).toBe(false);
  code.remove();
});

it('a folder that the operator has named is used, and kept', () => {
  const code = new CompiledCode({ NODE_COMPILE_CACHE: '/named' });
  expect(code.environment).toEqual({});
  code.remove();
});

it('a gateway of several workers has their code at hand for the next while it runs, and leaves nothing', async () => {
  const redis = await startRedis();
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-workers-'));
  onTestFinished(async () => {
    rmSync(folder, { recursive: true, force: true });
    await redis.stop();
  });
  const command = ['env', '-u', 'NODE_COMPILE_CACHE', `TMPDIR=${folder}`];
  const tollgate = await new TollgateProcess(
    `
    store: { kind: redis, url: "${redis.url}" }
    listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, metrics: 127.0.0.1:0, drainDelay: 0s }
    forward: { upstreams: [{ name: echo, targets: ["builtin:echo"], paths: [/] }] }
    workers: 2
    `,
    [],
    command,
  ).ready();
  const compiled = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(compiled.length).toBeGreaterThan(100);
  tollgate.child.kill('SIGTERM');
  expect(await tollgate.ended).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});
