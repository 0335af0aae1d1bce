/** A whole gateway on a Redis that fails as a test wants, possibly behind a network that does, too. */
import { createServer } from 'node:http';
import { expect } from 'vitest';
import { assembleGateway } from '../../src/cli/assemble.ts';
import { openStore } from '../../src/cli/open-store.ts';
import { parseConfig } from '../../src/config/config.ts';
import { secretIndex } from '../../src/domain/secret.ts';
import type { Store } from '../../src/domain/store.ts';
import { createHealthServer } from '../../src/telemetry/health-server.ts';
import { createLog } from '../../src/telemetry/log.ts';

import { listening } from '../gateway/websocket-gateway.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { metricsOf } from '../support/metrics.ts';
import { aToken, aUser, aZone } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** More than the 5 s for which a token is believed, and less than the 60 s for which it is served without the store. */
export const PAST_FRESH_MS = 6_000;

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
}

export interface Readiness {
  readonly status: string;
  readonly components: Readonly<Record<string, string>>;
}

/** One line of the log, as far as tests look. */
export interface Line {
  readonly level: number;
  readonly component?: string;
  readonly msg: string;
}

export interface StoreAwaySite {
  readonly redis: RedisServer;
  readonly network: TcpProxy;
  readonly clock: ManualClock;
  readonly log: readonly Line[];
  /** Secrets: two of tokens that were used before, one of them bound to a zone; one of a token that was not; one of no token. */
  readonly secrets: Readonly<Record<'good' | 'zoned' | 'newcomer' | 'unknown', string>>;
  /** How often the store was asked for a token or for the zones. */
  readonly asked: () => number;
  /** How many requests the upstream has seen. */
  readonly forwarded: () => number;
  ask(secret: string): Promise<Answer>;
  readiness(): Promise<Readiness>;
  metric(name: string): Promise<number>;
  lastUseOfGood(): Promise<number | null>;
  close(): Promise<void>;
}

export interface SiteOptions {
  readonly args?: readonly string[];
  /** How long a command may take: short where the fault is silence, else so long that a busy machine is no fault. */
  readonly commandTimeout: string;
  /** Credentials for the URL: `user:password@`. */
  readonly credentials?: string;
  /** Before anything connects. */
  readonly prepare?: (redis: RedisServer) => Promise<void>;
}

export async function startSite({ args = [], commandTimeout, credentials = '', prepare }: SiteOptions) {
  const endings: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  try {
    const redis = await startRedis({ args });
    endings.push(() => redis.stop());
    await prepare?.(redis);
    const network = await startTcpProxy(redis.port);
    endings.push(() => network.close());
    let forwarded = 0;
    const upstream = createServer((_, response) => {
      forwarded += 1;
      response.end('ok');
    });
    const upstreamPort = await listening(upstream);
    endings.push(async () => upstream.close().closeAllConnections());

    const config = parseConfig(
      `
      store: { kind: redis, url: "redis://${credentials}127.0.0.1:${network.port}", commandTimeout: ${commandTimeout} }
      zone: { trustedProxies: [127.0.0.0/8] }
      account: { touchEvery: 0s }
      limit: { unmatched: { max: 1000, window: 60s } }
      forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:${upstreamPort}"], paths: [/] }] }
      `,
      {},
      'x.yaml',
    );
    const clock = manualClock();
    const log: Line[] = [];
    const logger = createLog('info', { write: (line) => log.push(JSON.parse(line) as Line) });
    const store = await openStore(config.store, clock, logger, { freshFor: config.resolve.freshFor });
    endings.push(() => store.close());
    const secrets = await issue(store);
    const counts = { asked: 0 };
    const gateway = await assembleGateway(config, counted(store, counts), clock, logger);
    endings.push(() => gateway.stop(0));
    const { port } = await gateway.transport.listen(0, '127.0.0.1');
    const metrics = metricsOf(gateway.metrics);
    const components = { store: () => store.trouble(), ...gateway.components };
    const health = createHealthServer({ metrics, readiness: () => 'ready' as const, components });
    const healthPort = await listening(health);
    endings.push(async () => health.close().closeAllConnections());

    const site: StoreAwaySite = {
      redis,
      network,
      clock,
      log,
      secrets,
      asked: () => counts.asked,
      forwarded: () => forwarded,
      async ask(secret) {
        const response = await fetch(`http://127.0.0.1:${port}/anything`, {
          headers: { authorization: `SSWS ${secret}` },
        });
        await response.arrayBuffer();
        return { status: response.status, retryAfter: response.headers.get('retry-after') };
      },
      async readiness() {
        const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
        return (await response.json()) as Readiness;
      },
      async metric(name) {
        const text = await metrics.getSingleMetricAsString(name);
        return Number(text.trim().split(' ').at(-1));
      },
      async lastUseOfGood() {
        const known = await store.findByHash(secretIndex(secrets.good, null));
        return known?.token.lastUsedAt ?? null;
      },
      close,
    };
    return site;
  } catch (error) {
    await close();
    throw error;
  }
}

async function issue(store: Store): Promise<StoreAwaySite['secrets']> {
  const user = aUser();
  const zone = aZone(['127.0.0.0/8']);
  const good = aToken(user.id);
  const zoned = aToken(user.id, { network: { connection: 'ZONE', include: [zone.id] } });
  const newcomer = aToken(user.id);
  let told = 0;
  const hush = await store.subscribe({
    onChange: ({ of }) => {
      if (of === 'user') told += 1;
    },
    onGap: () => {},
  });
  await store.commit([
    { put: 'user', user },
    { put: 'zone', zone },
    ...[good, zoned, newcomer].map(({ token }) => ({ put: 'token', token }) as const),
  ]);
  // By the commit, and by its push: one that came later would put in doubt what the gateway has read by then.
  await expect.poll(() => told).toBe(2);
  hush();
  const unknown = aToken(user.id);
  return {
    good: good.secret,
    zoned: zoned.secret,
    newcomer: newcomer.secret,
    unknown: unknown.secret,
  };
}

/** The store itself, with its questions for tokens and zones counted. */
function counted(store: Store, counts: { asked: number }): Store {
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (name === 'findByHash' || name === 'zones') counts.asked += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
}
