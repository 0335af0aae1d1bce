import type { Socket } from 'node:net';
import { networkOf, parseAddress } from '../../../domain/address.ts';
import type { Limits } from './options.ts';

/**
 * Counts the open connections, all of them and those of each address, so that none takes the place of all others. IPv6
 * addresses of one /64 are one: whoever has a line has all of them.
 */
export class ConnectionCounts {
  readonly #ofNetwork = new Map<string, number>();
  #all = 0;

  /**
   * Counts a connection until it is closed.
   * @param address null where a trusted proxy stands for many
   * @returns false when there are as many as there may be; then this one is not counted
   */
  admits(
    socket: Socket,
    address: string | null,
    most: Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>,
  ): boolean {
    if (this.#all >= most.maxConnections) return false;
    const network = address === null ? null : networkOfPeer(address);
    const open = network === null ? 0 : (this.#ofNetwork.get(network) ?? 0);
    if (open >= most.maxConnectionsPerAddress) return false;
    this.#all += 1;
    if (network !== null) this.#ofNetwork.set(network, open + 1);
    socket.once('close', () => this.#leave(network));
    return true;
  }

  #leave(network: string | null): void {
    this.#all -= 1;
    if (network === null) return;
    const left = (this.#ofNetwork.get(network) ?? 0) - 1;
    if (left > 0) this.#ofNetwork.set(network, left);
    else this.#ofNetwork.delete(network);
  }
}

function networkOfPeer(address: string): string {
  const parsed = parseAddress(address);
  // What cannot be read, such as an address with the scope of a link, stands for itself.
  return parsed === null ? address : networkOf(parsed);
}
