import type { Socket } from 'node:net';

/** Writes requests to one connection. */
export class RequestSender {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Writes a request, or its beginning, or several that are complete.
   * @param head request line, headers and as much of the body as stands in characters, one for each byte
   * @param body what follows as bytes, or null
   * @returns false when the upstream should be given time
   */
  send(head: string, body: Buffer | null): boolean {
    if (body === null) return this.#socket.write(head, 'latin1');
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    const flowing = this.#socket.write(body);
    this.#socket.uncork();
    return flowing || !this.isBehind;
  }

  /** Writes more of the body. @returns as `send` does */
  sendMore(body: Buffer): boolean {
    const flowing = this.#socket.write(body);
    // What the system has taken may have been large enough for the socket to ask for a pause.
    return flowing || !this.isBehind;
  }

  /** Whether the system is still to read from what was written. */
  get isBehind(): boolean {
    return this.#socket.writableLength > 0;
  }
}
