import type { Socket } from 'node:net';
import { networkOf, parseAddress } from '../../../domain/address.ts';

/**
 * Counts the open connections of each address, so that none takes the place of all others. IPv6 addresses of one /64
 * are one: whoever has a line has all of them.
 */
export class AddressCounts {
  readonly #open = new Map<string, number>();

  /**
   * Counts a connection until it is closed.
   * @param most how many its address may have
   * @returns false when it has them already; then this one is not counted
   */
  admits(socket: Socket, address: string, most: number): boolean {
    const parsed = parseAddress(address);
    // What cannot be read, such as an address with the scope of a link, stands for itself.
    const network = parsed === null ? address : networkOf(parsed);
    const open = this.#open.get(network) ?? 0;
    if (open >= most) return false;
    this.#open.set(network, open + 1);
    socket.once('close', () => this.#leave(network));
    return true;
  }

  #leave(network: string): void {
    const left = (this.#open.get(network) ?? 0) - 1;
    if (left > 0) this.#open.set(network, left);
    else this.#open.delete(network);
  }
}
