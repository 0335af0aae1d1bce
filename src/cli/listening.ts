import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

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

/** Closes it with all its connections. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
