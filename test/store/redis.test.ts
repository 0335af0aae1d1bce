import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeContract } from './contract.ts';
import { redisSite } from './redis-site.ts';

let server: RedisServer;
let raw: Redis;
beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
});
afterAll(async () => {
  raw.disconnect();
  await server.stop();
});

storeContract('the Redis store', async () => redisSite({ url: server.url, raw, servers: [raw] }));
