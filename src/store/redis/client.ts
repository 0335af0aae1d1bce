import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { Cluster, Redis, type RedisCommander, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisPlace } from '../../domain/redis-url.ts';
import { connectorToOwner } from './cluster-connector.ts';
import { followFailovers } from './sentinel-watch.ts';
import { tlsReason } from './tls-reason.ts';

/** How TLS to Redis is checked and shown, where it is not as the system has it. Certificates are PEM. */
export type RedisTls = Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'servername'>;

export interface ConnectionOptions {
  /** As `parseRedisUrl` reads it. */
  readonly url: string;
  /** How long one command may take, in milliseconds. */
  readonly commandTimeoutMs: number;
  readonly tls?: RedisTls;
  /** How much longer than usual a connection may be silent, in milliseconds, since a command holds it up. */
  readonly blockedMs?: number;
  /** What every key begins with. Has no braces, which would move the hash tags of Redis Cluster. */
  readonly prefix: string;
  /** The identity that the data must have (docs/adr/0057-which-data.md); null for whatever is met first. */
  readonly identity?: string | null;
  /** Whether nothing is to be written: data that has no identity is given none, and cannot be read. */
  readonly onlyLooks?: boolean;
}

/** What it takes to reach a Redis, whatever is kept in it. */
export type Access = Omit<ConnectionOptions, 'prefix' | 'identity' | 'onlyLooks'>;

/** What can be asked of a server, and of a cluster. */
export type Commands = RedisCommander;

export type Client = Redis | Cluster;

const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 500;
const CONNECT_TIMEOUT_MS = 2_000;
/** How often a Redis that loads its data is asked whether it is done. */
const LOADING_RETRY_MS = 500;
/** How soon a script is sent again of which the cluster said that it was not run, since keys are on their way. */
const TRY_AGAIN_MS = 20;
/** How often the cluster is asked who serves what, besides whenever it says that something moved. */
const LOOK_AT_SLOTS_EVERY_MS = 5_000;
/** How ioredis begins to say that it will begin with the first Sentinel again. */
const NO_SENTINEL = 'All sentinels are unreachable';

/** @throws Error when the URL is none */
export function placeOf({ url }: Pick<Access, 'url'>): RedisPlace {
  const place = parseRedisUrl(url);
  // Without the URL: it may hold a password.
  if (place === null) throw new Error('Invalid URL of Redis');
  return place;
}

/**
 * A client with which no command ever hangs or is sent twice. A command waits for its answer no longer than
 * `commandTimeoutMs`; with no connection it fails at once; and a connection on which nothing is heard for twice
 * that time is given up, so that a frozen server, or a network that swallows packets, counts as away until a new
 * connection answers.
 * @throws Error when the URL is none
 */
export function createClient(options: Access): Client {
  const place = placeOf(options);
  return place.kind === 'cluster' ? clusterClient(place, options) : serverClient(place, options);
}

/**
 * A client of one server, also in a cluster, where it is the one that management writes to. It may subscribe, and
 * hears what is announced where it is said; and it may send what holds a connection up.
 * @throws Error when the URL is none
 */
export function createManagementClient(options: Access): Redis {
  const place = placeOf(options);
  if (place.kind !== 'cluster') return serverClient(place, options);
  const shared = serverOptions(place, options);
  return new Redis({ ...shared, Connector: connectorToOwner(place.hosts, shared) });
}

/** Ends a client for good, with all that goes by its end: ioredis tells none of one that waits to connect anew. */
export function endClient(client: Client): void {
  client.disconnect();
  if (client.status === 'reconnecting') client.emit('end');
}

/** Calls each time commands can be sent: in a cluster, once each server can be asked that can be reached. */
export function onReady(client: Client, listener: () => void): void {
  client.on('ready', () => void connected(client).then(listener));
}

/** Resolves once Redis has answered on a new connection, or could not be reached. */
export async function firstAttempt(client: Client): Promise<void> {
  await new Promise<void>((resolve) => {
    client.once('ready', resolve);
    client.once('close', resolve);
    client.on('error', (error) => {
      if (isSearch(error)) resolve();
    });
  });
  await connected(client);
}

