/** A fleet under load: what management changes reaches every gateway by push, and acts. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { assembleGateway, type Gateway } from '../../src/cli/assemble.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { Mutation, Store } from '../../src/domain/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { listening } from '../gateway/websocket-gateway.ts';
import { Ear } from '../store/ear.ts';
import { anAgent, aShare, aToken, aUser, aZone } from '../support/records.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const GATEWAYS = 4;
const OF_EACH_KIND = 3;
/** How often a token is asked for again at each gateway once it was refused there. */
const AFTERWARDS = 3;

interface Subject {
  readonly kind: string;
  readonly secret: string;
  /** What there is before. */
  readonly records: readonly Mutation[];
  readonly change: Mutation;
  /** What the token is answered with afterwards. */
  readonly refusal: number;
  /** Whether that ends the streams which the token has opened. */
  readonly endsStreams: boolean;
}

/** Tokens with all that they depend on, each with a change after which it is refused. */
const kinds: readonly (() => Subject)[] = [
  () => {
    const { user, token, secret, records } = holder();
    const change: Mutation = { put: 'token', token: { ...token, revokedAt: systemClock.now() } };
    return {
      kind: 'token revoked',
      secret,
      records: [user, ...records],
      change,
      refusal: 401,
      endsStreams: true,
    };
  },
  () => {
    const { user, token, secret, records } = holder();
    const change: Mutation = { remove: 'token', id: token.id };
    return {
      kind: 'token deleted',
      secret,
      records: [user, ...records],
      change,
      refusal: 401,
      endsStreams: true,
    };
  },
  () => {
    const { user, secret, records } = holder();
    const change: Mutation = { put: 'user', user: { ...user.user, status: 'SUSPENDED' } };
    return {
      kind: 'user deactivated',
      secret,
      records: [user, ...records],
      change,
      refusal: 401,
      endsStreams: true,
    };
  },
  () => {
    const agent = anAgent();
    const { user, secret, records } = holder({ agentId: agent.id });
    const change: Mutation = { put: 'agent', agent: { ...agent, status: 'INACTIVE' } };
    return {
      kind: 'agent deactivated',
      secret,
      records: [user, { put: 'agent', agent }, ...records],
      change,
      refusal: 401,
      endsStreams: true,
    };
  },
  () => {
    const zone = aZone(['127.0.0.0/8']);
    const { user, secret, records } = holder({ network: { connection: 'ZONE', include: [zone.id] } });
    const gateways = aZone(['192.0.2.0/24']).gateways;
    const change: Mutation = { put: 'zone', zone: { ...zone, gateways } };
    return {
      kind: 'zone edited',
      secret,
      records: [user, { put: 'zone', zone }, ...records],
      change,
      refusal: 403,
      endsStreams: false,
    };
  },
  () => {
    const { user, token, secret, records } = holder();
    const share = aShare(token.id, { percentage: 50 });
    const change: Mutation = { put: 'share', share: { ...share, percentage: 0 } };
    return {
      kind: 'share changed',
      secret,
      records: [user, ...records, { put: 'share', share }],
      change,
      refusal: 429,
      endsStreams: false,
    };
  },
];

function holder(facts: Parameters<typeof aToken>[1] = {}) {
  const user = { put: 'user', user: aUser() } as const;
  const { token, secret } = aToken(user.user.id, { createdAt: systemClock.now(), ...facts });
  const records: readonly Mutation[] = [{ put: 'token', token }];
  return { user, token, secret, records };
}

interface FleetMember {
  readonly gateway: Gateway;
  readonly store: Store;
  /** What its store has heard. */
  readonly ear: Ear;
  readonly port: number;
}

let redis: RedisServer;
let writer: Store;
let fleet: FleetMember[];
const endings: (() => Promise<unknown> | unknown)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  endings.push(() => redis.stop());
  const upstream = createServer((request, response) => {
    if (request.url !== '/stream') return void response.end('ok');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: here\n\n');
  });
  const sockets = new WebSocketServer({ server: upstream });
  const port = await listening(upstream);
  endings.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    upstream.close().closeAllConnections();
  });
  // Nothing goes out of date by itself while the test runs: only a push can be the reason for a refusal.
  const config = parseConfig(
    `
    resolve: { freshFor: 1h, negativeFreshFor: 1h, staleFor: 1h }
    zone: { trustedProxies: [127.0.0.0/8] }
    limit: { unmatched: { max: 1000000 } }
    forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:${port}"], paths: [/] }] }
    `,
    {},
    'x.yaml',
  );
  const openStore = async () => {
    const store = await openRedisStore({
      url: redis.url,
      prefix: 'tg:',
      commandTimeoutMs: 10_000,
      clock: systemClock,
    });
    endings.push(() => store.close());
    return store;
  };
  writer = await openStore();
  fleet = await Promise.all(
    Array.from({ length: GATEWAYS }, async () => {
      const store = await openStore();
      const gateway = await assembleGateway(config, store, systemClock, createLog('silent'));
      endings.push(() => gateway.stop(0));
      const ear = new Ear();
      // After the gateway: what it has heard, the gateway has acted on.
      await store.subscribe(ear);
      const address = await gateway.transport.listen(0, '127.0.0.1');
      return { gateway, store, ear, port: address.port };
    }),
  );
});
afterAll(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const authorization = (secret: string) => ({ authorization: `SSWS ${secret}` });

async function statusOf({ port }: FleetMember, secret: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: authorization(secret) });
  await response.arrayBuffer();
  return response.status;
}

