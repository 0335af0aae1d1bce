import type { Socket } from 'node:net';

/** Counts the open connections of each address, so that none takes the place of all others. */
export class AddressCounts {
  readonly #open = new Map<string, number>();

  /**
   * Counts a connection until it is closed.
   * @param most how many its address may have
   * @returns false when it has them already; then this one is not counted
   */
  admits(socket: Socket, address: string, most: number): boolean {
    const open = this.#open.get(address) ?? 0;
    if (open >= most) return false;
    this.#open.set(address, open + 1);
    socket.once('close', () => this.#leave(address));
    return true;
  }

  #leave(address: string): void {
    const left = (this.#open.get(address) ?? 0) - 1;
    if (left > 0) this.#open.set(address, left);
    else this.#open.delete(address);
  }
}
