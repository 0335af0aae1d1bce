import type { Socket } from 'node:net';
import { TurnoverSet } from '../../../kernel/turnover.ts';
import { Http2Connection } from './http2-connection.ts';
import type { GeneralTransportOptions } from './options.ts';
import type { Drained } from './server.ts';

/** The connections of the general transport that speak HTTP/2. */
export class Http2Connections {
  #options: GeneralTransportOptions;
  readonly #open = new TurnoverSet<Http2Connection>();
  #isLastCall = false;
  #onEmpty: () => void = () => {};

  constructor(options: GeneralTransportOptions) {
    this.#options = options;
  }

  /** @param socket on which TLS has agreed on HTTP/2 */
  take(socket: Socket): void {
    if (socket.destroyed) return;
    const connection = new Http2Connection(
      socket,
      () => this.#options,
      () => this.#isLastCall,
    );
    this.#open.add(connection);
    socket.once('close', () => {
      this.#open.delete(connection);
      if (this.#open.size === 0) this.#onEmpty();
    });
  }

  /** Looks whether clients keep up. @param now milliseconds of the monotonic clock */
  tick(now: number): void {
    for (const connection of this.#open) connection.tick(now);
  }

  /** From now on each connection ends with its next answer. */
  lastCall(): void {
    this.#isLastCall = true;
  }

  /** Lets the streams under way end, and cuts off what is left after `graceMs` milliseconds. Never rejects. */
  async drain(graceMs: number): Promise<Drained> {
    const draining = [...this.#open];
    const underway = () => draining.reduce((sum, connection) => sum + connection.underway, 0);
    const before = underway();
    let cut = 0;
    const cutOff = () => {
      cut = underway();
      for (const connection of this.#open) connection.destroy();
      return () => {};
    };
    for (const connection of draining) connection.drain();
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const stopWaiting = graceMs > 0 ? this.#options.clock.after(graceMs, cutOff) : cutOff();
    if (this.#open.size > 0) await empty;
    stopWaiting();
    return { finished: before - cut, cut };
  }

  /** From the next stream on, goes by other options. */
  adopt(options: GeneralTransportOptions): void {
    this.#options = options;
  }

  get open(): number {
    return this.#open.size;
  }
}
