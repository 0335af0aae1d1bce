/** A receiver of traces by OTLP over HTTP, which reads what comes by the protocol's own description, trace.proto. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where the span has no parent. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly isError: boolean;
  /** The attributes of whoever made it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  /** The body and the headers of each export. */
  readonly exports: { readonly body: Buffer; readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** `take`: 200. `refuse`: 400, which is not to be tried again. `hang`: no answer. */
  does: 'take' | 'refuse' | 'hang';
  close(): Promise<void>;
}

/** @param tls where it speaks TLS: its certificate and key, as PEM */
export async function startOtlpReceiver(tls?: {
  readonly cert: string;
  readonly key: string;
}): Promise<OtlpReceiver> {
  const held: ServerResponse[] = [];
  const take = (req: IncomingMessage, res: ServerResponse) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      receiver.exports.push({ body, path: req.url ?? '', headers: req.headers });
      if (receiver.does === 'take') receiver.spans.push(...spansIn(body));
      if (receiver.does === 'hang') held.push(res);
      else res.writeHead(receiver.does === 'take' ? 200 : 400).end();
    });
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const receiver: OtlpReceiver = {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    spans: [],
    exports: [],
    does: 'take',
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

/** The fields of a message by their numbers, in their order: numbers as bigint, all else as bytes. */
function fields(message: Buffer): Map<number, (bigint | Buffer)[]> {
  const found = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at] ?? 0;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const bytes = (length: number) => {
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const values = found.get(tag >> 3) ?? [];
    found.set(tag >> 3, values);
    if ((tag & 7) === 0) values.push(varint());
    else if ((tag & 7) === 1) values.push(bytes(8).readBigUInt64LE());
    else if ((tag & 7) === 2) values.push(bytes(Number(varint())));
    else if ((tag & 7) === 5) values.push(BigInt(bytes(4).readUInt32LE()));
    else throw new Error(`no such wire type: ${tag & 7}`);
  }
  return found;
}

function messages(parent: Buffer, field: number): Buffer[] {
  return (fields(parent).get(field) ?? []).filter((value) => typeof value !== 'bigint');
}

function attributesOf(parent: Buffer, field: number): Record<string, unknown> {
  const pairs = messages(parent, field).map((pair) => {
    const [key = Buffer.of()] = messages(pair, 1);
    const [value = Buffer.of()] = messages(pair, 2);
    const [[kind, [content]] = [0, []]] = fields(value);
    if (typeof content !== 'bigint') return [key.toString(), content?.toString()];
    return [key.toString(), kind === 2 ? content === 1n : Number(content)];
  });
  return Object.fromEntries(pairs);
}

function spansIn(body: Buffer): ReceivedSpan[] {
  return messages(body, 1).flatMap((resourceSpans) => {
    const [resource = Buffer.of()] = messages(resourceSpans, 1);
    const spans = messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2));
    return spans.map((span) => spanOf(span, attributesOf(resource, 1)));
  });
}

function spanOf(message: Buffer, resource: Record<string, unknown>): ReceivedSpan {
  const all = fields(message);
  const bytes = (field: number) => messages(message, field)[0] ?? Buffer.of();
  const number = (field: number) => {
    const [value] = all.get(field) ?? [];
    return typeof value === 'bigint' ? value : 0n;
  };
  const kind = Number(number(6));
  const [status] = messages(message, 15);
  return {
    traceId: bytes(1).toString('hex'),
    spanId: bytes(2).toString('hex'),
    parentId: bytes(4).toString('hex'),
    name: bytes(5).toString(),
    kind: (['unset', 'internal', 'server', 'client'] as const)[kind] as ReceivedSpan['kind'],
    startNs: number(7),
    endNs: number(8),
    attributes: attributesOf(message, 9),
    events: messages(message, 11).map((event) => String(messages(event, 2)[0])),
    isError: status !== undefined && fields(status).get(3)?.[0] === 2n,
    resource,
  };
}