/** Asks without a pause until it is refused, and some times more. @returns what was answered, equal neighbours as one */
async function load(member: FleetMember, secret: string, onServed: () => void): Promise<number[]> {
  const seen: number[] = [];
  for (let afterwards = 0; afterwards <= AFTERWARDS; ) {
    const status = await statusOf(member, secret);
    if (status === 200) onServed();
    else afterwards += 1;
    if (seen.at(-1) !== status) seen.push(status);
  }
  return seen;
}

interface OpenStreams {
  readonly subject: Subject;
  readonly webSocketClosed: Promise<number>;
  readonly eventsEnded: Promise<void>;
  readonly webSocket: WebSocket;
  close(): void;
}

async function openStreams({ port }: FleetMember, subject: Subject): Promise<OpenStreams> {
  const headers = authorization(subject.secret);
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers });
  await once(webSocket, 'open');
  const webSocketClosed = once(webSocket, 'close').then(([code]) => Number(code));
  const abandoned = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/stream`, { headers, signal: abandoned.signal });
  const reader = response.body?.getReader();
  await reader?.read();
  const eventsEnded = (async () => {
    while (!(await reader?.read())?.done);
  })().catch(() => {});
  return {
    subject,
    webSocketClosed,
    eventsEnded,
    webSocket,
    close() {
      webSocket.terminate();
      abandoned.abort();
    },
  };
}

describe('four gateways under load', () => {
  it('refuse every token that was taken away, all of them, for good, and end what it had opened', async () => {
    const subjects = kinds.flatMap((make) => Array.from({ length: OF_EACH_KIND }, make));
    await writer.commit(subjects.flatMap(({ records }) => records));
    // Each gateway knows each token, and has streams open for one of each kind.
    const ofKind = kinds
      .map((_, index) => subjects[index * OF_EACH_KIND])
      .filter((each) => each !== undefined);
    const streams: OpenStreams[] = [];
    for (const member of fleet) {
      for (const { secret } of subjects) await expect.poll(() => statusOf(member, secret)).toBe(200);
      streams.push(...(await Promise.all(ofKind.map((subject) => openStreams(member, subject)))));
    }
    const underWay: Promise<void>[] = [];
    const loads = subjects.flatMap((subject) =>
      fleet.map(async (member) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        underWay.push(promise);
        return { subject, seen: await load(member, subject.secret, resolve) };
      }),
    );
    await Promise.all(underWay);

    for (const { change } of subjects) await writer.commit([change]);
    // What is announced keeps its order: whoever has heard of this has heard of all before.
    const mark = aUser();
    await writer.commit([{ put: 'user', user: mark }]);
    for (const member of fleet) {
      await member.ear.until(() =>
        member.ear.changes.some((each) => each.of === 'user' && each.id === mark.id),
      );
      for (const { kind, secret, refusal } of subjects) {
        expect([kind, await statusOf(member, secret)]).toEqual([kind, refusal]);
      }
      expect(member.ear.gaps).toBe(0);
    }
    // Who was served was served until then, and after the first refusal never again.
    for (const { subject, seen } of await Promise.all(loads)) {
      expect([subject.kind, ...seen]).toEqual([subject.kind, 200, subject.refusal]);
    }

    const [ended, open] = [true, false].map((ends) =>
      streams.filter(({ subject }) => subject.endsStreams === ends),
    );
    expect(ended).toHaveLength(4 * GATEWAYS);
    for (const { webSocketClosed, eventsEnded } of ended ?? []) {
      expect(await webSocketClosed).toBe(1008);
      await eventsEnded;
    }
    // A token that may not be used from here, or no more just now, may go on with what it was allowed.
    for (const { webSocket } of open ?? []) expect(webSocket.readyState).toBe(WebSocket.OPEN);
    for (const { close } of streams) close();
  });
});
