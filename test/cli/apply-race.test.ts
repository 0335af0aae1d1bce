/** An apply, and somebody who changes the same records after it has read them for the last time. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import { aToken, aUser, aZone } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type ApplySite, applySite } from './apply-site.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** A way to Redis on which something happens, once, before the first bytes that hold this text arrive there. */
async function interposed(text: string, happens: () => Promise<void>) {
  let due = true;
  const server = createServer((client) => {
    const to = connect(redis.port, '127.0.0.1');
    client.on('error', () => to.destroy()).on('close', () => to.destroy());
    to.on('error', () => client.destroy()).on('close', () => client.destroy());
    to.pipe(client);
    client.on('data', async (chunk) => {
      if (due && chunk.includes(text)) {
        due = false;
        client.pause();
        await happens();
        client.resume();
      }
      to.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const NOTHING = 'Nothing was written: apply the file again.';

it('does not bring a token back to life that was revoked in the last moment', async () => {
  const secret = mintSecret('tg');
  const user = aUser();
  const { token } = aToken(user.id, { hash: secretIndex(secret, null), name: 'nightly' });
  let site: ApplySite | null = null;
  const { server, url } = await interposed('renamed', async () => {
    const store = await site?.open();
    await store?.commit([{ put: 'token', token: { ...token, revokedAt: 5 }, replacing: token }]);
  });
  site = applySite(url);
  const store = await site.open();
  await store.commit([
    { put: 'user', user },
    { put: 'token', token },
  ]);
  const file = `tokens: [{ name: renamed, owner: ${user.login}, secret: ${secret} }]`;
  await expect(site.apply(file)).rejects.toThrow(NOTHING);
  expect((await store.token(token.id))?.token).toMatchObject({ name: 'nightly', revokedAt: 5 });
  await site.close();
  server.close();
});

it('does not take a zone away from a token that was bound to it in the last moment', async () => {
  const user = aUser();
  const zone = aZone(['192.0.2.0/24'], { name: 'office' });
  const { token } = aToken(user.id, { network: { connection: 'ZONE', include: [zone.id] } });
  let site: ApplySite | null = null;
  const { server, url } = await interposed('INACTIVE', async () => {
    const store = await site?.open();
    await store?.commit([
      { put: 'token', token },
      { expect: 'zone', zone },
    ]);
  });
  site = applySite(url);
  const store = await site.open();
  await store.commit([
    { put: 'user', user },
    { put: 'zone', zone },
  ]);
  const file = 'zones: [{ name: office, status: INACTIVE }]';
  await expect(site.apply(file)).rejects.toThrow(NOTHING);
  expect(await store.zone(zone.id)).toEqual(zone);
  await site.close();
  server.close();
});
