/**
 * An upstream that is stricter about HTTP than anything that runs: one spelling of each thing, or it is malformed.
 * It keeps what it saw, so that tests can judge by what arrived and not by what the gateway says.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { StrictReader } from './strict-reader.ts';

/** A request as it arrived. One that was cut off stays incomplete. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** In their order and spelling. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** One character per byte. */
  body: string;
  complete: boolean;
  /** Counts the connections of this upstream; a request smuggled behind another has the number of that one. */
  readonly connection: number;
}

/** Answers a request that is complete; writes to the socket what it likes. */
export type Answer = (request: SeenRequest, socket: Socket) => void;

/** Values of a header by its name in small letters. */
export function valuesOf(request: SeenRequest, name: string): string[] {
  return request.headers
    .filter(([each]) => each.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
}

export interface StrictUpstream {
  readonly origin: string;
  /** In the order in which their heads arrived. */
  readonly requests: readonly SeenRequest[];
  /** Why bytes that arrived are not strict HTTP/1.1; the connection was closed then. */
  readonly malformed: readonly string[];
  /** How requests are answered; a 200 that shows what arrived, unless set otherwise. */
  answer: Answer;
  /** Hears of a request as soon as its head is there, before `answer` does; null unless set. */
  onHead: Answer | null;
  /** Resolves with the first request, seen or to come, of this target, once it is complete. */
  completed(target: string): Promise<SeenRequest>;
  /** Everything that arrived without the gateway's stamp, twice, or malformed: each in a line. */
  smuggled(): string[];
  close(): Promise<void>;
}

/** The answer unless another is set. */
export const answerPlainly: Answer = (request, socket) => {
  const body = JSON.stringify({ method: request.method, target: request.target, body: request.body.length });
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(request.method === 'HEAD' ? head : head + body, 'latin1');
};

export async function startStrictUpstream(): Promise<StrictUpstream> {
  const requests: SeenRequest[] = [];
  const malformed: string[] = [];
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  let connections = 0;

  const server = createServer((socket) => {
    sockets.add(socket);
    connections += 1;
    const reader = new StrictReader(connections, {
      head: (request) => {
        requests.push(request);
        upstream.onHead?.(request, socket);
      },
      complete: (request) => {
        for (const look of waiting) look();
        upstream.answer(request, socket);
      },
      malformed: (why) => {
        malformed.push(why);
        socket.destroy();
      },
    });
    socket.on('data', (bytes) => reader.read(bytes.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const upstream: StrictUpstream = {
    origin: `http://127.0.0.1:${port}`,
    requests,
    malformed,
    answer: answerPlainly,
    onHead: null,
    completed: (target) =>
      new Promise((resolve) => {
        const look = () => {
          const found = requests.find((request) => request.complete && request.target === target);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    smuggled: () => [...malformed.map((why) => `malformed: ${why}`), ...unstamped(requests)],
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return upstream;
}

const STAMPS: Readonly<Record<string, RegExp>> = {
  'x-request-id': /^[0-9a-f]{32}$/,
  'x-tollgate-token-id': /^00T[A-Za-z0-9]{17}$/,
  'x-tollgate-user-id': /^00u[A-Za-z0-9]{17}$/,
  'x-tollgate-user-login': /^[\x21-\x7e]+$/,
  'x-tollgate-roles': /^[A-Z_,]*$/,
  'x-forwarded-for': /^[0-9a-f.:, unkow]+$/,
  'x-forwarded-proto': /^https?$/,
  'x-forwarded-host': /^[\x21-\x7e]*$/,
};

/** The gateway marks each request that it forwards, once, with an id that no other has. */
function unstamped(requests: readonly SeenRequest[]): string[] {
  const ids = new Set<string>();
  return requests.flatMap((request) => {
    const line = `${request.method} ${request.target}`;
    const wrong = Object.entries(STAMPS)
      .filter(([name, form]) => {
        const values = valuesOf(request, name.replaceAll('_', '-'));
        return values.length !== 1 || !form.test(values[0] ?? '');
      })
      .map(([name]) => `${line}: ${name} is ${JSON.stringify(valuesOf(request, name))}`);
    const [id = ''] = valuesOf(request, 'x-request-id');
    if (ids.has(id)) wrong.push(`${line}: the id ${id} came twice`);
    ids.add(id);
    return wrong;
  });
}
