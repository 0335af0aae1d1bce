/** Plain sockets for scripts: bytes are written as they are given, and read as they come. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** How the other side of a connection went. `reset` is no orderly end. */
export type Parting = 'ended' | 'reset';

/** One end of a connection, and what it has received. */
export class Wire {
  readonly socket: Socket;
  /** All that has been received, one character for each byte. */
  received = '';
  /** Resolves when the other side has ended, or broken off, the connection. */
  readonly parted: Promise<Parting>;
  #over = false;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1');
      this.#wake();
    });
    this.parted = new Promise((resolve) => {
      const over = (parting: Parting) => () => {
        this.#over = true;
        this.#wake();
        resolve(parting);
      };
      socket.once('end', over('ended'));
      socket.once('error', over('reset'));
      socket.once('close', over('reset'));
    });
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1');
  }

  /** Resolves when `text` has been received `times` times. Fails when the connection is over before. */
  async until(text: string, times = 1): Promise<void> {
    while (this.received.split(text).length <= times) {
      if (this.#over) throw new Error(`the connection was over before ${text}: ${this.received}`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Everything received, once the other side is done. */
  async all(): Promise<string> {
    await this.parted;
    return this.received;
  }
}

/** Connects to a port of this machine. */
export async function dial(port: number): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return new Wire(socket);
}

/** An upstream that does what a script says, on each connection. */
export interface ScriptedUpstream {
  readonly origin: string;
  /** Connections so far, in their order. */
  readonly wires: readonly Wire[];
  /** The connection with this number, counted from 0, made or to come. */
  wire(index: number): Promise<Wire>;
  close(): Promise<void>;
}

/** @param script runs once for each connection */
export async function startScripted(
  script: (wire: Wire, index: number) => unknown,
): Promise<ScriptedUpstream> {
  const wires: Wire[] = [];
  const looking = new Set<() => void>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    const wire = new Wire(socket);
    wires.push(wire);
    for (const look of looking) look();
    void script(wire, wires.length - 1);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    wires,
    wire: (index) =>
      new Promise((resolve) => {
        const look = () => {
          const wire = wires[index];
          if (wire === undefined) return;
          looking.delete(look);
          resolve(wire);
        };
        looking.add(look);
        look();
      }),
    async close() {
      for (const { socket } of wires) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers every request head that comes, on every connection, with these bytes. */
export function answering(bytes: string): (wire: Wire) => Promise<void> {
  return async (wire) => {
    for (let answered = 1; ; answered += 1) {
      try {
        await wire.until('\r\n\r\n', answered);
      } catch {
        return;
      }
      wire.send(bytes);
    }
  };
}

/** A request that an upstream has got and not answered yet. */
export interface Held {
  /** Method and target. */
  readonly line: string;
  answer(bytes: string): void;
}

/** A script that answers nothing, and hands over every request in the order of arrival. */
export function holding(): { readonly script: (wire: Wire) => Promise<void>; next(): Promise<Held> } {
  const held: Held[] = [];
  let arrived: () => void = () => {};
  return {
    async script(wire) {
      for (let heads = 1; ; heads += 1) {
        try {
          await wire.until('\r\n\r\n', heads);
        } catch {
          return;
        }
        const [line = ''] =
          /[A-Z]+ \S+(?= HTTP)/.exec(wire.received.split('\r\n\r\n')[heads - 1] ?? '') ?? [];
        held.push({ line, answer: (bytes) => wire.send(bytes) });
        arrived();
      }
    },
    async next() {
      for (;;) {
        const first = held.shift();
        if (first !== undefined) return first;
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
  };
}

/** A plain answer with a body. */
export function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** A request with the headers that any has. */
export function request(line: string, ...headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, 'Host: api.example', ...headers, '', ''].join('\r\n');
}
