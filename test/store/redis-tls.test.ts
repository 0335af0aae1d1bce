import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import type { RedisTls } from '../../src/store/redis/client.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { aUser } from '../support/records.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { startSentinels } from '../support/redis-sentinel.ts';
import { startRedis } from '../support/redis-server.ts';
import { TLS_CLIENT } from '../support/redis-tls.ts';
import { Ear } from './ear.ts';

// Servers agree in their own time, and a busy machine gives them little of it.
vi.setConfig({ testTimeout: 60_000 });

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const pem = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url)), 'utf8');

async function open(url: string, tls: RedisTls) {
  const log: string[] = [];
  const store = await openRedisStore({
    ...{ url, tls, prefix: 'tg:', commandTimeoutMs: 5_000, clock: systemClock },
    onLog: (_, line) => log.push(line),
    // A connection of its own for commits.
    durability: { file: 'auto', replicas: 0, timeoutMs: 10_000 },
  });
  endings.push(() => store.close());
  return { store, log };
}

async function singleUrl(): Promise<string> {
  const server = await startRedis({ tls: true });
  endings.push(() => server.stop());
  return server.url;
}

describe('a Redis over TLS that asks for certificates', () => {
  it.each([
    ['one server', singleUrl],
    [
      'the primary of Sentinel',
      async () => {
        const sentinels = await startSentinels({ tls: true });
        endings.push(() => sentinels.stop());
        return sentinels.url;
      },
    ],
    [
      'a cluster',
      async () => {
        const cluster = await startCluster({ primaries: 2, tls: true });
        endings.push(() => cluster.stop());
        return cluster.url;
      },
    ],
  ])(
    'as %s is written to, and tells of changes, by who has an authority and a certificate',
    async (_, start) => {
      const url = await start();
      const { store } = await open(url, TLS_CLIENT);
      const other = await open(url, TLS_CLIENT);
      const ear = new Ear();
      await other.store.subscribe(ear);
      const user = aUser();
      await store.commit([{ put: 'user', user }]);
      await ear.until(() => ear.changes.some(({ of }) => of === 'user'));
      expect(await other.store.user(user.id)).toEqual(user);
      expect(await store.trouble()).toBeNull();
    },
  );

  // Who shows nothing, or what is not believed, hears so after its own part is done, and may find the connection closed.
  const REFUSED = /TLS fails, it says ".+": see store\.tls$|ECONNRESET|EPIPE|closed the connection/;

  it.each<[string, RedisTls, RegExp]>([
    [
      'whose authority is not known',
      { ...TLS_CLIENT, ca: pem('stranger-ca.crt') },
      /certificate is not believed: .*: see store\.tls$/,
    ],
    [
      'whose certificate is for another name',
      { ...TLS_CLIENT, servername: 'redis.example.com' },
      /not believed: .*redis\.example\.com.*: see store\.tls$/,
    ],
    ['and shows none', { ca: TLS_CLIENT.ca }, REFUSED],
    [
      'and shows that of a stranger',
      { ca: TLS_CLIENT.ca, cert: pem('stranger.crt'), key: pem('stranger.key') },
      REFUSED,
    ],
  ])('is away for who meets one %s, in one line that says why', async (_, tls, why) => {
    const { store, log } = await open(await singleUrl(), tls);
    expect(await store.trouble()).toMatch(why);
    expect(log).toEqual([expect.stringMatching(why)]);
    expect(log.join()).not.toContain('\n');
  });

  it('is held to the name that is configured', async () => {
    const { store } = await open(await singleUrl(), { ...TLS_CLIENT, servername: 'gateway.example.com' });
    expect(await store.trouble()).toBeNull();
  });
});
