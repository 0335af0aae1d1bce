/**
 * The store away, as a whole gateway meets it: every way in which a Redis fails here, and what must be true meanwhile
 * and afterwards (docs/store.md, "When Redis is away").
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { RedisServer } from '../support/redis-server.ts';
import {
  type Line,
  PAST_FRESH_MS,
  type SiteOptions,
  type StoreAwaySite,
  startSite,
} from './store-away-site.ts';

type Transition = 'away' | 'lost' | 'back';

interface Fault {
  readonly what: string;
  readonly options?: Partial<SiteOptions>;
  /** @param admin a client of the server's own, past the network */
  readonly inflict: (site: StoreAwaySite, admin: Redis) => Promise<unknown> | unknown;
  readonly heal: (site: StoreAwaySite, admin: Redis) => Promise<unknown> | unknown;
  /** How often the store may be asked until it is known to be away; once and no less unless said otherwise. */
  readonly questionsMax?: number;
  /** What the connection says, in order; that Redis is away and that it is back unless said otherwise. */
  readonly connectionSays?: readonly Transition[];
  /** Why the health report says that the store is away. */
  readonly says: RegExp;
}

/** A fault that is silence is only known by the time limit of a command. */
const SILENCE: Partial<SiteOptions> = { commandTimeout: '500ms' };

const killClients = async (admin: Redis) => {
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
};
const files = ({ directory }: RedisServer) =>
  [join(directory, 'appendonlydir'), join(directory, 'kept')] as const;
/** Long enough to load that the server answers meanwhile that it is loading: it looks up every 1,024 commands. */
const loading: string[] = [];

const faults: readonly Fault[] = [
  {
    what: 'is frozen',
    options: SILENCE,
    inflict: ({ redis }) => redis.pause(),
    heal: ({ redis }) => redis.resume(),
    says: /timed out|Socket timeout/,
  },
  {
    what: 'is slower than a command may be',
    options: SILENCE,
    inflict: ({ network }) => {
      network.delayMs = 2_000;
    },
    heal: ({ network }) => {
      network.delayMs = 0;
    },
    says: /timed out|Socket timeout/,
  },
  {
    what: 'breaks off in the middle of its answers',
    inflict: ({ network }) => {
      network.cutsReplies = true;
    },
    heal: ({ network }) => {
      network.cutsReplies = false;
    },
    says: /closed|Connection/,
  },
  {
    what: 'was killed',
    inflict: ({ redis }) => redis.kill(),
    heal: ({ redis }) => redis.restart(),
    says: /ECONNREFUSED|closed/,
  },
  {
    what: 'was restarted empty',
    inflict: async ({ redis }) => {
      const [data, kept] = files(redis);
      await redis.kill();
      cpSync(data, kept, { recursive: true });
      await redis.restart('empty');
    },
    heal: async ({ redis }) => {
      const [data, kept] = files(redis);
      await redis.kill();
      cpSync(kept, data, { recursive: true, force: true });
      await redis.restart();
    },
    connectionSays: ['away', 'lost', 'back'],
    says: /lost its data/,
  },
  {
    what: 'was emptied under open connections',
    inflict: (_, admin) => admin.rename('tg:{m}:identity', 'elsewhere'),
    heal: (_, admin) => admin.rename('elsewhere', 'tg:{m}:identity'),
    connectionSays: ['lost', 'back'],
    says: /lost its data/,
  },
  {
    what: 'was made a replica',
    inflict: (_, admin) => admin.replicaof('127.0.0.1', '1'),
    heal: (_, admin) => admin.replicaof('NO', 'ONE'),
    questionsMax: 3,
    says: /is a replica/,
  },
  {
    what: 'has another password',
    inflict: async (_, admin) => {
      await admin.config('SET', 'requirepass', 'another');
      await killClients(admin);
    },
    heal: (_, admin) => admin.config('SET', 'requirepass', ''),
    says: /NOAUTH/,
  },
  {
    what: 'knows the user no more',
    options: {
      credentials: 'gateway:secret@',
      prepare: async ({ url }) => {
        const admin = new Redis(url);
        await admin.acl('SETUSER', 'gateway', 'on', '>secret', '~*', '&*', '+@all');
        admin.disconnect();
      },
    },
    inflict: (_, admin) => admin.acl('DELUSER', 'gateway'),
    heal: (_, admin) => admin.acl('SETUSER', 'gateway', 'on', '>secret', '~*', '&*', '+@all'),
    says: /WRONGPASS/,
  },
  {
    what: 'is busy with a script',
    options: { args: ['--busy-reply-threshold', '1'] },
    inflict: async ({ redis }, admin) => {
      const stuck = new Redis(redis.url, { retryStrategy: null });
      stuck.eval('while true do end', 0).catch(() => stuck.disconnect());
      await expect.poll(() => admin.ping().catch((error: Error) => error.message)).toMatch(/BUSY/);
    },
    heal: (_, admin) => admin.script('KILL'),
    // It answers that it is busy, and the stages say so.
    connectionSays: [],
    says: /BUSY/,
  },
  {
    what: 'is loading its data',
    options: { args: loading },
    inflict: async ({ redis }, admin) => {
      await admin.eval("for i = 1, 60000 do redis.call('SET', 'filler:' .. i, 1) end", 0);
      await redis.kill();
      loading.push('--key-load-delay', '100');
      void redis.restart();
      await expect.poll(() => admin.get('a').catch((error: Error) => error.message)).toMatch(/LOADING/);
    },
    heal: (_, admin) => admin.config('SET', 'key-load-delay', '0'),
    says: /closed|ECONN|loading/,
  },
  {
    what: 'has no place for another client',
    inflict: async (_, admin) => {
      await admin.config('SET', 'maxclients', '1');
      await killClients(admin);
    },
    heal: (_, admin) => admin.config('SET', 'maxclients', '10000'),
    says: /closed|max number of clients/,
  },
];

