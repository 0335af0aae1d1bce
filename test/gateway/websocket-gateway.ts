/** A gateway that carries WebSockets, with the real gate on a real store, and clients for it. */
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientOptions, WebSocket } from 'ws';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Token } from '../../src/domain/token.ts';
import type { Outcome } from '../../src/gateway/exchange.ts';
import { createUpstreams, type Upstreams } from '../../src/gateway/forward/upstreams.ts';
import { createGate } from '../../src/gateway/gate.ts';
import { ConcurrencyStage } from '../../src/gateway/limit/concurrency-stage.ts';
import { LimitStage } from '../../src/gateway/limit/limit-stage.ts';
import { headRules } from '../../src/gateway/listen/head.ts';
import { LiveStreams, type Verdict } from '../../src/gateway/live-streams.ts';
import { Pipeline } from '../../src/gateway/pipeline.ts';
import { Resolver } from '../../src/gateway/resolve/resolver.ts';
import { createGeneralTransport } from '../../src/gateway/transport/general/server.ts';
import {
  createWebSocketUpgrades,
  type WebSocketTimeLimits,
  type WebSocketUpgrades,
} from '../../src/gateway/transport/general/websocket.ts';
import { ZoneDirectory } from '../../src/gateway/zone/zone-directory.ts';
import { ZoneStage } from '../../src/gateway/zone/zone-stage.ts';
import { Breaker } from '../../src/kernel/breaker.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aToken, aUser, aZone } from '../support/records.ts';
import { SteeredSource } from '../support/steered-source.ts';

/** What the test's own key of RFC 6455 §1.3 is answered with. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

export const TIME_LIMITS: WebSocketTimeLimits = {
  connectMs: 2_000,
  headMs: 10_000,
  idleMs: 3_600_000,
  graceMs: 3_000,
};

/** How often the gateway asks again whether its streams may stay, in milliseconds. */
export const RECHECK_MS = 1_000;

export const outsider = aZone(['192.0.2.0/24']);

export interface WebSocketGateway {
  readonly port: number;
  readonly clock: ManualClock;
  readonly store: Store;
  readonly source: SteeredSource;
  readonly streams: LiveStreams;
  readonly upstreams: Upstreams;
  readonly upgrades: WebSocketUpgrades;
  readonly owner: ReturnType<typeof aUser>;
  /** What the pipeline heard, in order. */
  readonly outcomes: Outcome[];
  readonly bugs: unknown[];
  /** Makes a token of the owner's. */
  issue(facts?: Partial<Token>): Promise<{ token: Token; secret: string }>;
  /** Fulfilled when the pipeline has heard of `count` exchanges. */
  settled(count: number): Promise<readonly Outcome[]>;
  close(): Promise<void>;
}

export interface WebSocketGatewayOptions {
  /** Origins. */
  readonly targets: readonly string[];
  readonly timeLimits?: Partial<WebSocketTimeLimits>;
  readonly retries?: number;
  readonly preserveHost?: boolean;
  readonly isTrusted?: (peer: string) => boolean;
}

