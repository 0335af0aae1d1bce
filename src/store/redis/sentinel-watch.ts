import { Redis, type RedisOptions } from 'ioredis';
import type { RedisHost } from '../../domain/redis-url.ts';

/** Where Sentinel announces a failover: `name old-host old-port new-host new-port`. */
const SWITCHED = '+switch-master';
const RECONNECT_MS = 1_000;

/**
 * Connects a client anew as soon as any Sentinel says that the primary is another. Without that, a primary that was
 * frozen while another took its place would be written to until Sentinel made it a replica, and those writes be lost.
 * Done here, because the client's own detector writes to the console whenever a Sentinel is away.
 * @param options with which Sentinels are connected to
 * @param reconnectMs how long to wait before a Sentinel that is away is tried again, in milliseconds
 */
export function followFailovers(
  redis: Redis,
  primary: string,
  sentinels: readonly RedisHost[],
  options: Pick<RedisOptions, 'username' | 'password' | 'tls'>,
  reconnectMs = RECONNECT_MS,
): void {
  const watchers = sentinels.map((host) => {
    const watcher = new Redis({
      ...options,
      ...host,
      retryStrategy: () => reconnectMs,
      autoResubscribe: false,
    });
    // Why the primary is not found is told by the client itself.
    watcher.on('error', () => {});
    watcher.on('message', (_, message: string) => {
      const [name, , , host, port] = message.split(' ');
      if (name === primary && !isAt(redis, host, port)) connectAnew(redis);
    });
    // Each time it is there, so that one which was away at the start is heard too. What fails ends the connection.
    watcher.on('ready', () => {
      watcher.subscribe(SWITCHED).catch(() => watcher.disconnect(true));
    });
    return watcher;
  });
  redis.once('end', () => {
    for (const watcher of watchers) watcher.disconnect();
  });
}

/** Whether the client is at that address already: each Sentinel says so, one after the other. */
function isAt({ status, stream }: Redis, host: string | undefined, port: string | undefined): boolean {
  return status === 'ready' && stream.remoteAddress === host && stream.remotePort === Number(port);
}

function connectAnew(redis: Redis): void {
  const again = () => redis.disconnect(true);
  if (redis.status === 'ready' || redis.status === 'connect') again();
  // One that is searching would end for good if it were interrupted, and may have been told the old address.
  else if (redis.status === 'connecting') redis.once('connect', again);
}
