/** What a whole gateway does when the pushes that tell it of changes do not arrive. */
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { secretIndex } from '../../src/domain/secret.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Credential } from '../../src/domain/token.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { aZone } from '../support/records.ts';
import { type StoreAwaySite, startSite } from './store-away-site.ts';

/** For how long a token is believed, in milliseconds: the default. */
const FRESH_FOR = 5_000;
/** How often a subscription is asked for a sign of life, in milliseconds. */
const SIGN_OF_LIFE = 1_000;

/** The gateway's subscription, as a network that loses something sees it. */
const ofSubscription = (asked: string) => asked.includes('subscribe');
const push = (asked: string, said: string) => ofSubscription(asked) && said.includes('$7\r\nmessage\r\n');

/** A gateway that has its tokens in its cache, and a store of another process, past the gateway's network. */
async function withWriter(
  commandTimeout: string,
  test: (site: StoreAwaySite, writer: Store) => Promise<void>,
): Promise<void> {
  const site = await startSite({ commandTimeout });
  const { redis, clock, secrets } = site;
  try {
    const writer = await openRedisStore({ url: redis.url, prefix: 'tg:', commandTimeoutMs: 5_000, clock });
    try {
      for (const secret of [secrets.good, secrets.zoned]) {
        await expect.poll(async () => (await site.ask(secret)).status).toBe(200);
      }
      await test(site, writer);
    } finally {
      await writer.close();
    }
  } finally {
    await site.close();
  }
}

async function credentialOf(writer: Store, secret: string): Promise<Credential> {
  const found = await writer.findByHash(secretIndex(secret, null));
  if (found === null) throw new Error('the site has issued it');
  return found;
}

async function revoke(writer: Store, secret: string): Promise<void> {
  const { token } = await credentialOf(writer, secret);
  await writer.commit([{ put: 'token', token: { ...token, revokedAt: token.createdAt } }]);
}

async function kill(site: StoreAwaySite): Promise<void> {
  const admin = new Redis(site.redis.url);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  admin.disconnect();
}

/** Waits until the gateway has given up both of its connections, and tries anew. */
async function givenUp({ network }: StoreAwaySite, before: number): Promise<void> {
  await expect.poll(() => network.connections).toBeGreaterThanOrEqual(before + 2);
}

interface Interruption {
  readonly what: string;
  /** Short where silence has to be noticed. */
  readonly commandTimeout: string;
  readonly interrupt: (site: StoreAwaySite) => Promise<unknown> | unknown;
}

const interruptions: readonly Interruption[] = [
  { what: 'is killed', commandTimeout: '5s', interrupt: kill },
  {
    what: 'ends as Redis is restarted',
    commandTimeout: '5s',
    async interrupt(site) {
      const before = site.network.connections;
      await site.redis.restart();
      await givenUp(site, before);
    },
  },
  {
    what: 'is silent because Redis is frozen',
    commandTimeout: '500ms',
    async interrupt(site) {
      const { redis, clock, network } = site;
      const before = network.connections;
      redis.pause();
      clock.advance(SIGN_OF_LIFE);
      await givenUp(site, before);
      redis.resume();
    },
  },
  {
    what: 'is silent because Redis pauses its clients',
    commandTimeout: '500ms',
    async interrupt(site) {
      const { redis, clock, network } = site;
      const before = network.connections;
      const admin = new Redis(redis.url);
      await admin.client('PAUSE', 3_000, 'ALL');
      admin.disconnect();
      clock.advance(SIGN_OF_LIFE);
      await givenUp(site, before);
    },
  },
  {
    what: 'is silent while commands still flow',
    commandTimeout: '1s',
    async interrupt({ network, clock, readiness }) {
      network.loses = ofSubscription;
      clock.advance(SIGN_OF_LIFE);
      // Commands are answered, so this can be told.
      await expect.poll(async () => (await readiness()).components['store']).toMatch(/Changes do not arrive/);
      network.loses = () => false;
    },
  },
];

describe('a subscription that', () => {
  it.each(interruptions)(
    '$what puts in doubt what was read: it is read again before it is believed',
    ({ commandTimeout, interrupt }) =>
      withWriter(commandTimeout, async (site, writer) => {
        const { network, secrets, asked } = site;
        network.loses = push;
        await revoke(writer, secrets.good);
        // The push was lost, and nothing tells of it.
        const before = asked();
        expect((await site.ask(secrets.good)).status).toBe(200);
        expect(asked()).toBe(before);
        network.loses = () => false;
        await interrupt(site);
        await expect.poll(async () => (await site.readiness()).components['store']).toBe('ok');
        // So that the gateway tries again, where it had found the store away; not so far that anything is old.
        site.clock.advance(1_000);
        await expect.poll(async () => (await site.ask(secrets.good)).status).toBe(401);
        expect(asked()).toBeGreaterThan(before);
      }),
  );
});

describe('a gateway that no push reaches, and that does not know it,', () => {
  it('believes what it read for freshFor and not a moment longer', () =>
    withWriter('5s', async (site, writer) => {
      const { network, secrets, clock } = site;
      network.loses = push;
      const { token } = await credentialOf(writer, secrets.zoned);
      const [zone] = await writer.zones();
      if (zone === undefined || token.network.connection !== 'ZONE') throw new Error('the site has made it');
      await revoke(writer, secrets.good);
      await writer.commit([{ put: 'zone', zone: { ...zone, gateways: aZone(['192.0.2.0/24']).gateways } }]);
      for (const secret of [secrets.good, secrets.zoned]) expect((await site.ask(secret)).status).toBe(200);
      clock.advance(FRESH_FOR + 1);
      expect((await site.ask(secrets.good)).status).toBe(401);
      expect((await site.ask(secrets.zoned)).status).toBe(403);
    }));

  it('notices sooner what is in use: it is read again in the background at half that time', () =>
    withWriter('5s', async (site, writer) => {
      const { network, secrets, clock } = site;
      network.loses = push;
      await revoke(writer, secrets.good);
      clock.advance(FRESH_FOR / 2 + 1);
      expect((await site.ask(secrets.good)).status).toBe(200);
      await expect.poll(async () => (await site.ask(secrets.good)).status).toBe(401);
    }));
});
