import { once } from 'node:events';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import { testCa } from './test-tls.ts';

/** RFC 9113 §6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const ACK = 0x1;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;

/** What clients trust, read once. */
const secureContext = createSecureContext({ ca: testCa });

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** How a stream ended: the status of a whole answer, or the code of what broke it off; null when the connection ended. */
export interface StreamEnd {
  readonly status: number | null;
  /** Interim statuses are in it too. */
  readonly statuses: readonly number[];
  readonly body: string;
  readonly trailers: boolean;
  /** END_STREAM came. */
  readonly whole: boolean;
  readonly reset: number | null;
}

/** One frame's bytes. */
export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** A header block of literals that are not indexed (RFC 7541 §6.2.2), whatever they are. Names and values in turn. */
export function block(headers: readonly string[]): Buffer {
  return Buffer.concat(
    headers.map((text, at) => Buffer.concat([at % 2 === 0 ? Buffer.of(0) : Buffer.of(), literal(text)])),
  );
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const { length } = bytes;
  if (length < 127) return Buffer.concat([Buffer.of(length), bytes]);
  const prefix = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...prefix, rest]), bytes]);
}

/** Writes frames as they are given, and keeps those that come back. */
export class Http2RawClient {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<void>;
  #bytes = Buffer.alloc(0);
  #over = false;
  #next = 1;
  readonly #waiting = new Set<() => void>();

  static async connect(port: number): Promise<Http2RawClient> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      secureContext,
      servername: 'localhost',
      ALPNProtocols: ['h2'],
    });
    await once(socket, 'secureConnect');
    const client = new Http2RawClient(socket);
    socket.write(PREFACE);
    // SETTINGS_HEADER_TABLE_SIZE 0: every answer's head stands for itself.
    client.send(frame(FRAME.settings, 0, 0, Buffer.from([0, 1, 0, 0, 0, 0])));
    return client;
  }

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#over = true;
        this.#tell();
        resolve();
      });
    });
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** A number for a new stream. */
  stream(): number {
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** Opens a stream with a head; with END_STREAM unless there is more to come. @returns its number */
  open(headers: readonly string[], more = false): number {
    const id = this.stream();
    this.send(frame(FRAME.headers, END_HEADERS | (more ? 0 : END_STREAM), id, block(headers)));
    return id;
  }

  data(id: number, bytes: string, end = false): void {
    this.send(frame(FRAME.data, end ? END_STREAM : 0, id, bytes));
  }

  reset(id: number, code = 8): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(code);
    this.send(frame(FRAME.reset, 0, id, payload));
  }

  /** What there is of a stream's answer, as soon as `enough` says so, or the stream or the connection has ended. */
  async until(id: number, enough: (end: StreamEnd) => boolean = () => false): Promise<StreamEnd> {
    for (;;) {
      const end = endOf(this.frames.filter(({ stream }) => stream === id));
      if (end.whole || end.reset !== null || this.#over || enough(end)) return end;
      await new Promise<void>((resolve) => {
        const look = () => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  /** Codes of the GOAWAY frames that came. */
  goaways(): number[] {
    return this.frames
      .filter(({ type }) => type === FRAME.goaway)
      .map(({ payload }) => payload.readUInt32BE(4));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 9) {
      const length = this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < 9 + length) break;
      this.#take({
        type: this.#bytes.readUInt8(3),
        flags: this.#bytes.readUInt8(4),
        stream: this.#bytes.readUInt32BE(5),
        payload: this.#bytes.subarray(9, 9 + length),
      });
      this.#bytes = this.#bytes.subarray(9 + length);
    }
    this.#tell();
  }

  #take(taken: Frame): void {
    this.frames.push(taken);
    if (taken.type === FRAME.settings && taken.flags === 0) this.send(frame(FRAME.settings, 1, 0));
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function endOf(frames: readonly Frame[]): StreamEnd {
  const statuses: number[] = [];
  const body: string[] = [];
  let trailers = false;
  for (const { type, payload } of frames) {
    if (type === FRAME.data) body.push(payload.toString('latin1'));
    if (type !== FRAME.headers) continue;
    const status = statusOf(payload);
    if (status === null) trailers = true;
    else statuses.push(status);
  }
  const reset = frames.find(({ type }) => type === FRAME.reset)?.payload.readUInt32BE(0) ?? null;
  const whole = frames.some(({ type, flags }) => type <= FRAME.headers && (flags & END_STREAM) !== 0);
  const final = statuses.find((status) => status >= 200) ?? null;
  return { status: final, statuses, body: body.join(''), trailers, whole, reset };
}

/** Statuses of the static table (RFC 7541, appendix A), from index 8. */
const STATIC_STATUSES = [200, 204, 206, 304, 400, 404, 500];

/** `:status`, which is the first field of every answer's head; null where another is, as in trailers. */
function statusOf(headers: Buffer): number | null {
  let at = 0;
  // Changes of the table's size come first.
  while (((headers[at] ?? 0) & 0xe0) === 0x20) at += 1;
  const first = headers[at] ?? 0;
  if ((first & 0x80) !== 0) return STATIC_STATUSES[(first & 0x7f) - 8] ?? null;
  if ((first & 0x3f) !== 8 && (first & 0x0f) !== 8) return null;
  const length = headers[at + 1] ?? 0;
  const value = headers.subarray(at + 2, at + 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? value.toString('latin1') : digits(value));
}

/** Digits in the code of RFC 7541, appendix B: 0 to 2 in five bits, the others in six. */
function digits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let text = '';
  while (bits.length >= 5) {
    const short = Number.parseInt(bits.slice(0, 5), 2);
    const long = Number.parseInt(bits.slice(0, 6), 2) - 0b011001 + 3;
    if (short <= 2) text += short;
    else if (bits.length >= 6 && long >= 3 && long <= 9) text += long;
    else break;
    bits = bits.slice(short <= 2 ? 5 : 6);
  }
  return text;
}
