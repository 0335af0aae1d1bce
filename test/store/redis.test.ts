import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeContract } from './contract.ts';
import { redisSite } from './redis-site.ts';

/** The user of docs/redis.md, as it is written there. */
const documentation = readFileSync(path.join(import.meta.dirname, '../../docs/redis.md'), 'utf8');
const [, user = ''] = /^ACL SETUSER (tollgate on >PASSWORD .*)$/m.exec(documentation) ?? [];

let server: RedisServer;
let raw: Redis;
let url: string;
beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
  await raw.call('ACL', 'SETUSER', ...user.split(' '));
  url = `redis://tollgate:PASSWORD@127.0.0.1:${server.port}`;
});
afterAll(async () => {
  raw.disconnect();
  await server.stop();
});

storeContract('the Redis store', async () => redisSite({ url, raw, servers: [raw], name: 'tg:site' }));

describe('the user that docs/redis.md makes', () => {
  it('may call no command that the store does not need', async () => {
    // A subscription is asked for a sign of life each second, and the stores above may not have lived so long.
    const store = await openRedisStore({ url, prefix: 'tg:', commandTimeoutMs: 5_000, clock: systemClock });
    const allowed = user.split(' ').flatMap((rule) => (rule.startsWith('+') ? [rule.slice(1)] : []));
    const notCalled = async () => {
      const called = (await raw.info('commandstats')).matchAll(/cmdstat_(.*?):calls=/g);
      const names = new Set(Array.from(called, ([, name]) => name));
      return allowed.filter((name) => !names.has(name));
    };
    await expect.poll(notCalled).toEqual([]);
    await store.close();
  });
});
