import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An address and a port of the configuration. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Why an address cannot be had, and what to do, by the error code of the system. */
const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another process: end that, or give another address',
  EADDRNOTAVAIL: 'is no address of this machine: give one that is, or 0.0.0.0 for all of them',
  EACCES:
    'may not be listened on by this user: give a port from 1024 on, or the user the right to lower ones',
};

/**
 * Binds an HTTP server.
 * @param exclusive whether a worker binds for itself, instead of sharing with all others
 * @returns where it listens
 */
export function listening(
  server: Server,
  port: number,
  host: string,
  exclusive = false,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, exclusive }, () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('not a network address'));
      else resolve(address);
    });
  });
}

/**
 * Binds one of the listeners.
 * @param listener its name under `listen` in the configuration
 * @throws Error that names the setting and says what to do, when the address cannot be had
 */
export async function bound(
  listener: 'proxy' | 'admin' | 'metrics',
  address: ListenAddress,
  listen: (address: ListenAddress) => Promise<AddressInfo>,
): Promise<AddressInfo> {
  try {
    return await listen(address);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = WHY_NOT[code ?? ''] ?? `cannot be listened on (${message}): give another address`;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    throw new Error(`listen.${listener}: ${host}:${address.port} ${why}`, { cause: error });
  }
}

/** Closes it with all its connections. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