const AWAY = { status: 503, retryAfter: '1' };
const SERVED = { status: 200, retryAfter: null };

/** Starts a site, breaks it, and mends it whatever the test finds. `said` are the lines of the log since it was broken. */
async function during(
  { options, inflict, heal }: Pick<Fault, 'options' | 'inflict' | 'heal'>,
  test: (site: StoreAwaySite, heal: () => Promise<unknown>, said: () => readonly Line[]) => Promise<void>,
): Promise<void> {
  const site = await startSite({ commandTimeout: '5s', ...options });
  const admin = new Redis(site.redis.url, { maxRetriesPerRequest: null, enableReadyCheck: false });
  admin.on('error', () => {});
  let healed = false;
  const healOnce = async () => {
    if (healed) return;
    healed = true;
    await heal(site, admin);
  };
  try {
    await admin.ping();
    for (const secret of [site.secrets.good, site.secrets.zoned]) {
      await expect.poll(() => served(site, secret)).toBe(200);
    }
    const before = site.log.length;
    await inflict(site, admin);
    await test(site, healOnce, () => site.log.slice(before));
  } finally {
    await healOnce();
    admin.disconnect();
    await site.close();
  }
}

/** Asks after the pause that a failure brings. */
async function served({ ask, clock }: StoreAwaySite, secret: string): Promise<number> {
  clock.advance(1_000);
  return (await ask(secret)).status;
}

/** When the good token was used last, as the store has it after what waits was written. */
async function lastUse({ clock, lastUseOfGood }: StoreAwaySite): Promise<number | null> {
  clock.advance(1_000);
  return lastUseOfGood();
}

/** The lines of a component, in order: each of them is a transition. */
function transitions(log: readonly Line[], component: string): Transition[] {
  return log.filter((line) => line.component === component).map(({ msg }) => transitionOf(msg));
}

function transitionOf(line: string): Transition {
  if (/has lost its data/.test(line)) return 'lost';
  if (/is away/.test(line)) return 'away';
  if (/is back|answers again/.test(line)) return 'back';
  throw new Error(`It is no transition: ${line}`);
}

describe('a gateway whose Redis', () => {
  it.each(faults)(
    '$what serves what it knows, refuses what it does not with 503, and recovers by itself',
    (fault) =>
      during(fault, async (site, heal, said) => {
        const { secrets, clock, asked, forwarded } = site;
        clock.advance(PAST_FRESH_MS);
        const usedAt = clock.now();
        const [askedBefore, forwardedBefore] = [asked(), forwarded()];
        for (let round = 1; round <= 3; round++) {
          expect(await site.ask(secrets.good)).toEqual(SERVED);
          expect(await site.ask(secrets.zoned)).toEqual(SERVED);
          expect(await site.ask(secrets.newcomer)).toEqual(AWAY);
          expect(await site.ask(secrets.unknown)).toEqual(AWAY);
        }
        // One has waited for the store, and nobody after it; and what was refused was not forwarded.
        expect(asked() - askedBefore).toBeGreaterThanOrEqual(1);
        expect(asked() - askedBefore).toBeLessThanOrEqual(fault.questionsMax ?? 1);
        expect(forwarded() - forwardedBefore).toBe(6);
        expect(await site.metric('tollgate_store_away')).toBe(1);
        expect(await site.readiness()).toMatchObject({
          status: 'degraded',
          components: {
            resolve: expect.stringMatching(/^Redis at /),
            limit: expect.stringMatching(/^Redis at /),
          },
        });
        await expect.poll(async () => (await site.readiness()).components['store']).toMatch(fault.says);

        await heal();
        await expect.poll(() => served(site, secrets.newcomer)).toBe(200);
        await expect.poll(() => served(site, secrets.unknown)).toBe(401);
        await expect.poll(() => lastUse(site)).toBe(usedAt);
        for (const secret of [secrets.good, secrets.zoned]) expect((await site.ask(secret)).status).toBe(200);
        await expect
          .poll(async () => {
            await served(site, secrets.good);
            return site.readiness();
          })
          .toEqual({ status: 'ok', components: { store: 'ok', resolve: 'ok', limit: 'ok' } });
        const lines = said();
        expect(transitions(lines, 'resolve')).toEqual(['away', 'back']);
        expect(transitions(lines, 'limit')).toEqual(['away', 'back']);
        expect(transitions(lines, 'store')).toEqual(fault.connectionSays ?? ['away', 'back']);
      }),
  );
});

