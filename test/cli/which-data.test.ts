/** What is said of the data that Redis holds when Tollgate starts (docs/redis.md, "Which data it holds"). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { apply } from '../../src/cli/apply.ts';
import { doctor } from '../../src/cli/doctor/doctor.ts';
import { openStore } from '../../src/cli/open-store.ts';
import { parseConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { aToken, aUser } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-which-data-'));
let redis: RedisServer;
let raw: Redis;
beforeAll(async () => {
  redis = await startRedis();
  raw = new Redis(redis.url);
});
afterEach(() => raw.flushall());
afterAll(async () => {
  raw.disconnect();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const yaml = (identity: string | null) =>
  JSON.stringify({
    store: { kind: 'redis', url: redis.url, prefix: 'tg:', identity },
    forward: { upstreams: [{ name: 'api', targets: ['http://127.0.0.1:9'], paths: ['/'] }] },
  });

/** What a process says that opens the store, and closes it. */
async function start(identity: string | null = null): Promise<string[]> {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) });
  const store = await openStore(parseConfig(yaml(identity), {}, 'x.yaml').store, systemClock, log);
  await store.close();
  return lines.filter((line) => line.includes('data') || line.includes('token'));
}

async function consult(identity: string | null): Promise<string[]> {
  const file = join(folder, 'tollgate.yaml');
  writeFileSync(file, yaml(identity));
  const lines: string[] = [];
  await doctor(file, {}, systemClock, { write: (line: string) => lines.push(line) });
  return lines.filter((line) => line.includes(' store'));
}

async function aTokenIsMade(): Promise<string> {
  const log = createLog('silent', { write() {} });
  const store = await openStore(parseConfig(yaml(null), {}, 'x.yaml').store, systemClock, log);
  const user = aUser();
  await store.commit([
    { put: 'user', user },
    { put: 'token', token: aToken(user.id).token },
  ]);
  await store.close();
  return (await raw.get('tg:{m}:identity')) ?? '';
}

const NEW = expect.stringContaining('holds no token, so this is a new installation');

it('a first start needs no setting, and says that it begins; the next says nothing', async () => {
  expect(await start()).toEqual([NEW]);
  await aTokenIsMade();
  expect(await start()).toEqual([]);
});

it('a start on a Redis that was emptied says that it would begin anew', async () => {
  await aTokenIsMade();
  await raw.flushall();
  expect(await start()).toEqual([NEW]);
});

it('with store.identity a start on a Redis that was emptied is refused, and on the data it is for it is not', async () => {
  const identity = await aTokenIsMade();
  expect(await start(identity)).toEqual([]);
  await raw.flushall();
  await expect(start(identity)).rejects.toThrow(
    /The store cannot be used: .* has lost its data, or is another: give it back what store\.identity names/,
  );
  expect(await raw.dbsize()).toBe(0);
});

it('doctor tells the identity to set, and with it finds that the data is gone', async () => {
  const identity = await aTokenIsMade();
  expect(await consult(null)).toContainEqual(expect.stringContaining(`has the identity ${identity}`));
  expect(await consult(identity)).toContainEqual(expect.stringMatching(/^ok .*that store\.identity names/));
  await raw.flushall();
  expect(await consult(identity)).toEqual([expect.stringMatching(/^FAIL store .*has lost its data/)]);
  expect(await consult(null)).toContainEqual(expect.stringContaining('holds no token'));
});

it('doctor and a dry run read a Redis that holds nothing as an empty store, and leave nothing in it', async () => {
  const empty = [NEW, expect.stringContaining('holds no super administrator yet')];
  expect(await consult(null)).toEqual(expect.arrayContaining(empty));
  const users = join(folder, 'users.yaml');
  writeFileSync(users, 'users: [{ login: ada@example.com }]');
  const lines: string[] = [];
  const out = { write: (line: string) => lines.push(line) };
  const options = { config: join(folder, 'tollgate.yaml'), dryRun: true };
  expect(await apply(users, options, {}, out)).toBe(0);
  expect(lines.at(-1)).toBe('would create 1 user. Nothing was written.\n');
  expect(await raw.dbsize()).toBe(0);
});