/** Routes `/none` nowhere; limits `/scarce` to 2 requests a minute, of which one token may take 1. */
export async function startWebSocketGateway(options: WebSocketGatewayOptions): Promise<WebSocketGateway> {
  const clock = manualClock();
  const directory = await mkdtemp(join(tmpdir(), 'tollgate-'));
  const store = await openEmbeddedStore({ path: join(directory, 'tollgate.db'), clock });
  const owner = aUser();
  await store.commit([
    { put: 'user', user: owner },
    { put: 'zone', zone: outsider },
  ]);
  const source = new SteeredSource(store);
  const breaker = new Breaker(clock, 1_000);
  const fresh = { freshFor: 5_000, staleFor: 60_000 };
  const resolver = new Resolver(
    source,
    clock,
    breaker,
    { prefix: 'tg', pepper: null, failures: null, size: 1_000, negativeFreshFor: 5_000, ...fresh },
    { lookup: () => {} },
  );
  const trusted = compileAddressSet([]);
  const scarce = { name: 'scarce', match: ['GET /scarce'], max: 2, windowSeconds: 60 };
  const rest = { name: 'rest', match: ['* /**'], max: null, windowSeconds: 60 };
  const limitOptions = { defaultPercentage: 50, onStoreAway: 'deny', gateways: 1 } as const;
  const gate = createGate({
    failures: null,
    resolver,
    trustedProxies: trusted,
    zones: new ZoneStage(new ZoneDirectory(source, clock, breaker, fresh)),
    endpointOf: compileEndpoints([scarce, rest], { name: 'unmatched', match: [], max: 1, windowSeconds: 60 }),
    limits: new LimitStage(store.ledger, store.ledger, clock, breaker, limitOptions),
    concurrency: new ConcurrencyStage(store.slots, store.slots, breaker, limitOptions),
    clock,
  });
  const outcomes: Outcome[] = [];
  const bugs: unknown[] = [];
  const events = new EventEmitter();
  const onBug = (bug: unknown) => void bugs.push(bug);
  const pipeline = new Pipeline(
    gate,
    (outcome) => {
      outcomes.push(outcome);
      events.emit('outcome');
    },
    onBug,
  );
  const upstreams = createUpstreams(
    [
      {
        name: 'api',
        targets: options.targets,
        paths: ['/api', '/scarce'],
        probe: null,
        failures: 100,
        ejectMs: 1_000,
        connectTimeoutMs: 2_000,
        headTimeoutMs: 10_000,
        idleTimeoutMs: 10_000,
        keepAliveMs: 1_000,
      },
    ],
    clock,
    () => 0,
  );
  const streams = new LiveStreams();
  const verdict: Verdict = ({ token }) => {
    const found = resolver.resolveHash(token.hash);
    return found instanceof Promise
      ? found.then((late) => typeof late !== 'string')
      : typeof found !== 'string';
  };
  const unsubscribe = await store.subscribe({
    onChange(change) {
      resolver.changed(change);
      void streams.recheck(verdict);
    },
    onGap() {
      resolver.gap();
      void streams.recheck(verdict);
    },
  });
  streams.recheckEvery(RECHECK_MS, clock, verdict);
  const transportOptions = {
    pipeline,
    upstreams,
    clock,
    streams,
    onBug,
    rules: headRules({
      schemes: ['SSWS'],
      credentialHeader: null,
      passCredential: false,
      maxHeaders: 100,
      maxTargetLength: 8_192,
    }),
    limits: {
      maxConnections: 1_000,
      maxConnectionsPerAddress: 1_000,
      headSize: 16_384,
      headTimeoutMs: 5_000,
      bodySize: 1_000,
      bodyMinRate: null,
      idleTimeoutMs: 75_000,
      stallTimeoutMs: 75_000,
    },
    refusalForm: 'okta',
    scheme: 'http',
    preserveHost: options.preserveHost ?? false,
    retries: options.retries ?? 1,
    isTrusted: options.isTrusted ?? (() => false),
  } as const;
  const timeLimits = { ...TIME_LIMITS, ...options.timeLimits };
  const upgrades = createWebSocketUpgrades({ ...transportOptions, timeLimits });
  const transport = createGeneralTransport(transportOptions, upgrades);
  const { port } = await transport.listen(0, '127.0.0.1');

  return {
    port,
    clock,
    store,
    source,
    streams,
    upstreams,
    upgrades,
    owner,
    outcomes,
    bugs,
    async issue(facts = {}) {
      const made = aToken(owner.id, facts);
      await store.commit([{ put: 'token', token: made.token }]);
      return made;
    },
    async settled(count) {
      while (outcomes.length < count) await once(events, 'outcome');
      return outcomes;
    },
    async close() {
      const gone = upgrades.closeAll(1001, 'test is over');
      clock.advance(10 * TIME_LIMITS.headMs);
      const drained = transport.drain(0);
      await Promise.all([gone, drained]);
      await upstreams.close();
      unsubscribe();
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Listens on a free port of the loopback. */
export async function listening(server: import('node:net').Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A `ws` client of the gateway. */
export function client(
  { port }: WebSocketGateway,
  secret: string,
  path = '/api',
  { headers, ...options }: ClientOptions & { protocols?: string[] } = {},
): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, options.protocols ?? [], {
    ...options,
    headers: { authorization: `SSWS ${secret}`, ...headers },
  });
}

/** The code and reason of a close, once it has come. */
export async function closing(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = await once(socket, 'close');
  return { code, reason: String(reason) };
}

/** The head of an upgrade request that is right, but for what is changed in it; a header that is null is left out. */
export function upgradeHead(
  secret: string | null,
  { line = 'GET /api HTTP/1.1', ...changed }: Record<string, string | null | undefined> = {},
): string {
  const headers: Record<string, string | null | undefined> = {
    Host: 'gateway.example',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    Authorization: secret === null ? null : `SSWS ${secret}`,
    ...changed,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${line}\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export interface RawClient {
  readonly socket: Socket;
  /** All that has come, one character per byte. */
  readonly received: () => string;
  /** Fulfilled when what has come holds `text`. */
  until(text: string): Promise<string>;
  /** Fulfilled with all that has come when the connection is closed, whoever closed it and how. */
  readonly closed: Promise<string>;
}

/** A client that sends what it is told, and reads. It closes when the gateway ends, unless it is half open. */
export function rawClient(port: number, bytes: string, allowHalfOpen = false): RawClient {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  let received = '';
  const events = new EventEmitter();
  const closed = new Promise<string>((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => {
      events.emit('data');
      resolve(received);
    });
  });
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    events.emit('data');
  });
  socket.write(bytes, 'latin1');
  return {
    socket,
    received: () => received,
    async until(text) {
      while (!received.includes(text)) {
        if (socket.destroyed)
          throw new Error(`closed before ${text} came, after ${JSON.stringify(received)}`);
        await once(events, 'data');
      }
      return received;
    },
    closed,
  };
}