describe('a gateway whose Redis answers, but', () => {
  const healthy = { status: 'ok', components: { store: 'ok', resolve: 'ok', limit: 'ok' } };

  it('has no memory left to count in knows every token, and counts for itself until it has', () =>
    during(
      {
        inflict: (_, admin) => admin.config('SET', 'maxmemory', '1'),
        heal: (_, admin) => admin.config('SET', 'maxmemory', '0'),
      },
      async (site, heal, said) => {
        const { secrets, clock } = site;
        clock.advance(PAST_FRESH_MS);
        for (let round = 1; round <= 3; round++) {
          clock.advance(1_000);
          for (const secret of [secrets.good, secrets.zoned, secrets.newcomer]) {
            expect(await site.ask(secret)).toEqual(SERVED);
          }
          expect((await site.ask(secrets.unknown)).status).toBe(401);
        }
        expect(await site.readiness()).toMatchObject({
          status: 'degraded',
          components: { store: 'ok', resolve: 'ok', limit: expect.stringMatching(/OOM/) },
        });
        await heal();
        await expect
          .poll(async () => {
            await served(site, secrets.good);
            return site.readiness();
          })
          .toEqual(healthy);
        const lines = said();
        expect(transitions(lines, 'limit')).toEqual(['away', 'back']);
        expect(transitions(lines, 'resolve')).toEqual([]);
        expect(transitions(lines, 'store')).toEqual([]);
      },
    ));

  it('has forgotten the scripts is told them again, and nobody notices', () =>
    during({ inflict: (_, admin) => admin.script('FLUSH'), heal: () => {} }, async (site, _, said) => {
      const { secrets, clock } = site;
      clock.advance(PAST_FRESH_MS);
      for (const secret of [secrets.good, secrets.zoned, secrets.newcomer]) {
        expect(await site.ask(secret)).toEqual(SERVED);
      }
      expect((await site.ask(secrets.unknown)).status).toBe(401);
      expect(await site.readiness()).toEqual(healthy);
      expect(said()).toEqual([]);
    }));
});

it('a token is served without its store for staleFor and no longer; then it is refused with 503, never 401', () =>
  during(
    { inflict: ({ redis }) => redis.kill(), heal: ({ redis }) => redis.restart() },
    async (site, heal) => {
      const { secrets, clock } = site;
      clock.advance(50_000);
      for (const secret of [secrets.good, secrets.zoned]) expect(await site.ask(secret)).toEqual(SERVED);
      clock.advance(20_000);
      for (const secret of Object.values(secrets)) expect(await site.ask(secret)).toEqual(AWAY);
      await heal();
      await expect.poll(() => served(site, secrets.good)).toBe(200);
    },
  ));

it('a database that was emptied stays away, and empty, however often the gateway connects to it again', () =>
  during({ inflict: ({ redis }) => redis.restart('empty'), heal: () => {} }, async (site) => {
    const { secrets, clock, redis, log } = site;
    const lost = async () => (await site.readiness()).components['store'];
    await expect.poll(lost).toMatch(/lost its data/);
    await redis.restart();
    clock.advance(PAST_FRESH_MS);
    expect(await site.ask(secrets.good)).toEqual(SERVED);
    await expect.poll(lost).toMatch(/lost its data/);
    for (let round = 1; round <= 3; round++) {
      clock.advance(1_000);
      expect(await site.ask(secrets.newcomer)).toEqual(AWAY);
    }
    const raw = new Redis(redis.url);
    expect(await raw.keys('*')).toEqual([]);
    raw.disconnect();
    // For whoever looks at the log at this moment: the last that it says is what is wrong.
    const store = log.filter(({ component }) => component === 'store');
    expect(store.at(-1)?.msg).toMatch(/lost its data/);
  }));
