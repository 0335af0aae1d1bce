/**
 * The reader of request heads, held to Node's own parser: whatever it takes for a plain request, llhttp accepts, and
 * listen's rules read in what llhttp found exactly what the reader did.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { headRules, judgeHead } from '../../../../src/gateway/listen/head.ts';
import { RequestReader } from '../../../../src/gateway/transport/fast/request-reader.ts';
import { requests } from './streams.ts';

const RUNS = Number(process.env['TEST_DIFFERENTIAL_RUNS'] ?? 5_000);
const HEAD_SIZE = 16 * 1024;
const PEER = '192.0.2.1';
const rules = headRules({
  schemes: ['SSWS'],
  credentialHeader: 'X-Api-Key',
  passCredential: false,
  maxHeaders: 20,
  maxTargetLength: 512,
});

/** One end of a connection in memory. */
class Pipe extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

interface Parsed {
  readonly req: IncomingMessage;
  readonly body: string;
}

/** What node:http makes of the bytes; null when it finds no whole request in them. */
async function parse(bytes: string): Promise<Parsed | null> {
  const server = createServer({ maxHeaderSize: HEAD_SIZE, requireHostHeader: false });
  server.maxHeadersCount = 0;
  const pipe = new Pipe();
  const parsed = new Promise<Parsed | null>((resolve) => {
    server.once('request', (req: IncomingMessage, _res: ServerResponse) => {
      let body = '';
      req.setEncoding('latin1');
      req.on('data', (text: string) => {
        body += text;
      });
      req.once('end', () => resolve({ req, body }));
      req.once('error', () => resolve(null));
    });
    server.once('clientError', () => resolve(null));
    server.once('upgrade', () => resolve(null));
    server.once('connect', () => resolve(null));
  });
  server.emit('connection', pipe);
  pipe.push(Buffer.from(bytes, 'latin1'));
  pipe.push(null);
  const found = await parsed;
  pipe.destroy();
  return found;
}

function pairsOf(lines: string): string[] {
  return lines
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]);
}

it('takes nothing for a plain request that llhttp and the rules of listen read in another way', {
  timeout: 3_600_000,
}, async () => {
  let taken = 0;
  const property = fc.asyncProperty(requests, async (bytes) => {
    const reader = new RequestReader(rules, HEAD_SIZE);
    if (reader.read(bytes) !== 'head') return;
    taken += 1;
    const { method, path, query, headers, end } = reader;
    const length = headers.contentLength ?? 0;
    // All that the head promises, and no more.
    const found = await parse(bytes.slice(0, end) + bytes.slice(end).padEnd(length, 'x').slice(0, length));
    expect(found).not.toBeNull();
    if (found === null) return;
    const { req, body } = found;
    const raw = {
      method: req.method ?? '',
      url: req.url ?? '',
      httpVersion: req.httpVersion,
      rawHeaders: req.rawHeaders,
    };
    const head = judgeHead(raw, PEER, rules);
    expect(head).toMatchObject({
      arrival: { method, path, query, credential: headers.credential, forwardedFor: headers.forwardedFor },
      host: headers.host,
      body: headers.contentLength ?? 'none',
      expectsContinue: false,
      wantsWebSocket: false,
      forwardedProto: headers.forwardedProto,
      forwardedHost: headers.forwardedHost,
      headers: pairsOf(headers.passed),
    });
    expect(body.length).toBe(length);
  });
  await fc.assert(property, { numRuns: RUNS, seed: 20_261_121 });
  // Else nothing was held to anything.
  expect(taken).toBeGreaterThan(RUNS / 10);
});

it('finds in a head the same whether it comes whole or in pieces, and never before it is whole', () => {
  fc.assert(
    fc.property(requests, fc.nat(2_000), (bytes, anywhere) => {
      const whole = new RequestReader(rules, HEAD_SIZE);
      if (whole.read(bytes) !== 'head') return;
      const at = anywhere % whole.end;
      const reader = new RequestReader(rules, HEAD_SIZE);
      expect(reader.read(bytes.slice(0, at))).not.toBe('head');
      expect(reader.read(bytes.slice(0, whole.end))).toBe('head');
      expect(reader.headers).toEqual(whole.headers);
    }),
    { numRuns: 2_000, seed: 20_261_121 },
  );
});

it('remembers a header block without taking another one for it', () => {
  fc.assert(
    fc.property(fc.array(requests, { minLength: 2, maxLength: 5 }), (all) => {
      const reused = new RequestReader(rules, HEAD_SIZE);
      for (const bytes of all.flatMap((each) => [each, each])) {
        const fresh = new RequestReader(rules, HEAD_SIZE);
        const reading = fresh.read(bytes);
        expect(reused.read(bytes)).toBe(reading);
        if (reading !== 'head') continue;
        expect([reused.method, reused.path, reused.query, reused.end]).toEqual([
          fresh.method,
          fresh.path,
          fresh.query,
          fresh.end,
        ]);
        expect(reused.headers).toEqual(fresh.headers);
      }
    }),
    { numRuns: 1_000, seed: 20_261_121 },
  );
});
