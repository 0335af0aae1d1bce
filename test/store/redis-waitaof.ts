/** Whether the server of these tests has WAITAOF: Redis 7.2 and Valkey do, Debian's package does not. */
import { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.ts';

export async function hasWaitaof(): Promise<boolean> {
  const server = await startRedis();
  const raw = new Redis(server.url);
  try {
    const [info] = (await raw.command('INFO', 'WAITAOF')) as unknown[];
    return info !== null;
  } finally {
    raw.disconnect();
    await server.stop();
  }
}