async function connected(client: Client): Promise<void> {
  if (client instanceof Cluster) await Promise.all(client.nodes('master').map(settled));
}

/** Whether the error says that no Sentinel knows the primary; the search goes on, and no connection was closed. */
export function isSearch(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(NO_SENTINEL);
}

/** What went wrong, also where Node says it in the code alone. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause: unknown = 'lastNodeError' in error ? error.lastNodeError : undefined;
  if (cause instanceof Error) return reasonOf(cause);
  if (error.message === '' && 'code' in error) return String(error.code);
  return tlsReason(error) ?? error.message;
}

function serverOptions(place: RedisPlace, { commandTimeoutMs, tls, blockedMs = 0 }: Access) {
  return {
    ...(place.user === null ? {} : { username: place.user }),
    ...(place.password === null ? {} : { password: place.password }),
    ...(place.tls ? { tls: { ...tls } } : {}),
    commandTimeout: commandTimeoutMs,
    socketTimeout: 2 * commandTimeoutMs + blockedMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // What was under way when a connection broke may have been done: a request must not be counted twice.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: pause,
    // After a failover the address may lead to the new primary: connect again rather than write to a replica.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

/** What every connection to a server has in common. */
export type ServerOptions = ReturnType<typeof serverOptions>;

function serverClient(place: Exclude<RedisPlace, { kind: 'cluster' }>, options: Access): Redis {
  const shared = { ...serverOptions(place, options), db: place.database };
  if (place.kind === 'single') return new Redis({ ...shared, ...place.hosts[0] });
  const username = place.sentinelUser ?? undefined;
  const password = place.sentinelPassword ?? undefined;
  const tls = place.tls ? { ...options.tls } : undefined;
  const redis = new Redis({
    ...shared,
    name: place.primary,
    sentinels: [...place.hosts],
    sentinelUsername: username,
    sentinelPassword: password,
    enableTLSForSentinelMode: place.tls,
    sentinelTLS: tls,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    sentinelRetryStrategy: pause,
  });
  followFailovers(redis, place.primary, place.hosts, { username, password, tls });
  return redis;
}

/**
 * A command goes to the server of its slot, and to another only where that one says that it did not run it: MOVED,
 * ASK and TRYAGAIN. Of a connection that broke nobody knows, so nothing is sent again.
 */
function clusterClient(place: RedisPlace, options: Access): Cluster {
  const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = serverOptions(place, options);
  const cluster = new Cluster([...place.hosts], {
    redisOptions,
    enableOfflineQueue: false,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: TRY_AGAIN_MS,
    // Tried again for as long as a command may take.
    maxRedirections: Math.ceil(options.commandTimeoutMs / TRY_AGAIN_MS) + 3,
    slotsRefreshInterval: LOOK_AT_SLOTS_EVERY_MS,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    clusterRetryStrategy: pause,
    // Names stay names: certificates are for them, and what they lead to may change.
    dnsLookup: (name, done) => done(null, name),
  });
  // Before the first command, as others are refused while it makes the connection; but after the client's own.
  cluster.on('refresh', () => setImmediate(() => cluster.nodes('master').forEach(connect)));
  return cluster;
}

function connect(node: Redis): void {
  // A node that is away is told of by whoever watches the cluster, and asked again at the next refresh.
  if (node.status === 'wait') node.connect().catch(() => {});
}

/** Resolves once a node's first connection stands, or could not be made. */
function settled(node: Redis): Promise<void> {
  if (node.status === 'ready' || node.status === 'end') return Promise.resolve();
  return new Promise((resolve) => {
    node.once('ready', resolve);
    node.once('end', resolve);
  });
}

function pause(attempt: number): number {
  return reconnectPauseMs(attempt, Math.random());
}

/**
 * How long until the next attempt, in milliseconds: longer each time, and up to a quarter less than it might be, so that
 * all gateways of a fleet do not come at once.
 * @param attempt from 1
 * @param random 0 to 1
 */
export function reconnectPauseMs(attempt: number, random: number): number {
  return Math.min(RECONNECT_MS_MIN * 2 ** (attempt - 1), RECONNECT_MS_MAX) * (1 - random / 4);
}
