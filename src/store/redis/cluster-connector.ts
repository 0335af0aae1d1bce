import { connect as connectPlain, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis } from 'ioredis';
import type { RedisHost } from '../../domain/redis-url.ts';
import type { ServerOptions } from './client.ts';
import { MANAGEMENT_SLOT } from './script.ts';

const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * Connects a client to the server of a cluster that serves what management writes, asked anew at each connection.
 * When nobody says who that is, to each of the hosts in turn: any of them hears of changes through the cluster.
 * @param options with which the hosts are asked
 */
export function connectorToOwner(hosts: readonly RedisHost[], options: ServerOptions) {
  return class OwnerConnector extends AbstractConnector {
    #attempts = 0;

    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      const fallback = hosts[this.#attempts++ % hosts.length];
      const target = (await ownerOf(hosts, options)) ?? fallback;
      if (target === undefined || !this.connecting) throw new Error('Connection is closed.');
      const to: NetConnectOpts = { host: target.host, port: target.port };
      this.stream = options.tls === undefined ? connectPlain(to) : connectTls({ ...to, ...options.tls });
      this.stream.once('error', (error) => {
        this.firstError = error;
      });
      return this.stream;
    }
  };
}

async function ownerOf(hosts: readonly RedisHost[], options: ServerOptions): Promise<RedisHost | null> {
  for (const host of hosts) {
    const asked = new Redis({
      ...options,
      ...host,
      enableOfflineQueue: true,
      enableReadyCheck: false,
      retryStrategy: null,
    });
    asked.on('error', () => {});
    try {
      const owner = ownerAmong(await asked.cluster('SLOTS'));
      if (owner !== null) return owner;
    } catch {
      // The next may know.
    } finally {
      asked.disconnect();
    }
  }
  return null;
}

/** @param slots as `CLUSTER SLOTS` answers: lists of first slot, last slot, primary (address, port, …), replicas */
function ownerAmong(slots: readonly unknown[]): RedisHost | null {
  for (const range of slots) {
    if (!Array.isArray(range)) continue;
    const [first, last, primary]: readonly unknown[] = range;
    if (Number(first) > MANAGEMENT_SLOT || Number(last) < MANAGEMENT_SLOT || !Array.isArray(primary))
      continue;
    const [host, port]: readonly unknown[] = primary;
    if (typeof host === 'string' && host !== '') return { host, port: Number(port) };
  }
  return null;
}
