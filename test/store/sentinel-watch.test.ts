import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { endClient } from '../../src/store/redis/client.ts';
import { followFailovers } from '../../src/store/redis/sentinel-watch.ts';
import { freePort } from '../support/free-port.ts';
import { fact } from '../support/redis-cluster.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { aServer, rawClient } from './redis-bench.ts';

/** More than the tries after which ioredis gives a command up. */
const TRIES = 50;

it('a Sentinel that was away for any number of tries is heard once it is there', async () => {
  const [primary, announcer] = [await aServer(), await aServer()];
  const [raw, announcing] = [rawClient(primary.url), rawClient(announcer.url)];
  const port = await freePort();
  let tries = 0;
  const away = createServer((socket) => {
    tries += 1;
    socket.destroy();
  });
  await once(away.listen(port, '127.0.0.1'), 'listening');
  const followed = rawClient(primary.url);
  followFailovers(followed, 'main', [{ host: '127.0.0.1', port }], {}, 5);
  await expect.poll(() => tries).toBeGreaterThan(TRIES);
  away.close();
  await once(away, 'close');
  const there = await startTcpProxy(announcer.port, port);
  // How many hear it.
  await expect.poll(() => announcing.publish('+switch-master', 'other 127.0.0.1 1 127.0.0.1 2')).toBe(1);
  const connections = async () => Number(fact(await raw.info('stats'), 'total_connections_received'));
  const before = await connections();
  await announcing.publish('+switch-master', `main 127.0.0.1 1 127.0.0.1 ${primary.port}`);
  await announcing.publish('+switch-master', 'another 127.0.0.1 1 127.0.0.1 2');
  await announcing.publish('+switch-master', `main 127.0.0.1 ${primary.port} 127.0.0.1 2`);
  await expect.poll(connections).toBeGreaterThan(before);
  // It is there already, and the others are not its primary: once is enough.
  expect(await connections()).toBe(before + 1);
  await there.close();
});

it('no Sentinel is listened to once the client was ended, also while its primary was away', async () => {
  const [primary, announcer] = [await aServer(), await aServer()];
  const announcing = rawClient(announcer.url);
  const heardBy = () => announcing.publish('+switch-master', 'another 127.0.0.1 1 127.0.0.1 2');
  const followed = new Redis(primary.url, { retryStrategy: () => 60_000 });
  followed.on('error', () => {});
  followFailovers(followed, 'main', [{ host: '127.0.0.1', port: announcer.port }], {});
  await expect.poll(heardBy).toBe(1);
  await primary.kill();
  await expect.poll(() => followed.status).toBe('reconnecting');
  endClient(followed);
  await expect.poll(heardBy).toBe(0);
});
