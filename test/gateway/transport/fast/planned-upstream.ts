/**
 * An upstream that answers the requests of each connection in their order, as the target of each asks it to:
 * `/ID/PLAN/NUMBER`. Every answer shows the id of its request, in its head and throughout its body.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What an answer is like. `slow` comes after NUMBER turns of the event loop, `split` in NUMBER pieces. */
export const PLANS = [
  'plain',
  'slow',
  'split',
  'chunked',
  'empty',
  'long',
  'close',
  'until-close',
  'event-stream',
  'late-timeout',
  'reset',
  'half',
] as const;
export type Plan = (typeof PLANS)[number];

/** Plans whose answer never reaches its end. */
export const BROKEN: ReadonlySet<Plan> = new Set(['reset', 'half']);

/** More than is read of an answer that nobody waits for. */
const LONG = 200_000;

export interface PlannedUpstream {
  readonly origin: string;
  /** How often each target was read. */
  readonly seen: ReadonlyMap<string, number>;
  /** Targets answered over connections that were reset then: a reset overtakes what was written before it. */
  readonly overtaken: ReadonlySet<string>;
  /** Requests that were read in one piece with the one before them. */
  readonly together: number;
  close(): Promise<void>;
}

/** The body of the answer to a target. */
export function bodyFor(target: string): string {
  const [, id = '', plan = '', number = ''] = target.split('/');
  if (plan === 'empty') return '';
  return `${id} `.repeat(plan === 'long' ? LONG / (id.length + 1) : 1 + Number(number));
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Answers one request. @returns false when the connection is over with it */
async function answer(socket: Socket, target: string): Promise<boolean> {
  const [, id = '', name = '', number = ''] = target.split('/');
  const plan = name as Plan;
  const count = Number(number);
  const body = bodyFor(target);
  const head = (...lines: string[]) => ['HTTP/1.1 200 OK', `X-Asked: ${id}`, ...lines, '', ''].join('\r\n');
  const measured = head(`Content-Length: ${body.length}`) + body;
  switch (plan) {
    case 'plain':
    case 'long':
      socket.write(measured);
      return true;
    case 'slow':
      for (let turns = 0; turns < count; turns += 1) await turn();
      socket.write(measured);
      return true;
    case 'split': {
      const size = Math.ceil(measured.length / (count + 1));
      for (let at = 0; at < measured.length; at += size) {
        socket.write(measured.slice(at, at + size));
        await turn();
      }
      return true;
    }
    case 'chunked':
      socket.write(head('Transfer-Encoding: chunked'));
      for (const word of body.split(/(?<= )/)) {
        socket.write(`${word.length.toString(16)}\r\n${word}\r\n`);
        if (count % 2 === 0) await turn();
      }
      socket.write('0\r\n\r\n');
      return true;
    case 'empty':
      socket.write(`HTTP/1.1 204 No Content\r\nX-Asked: ${id}\r\n\r\n`);
      return true;
    case 'close':
      socket.end(head(`Content-Length: ${body.length}`, 'Connection: close') + body);
      return false;
    case 'until-close':
      socket.write(head());
      await turn();
      socket.end(body);
      return false;
    case 'event-stream':
      socket.write(head(`Content-Length: ${body.length}`, 'Content-Type: text/event-stream'));
      for (let turns = 0; turns < count; turns += 1) await turn();
      socket.write(body);
      return true;
    case 'late-timeout':
      socket.end(`HTTP/1.1 408 Request Timeout\r\nX-Asked: ${id}\r\nContent-Length: 0\r\n\r\n`);
      return false;
    case 'half':
      socket.write(head(`Content-Length: ${body.length + 1}`) + body);
      for (let turns = 0; turns < count; turns += 1) await turn();
      socket.resetAndDestroy();
      return false;
    case 'reset':
      for (let turns = 0; turns < count; turns += 1) await turn();
      socket.resetAndDestroy();
      return false;
  }
}

export async function startPlannedUpstream(): Promise<PlannedUpstream> {
  const seen = new Map<string, number>();
  const overtaken = new Set<string>();
  const sockets = new Set<Socket>();
  let together = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const waiting: string[] = [];
    const answered: string[] = [];
    let answering = false;
    async function answerAll(): Promise<void> {
      answering = true;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        answered.push(next);
        if (await answer(socket, next)) continue;
        waiting.length = 0;
        if (!socket.writableEnded) for (const target of answered) overtaken.add(target);
      }
      answering = false;
    }
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      const heads = received.split('\r\n\r\n');
      received = heads.pop() ?? '';
      together += Math.max(0, heads.length - 1);
      for (const head of heads) {
        const target = head.split(' ')[1] ?? '';
        seen.set(target, (seen.get(target) ?? 0) + 1);
        if (!socket.writableEnded) waiting.push(target);
      }
      if (!answering) void answerAll();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      waiting.length = 0;
      sockets.delete(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    seen,
    overtaken,
    get together() {
      return together;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
