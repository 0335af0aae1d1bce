/** What keeps a whole gateway's tokens and zones fresh: one question a second, and not one for each token. */
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { secretIndex } from '../../src/domain/secret.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { aUser } from '../support/records.ts';
import { type StoreAwaySite, startSite } from './store-away-site.ts';

/** For how long a token is believed, in milliseconds: the default. */
const FRESH_FOR = 5_000;
const SECOND = 1_000;

async function onSite(test: (site: StoreAwaySite) => Promise<void>): Promise<void> {
  const site = await startSite({ commandTimeout: '5s' });
  try {
    const { good, zoned } = site.secrets;
    for (const secret of [good, zoned]) expect((await site.ask(secret)).status).toBe(200);
    await test(site);
  } finally {
    await site.close();
  }
}

/** Lets a second pass, and waits for the answer to what was asked in it: a connection answers in order. */
async function second({ clock, lastUseOfGood }: StoreAwaySite): Promise<void> {
  clock.advance(SECOND);
  // Twice: a script that Redis does not know yet is sent again.
  await lastUseOfGood();
  await lastUseOfGood();
}

it('a gateway in use asks for no token and no zone again while pushes arrive, however much time passes', () =>
  onSite(async (site) => {
    const before = site.asked();
    for (let passed = 0; passed < 10 * FRESH_FOR; passed += SECOND) {
      await second(site);
      expect((await site.ask(site.secrets.good)).status).toBe(200);
      expect((await site.ask(site.secrets.zoned)).status).toBe(200);
    }
    expect(site.asked()).toBe(before);
  }));

it('a gateway serves what it last vouched for until that is staleFor old, however long ago it was read', () =>
  onSite(async (site) => {
    for (let passed = 0; passed < 100 * SECOND; passed += SECOND) await second(site);
    const asked = site.asked();
    await site.redis.kill();
    site.clock.advance(59 * SECOND);
    for (const secret of [site.secrets.good, site.secrets.zoned]) {
      await expect.poll(async () => (await site.ask(secret)).status).toBe(200);
    }
    site.clock.advance(2 * SECOND);
    expect((await site.ask(site.secrets.good)).status).toBe(503);
    expect(site.asked()).toBeGreaterThan(asked);
  }));

it('a revocation of which the push is lost acts within freshFor, and what else is in use is read again once', () =>
  onSite(async (site) => {
    const { redis, clock, network, secrets } = site;
    const writer = await openRedisStore({ url: redis.url, prefix: 'tg:', commandTimeoutMs: 5_000, clock });
    try {
      await second(site);
      network.loses = (asked, said) => asked.includes('subscribe') && said.includes('message');
      const found = await writer.findByHash(secretIndex(secrets.good, null));
      if (found === null) throw new Error('the site has issued it');
      await writer.commit([{ put: 'token', token: { ...found.token, revokedAt: clock.now() } }]);
      const before = site.asked();
      // One question finds that something was committed; with the second it should have been heard.
      await second(site);
      await second(site);
      expect((await site.ask(secrets.good)).status).toBe(401);
      expect((await site.ask(secrets.zoned)).status).toBe(200);
      const gone = site.asked() - before;
      expect(gone).toBe(3);
      network.loses = () => false;
      for (let passed = 0; passed < 3 * FRESH_FOR; passed += SECOND) await second(site);
      expect((await site.ask(secrets.zoned)).status).toBe(200);
      expect(site.asked() - before).toBe(gone);
    } finally {
      await writer.close();
    }
  }));

it('a version that went back is a gap at once: what was read is read again', () =>
  onSite(async (site) => {
    const raw = new Redis(site.redis.url);
    try {
      await second(site);
      const before = site.asked();
      await raw.decr('tg:{m}:version');
      await second(site);
      expect((await site.ask(site.secrets.good)).status).toBe(200);
      expect(site.asked()).toBeGreaterThan(before);
    } finally {
      raw.disconnect();
    }
  }));

it('commits of an earlier version, which have no number, are acted on and then doubted', () =>
  onSite(async (site) => {
    const raw = new Redis(site.redis.url);
    try {
      await second(site);
      const before = site.asked();
      await raw
        .multi()
        .incr('tg:{m}:version')
        .publish('tg:changes', JSON.stringify([{ of: 'user', id: aUser().id }]))
        .exec();
      for (let passed = 0; passed < 3; passed++) await second(site);
      expect((await site.ask(site.secrets.good)).status).toBe(200);
      expect(site.asked()).toBeGreaterThan(before);
    } finally {
      raw.disconnect();
    }
  }));
