import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A response as it arrived, one character per byte. */
export interface RawResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** False when the connection ended before the body did. */
  readonly complete: boolean;
  /** The first value of a header, by its name in any letters. */
  header(name: string): string | null;
}

interface Framed {
  readonly response: RawResponse;
  readonly length: number;
}

/** Writes bytes as they are given, and reads the framed responses that come back. */
export class RawClient {
  readonly #socket: Socket;
  #bytes = '';
  #over = false;
  #changed: () => void = () => {};
  /** Resolves when the other side has ended the connection, or it broke. */
  readonly closed: Promise<void>;

  /** @param localAddress the address to come from: any of 127.0.0.0/8 */
  static async connect(port: number, localAddress = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#bytes += bytes.toString('latin1');
      this.#changed();
    });
    this.closed = new Promise((resolve) => {
      const over = () => {
        this.#over = true;
        this.#changed();
        resolve();
      };
      socket.on('end', over);
      socket.on('error', over);
      socket.on('close', over);
    });
  }

  /** Writes the characters as a byte each. */
  send(bytes: string): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes, 'latin1');
  }

  /** The next response, whatever its status; null when the connection ended before there was one. */
  async response(method = 'GET'): Promise<RawResponse | null> {
    for (;;) {
      const framed = frame(this.#bytes, method, this.#over);
      if (framed !== null) {
        this.#bytes = this.#bytes.slice(framed.length);
        return framed.response;
      }
      if (this.#over) return null;
      await this.#change();
    }
  }

  /** Every response until the other side has ended the connection. */
  async responses(method = 'GET'): Promise<RawResponse[]> {
    const all: RawResponse[] = [];
    for (;;) {
      const response = await this.response(method);
      if (response === null) return all;
      all.push(response);
    }
  }

  /** The next so many bytes, which are no response; fewer when the connection ends before. */
  async bytes(count: number): Promise<string> {
    while (this.#bytes.length < count && !this.#over) await this.#change();
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(count);
    return taken;
  }

  /** Resolves when at least one more byte, or the end, has arrived. */
  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#changed = resolve;
    });
  }

  /** Ends this side of the connection alone. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The response at the front of `bytes`, once all of it is there. */
function frame(bytes: string, method: string, over: boolean): Framed | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [statusLine = '', ...lines] = bytes.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(statusLine)?.[1]);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const header = (name: string) =>
    headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1] ?? null;
  const made = (body: string, length: number, complete: boolean): Framed => ({
    response: { status, headers, body, complete, header },
    length,
  });
  const start = end + 4;
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return made('', start, true);
  if (header('Transfer-Encoding') === 'chunked') return frameChunks(bytes, start, over, made);
  const stated = header('Content-Length');
  const wanted = stated === null ? Number.POSITIVE_INFINITY : Number(stated);
  const there = bytes.length - start;
  if (there >= wanted) return made(bytes.slice(start, start + wanted), start + wanted, true);
  return over ? made(bytes.slice(start), bytes.length, stated === null) : null;
}

function frameChunks(
  bytes: string,
  start: number,
  over: boolean,
  made: (body: string, length: number, complete: boolean) => Framed,
): Framed | null {
  let body = '';
  let at = start;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    const size = line === -1 ? 0 : Number.parseInt(bytes.slice(at, line), 16);
    const next = line + 2 + size + 2;
    if (line === -1 || (size > 0 && bytes.length < next)) {
      return over ? made(body, bytes.length, false) : null;
    }
    if (size === 0) {
      const end = bytes.indexOf('\r\n\r\n', line);
      if (end === -1) return over ? made(body, bytes.length, false) : null;
      return made(body, end + 4, true);
    }
    body += bytes.slice(line + 2, line + 2 + size);
    at = next;
  }
}
