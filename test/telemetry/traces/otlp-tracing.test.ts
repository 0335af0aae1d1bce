import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/problem.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { openTracing, type TracedEnd, type Tracing } from '../../../src/telemetry/traces/tracing.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../support/otlp-receiver.ts';

const inFiles = (name: string) => join(import.meta.dirname, '../../support/tls', name);
const pem = (name: string) => readFileSync(inFiles(name), 'utf8');

let receiver: OtlpReceiver;
let lines: string[];
let reasons: (string | undefined)[];
let tracing: Tracing;

beforeEach(async () => {
  receiver = await startOtlpReceiver();
  lines = [];
  reasons = [];
});
afterEach(async () => {
  await tracing.close();
  await receiver.close();
  vi.unstubAllEnvs();
});

async function open(queueSize = 100): Promise<Tracing> {
  // One whose receiver hangs may speak when its test is over.
  const mine = { lines, reasons };
  const write = (line: string) => {
    const { msg, reason } = JSON.parse(line);
    mine.lines.push(msg);
    mine.reasons.push(reason);
  };
  const log = createLog('info', { write });
  const headers = [{ name: 'authorization', value: 'Bearer theirs' }];
  const options = { endpoint: `${receiver.endpoint}/`, headers, timeout: 5_000, queueSize };
  tracing = await openTracing(options, { clock: systemClock, log, version: '1.2.3' });
  return tracing;
}

/** A sampled request that was refused: two spans. */
const END: TracedEnd = {
  requestId: 'a'.repeat(32),
  arrival: {
    method: 'GET',
    path: '/a',
    times: { began: 1, resolved: 2, zoned: Number.NaN, limited: Number.NaN, answered: Number.NaN },
    trace: {
      traceId: 'a'.repeat(32),
      callerSpanId: null,
      spanId: 'b'.repeat(16),
      upstreamSpanId: 'c'.repeat(16),
      sampled: true,
      state: null,
    },
  },
  decision: 'resolve.unknown',
  permit: null,
  rejection: { reason: null, credential: null, endpoint: null, client: null, blockedBy: null },
  status: 401,
  complete: true,
  upstream: null,
  target: null,
  tries: 0,
  bytesIn: 0,
  bytesOut: 0,
};
const record = (count: number) => {
  for (let made = 0; made < count; made += 1) tracing.record(END, 'http', 3);
};

describe('spans on their way to the receiver', () => {
  it('are sent with the headers of the configuration, at the end at the latest', async () => {
    await open();
    record(3);
    await tracing.close();
    expect(receiver.spans).toHaveLength(6);
    expect(receiver.exports[0]).toMatchObject({
      path: '/v1/traces',
      headers: { authorization: 'Bearer theirs', 'content-type': 'application/x-protobuf' },
    });
    expect(receiver.spans[0]?.resource).toMatchObject({ 'service.version': '1.2.3' });
    expect(tracing.dropped).toBe(0);
  });

  it('are dropped and counted when so many wait as may', async () => {
    await open(10);
    record(50);
    // Ten are on their way at once, and ten wait.
    expect(tracing.dropped).toBe(80);
    await tracing.close();
    expect(receiver.spans).toHaveLength(20);
  });

  it('are dropped while the receiver takes none, which is one line, and so is its coming back', async () => {
    await open(2);
    receiver.does = 'refuse';
    record(1);
    await expect.poll(() => tracing.dropped).toBe(2);
    record(1);
    await expect.poll(() => tracing.dropped).toBe(4);
    receiver.does = 'take';
    record(1);
    await expect
      .poll(() => lines)
      .toEqual(['the receiver of traces is away: spans are dropped', 'the receiver of traces is back']);
    expect(receiver.spans).toHaveLength(2);
  });

  it('keep nobody at the end whose receiver does not answer', async () => {
    await open();
    receiver.does = 'hang';
    record(2);
    await tracing.close();
    expect(receiver.spans).toEqual([]);
    expect(lines).toEqual(['the last spans could not be exported']);
  });
});

describe('a receiver over TLS', () => {
  beforeEach(async () => {
    await receiver.close();
    receiver = await startOtlpReceiver({ cert: pem('gateway.crt'), key: pem('gateway.key') });
  });

  it('gets spans where the authority of OTEL_EXPORTER_OTLP_CERTIFICATE has signed its certificate', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_CERTIFICATE', inFiles('ca.crt'));
    await open();
    record(1);
    await tracing.close();
    expect(receiver.spans).toHaveLength(2);
    expect(receiver.exports[0]?.headers['authorization']).toBe('Bearer theirs');
    expect(lines).toEqual([]);
  });

  it.each([
    ['nobody', undefined],
    ['another authority', inFiles('stranger-ca.crt')],
    // Never the other way: what cannot be read is not taken for leave to trust anybody.
    ['a file that is not there', inFiles('none.crt')],
  ])(
    'gets none, and no header, where its certificate is signed by an unknown one: trusted is %s',
    async (_who, ca) => {
      vi.stubEnv('OTEL_EXPORTER_OTLP_CERTIFICATE', ca);
      await open();
      record(1);
      await expect.poll(() => tracing.dropped).toBe(2);
      expect(receiver.exports).toEqual([]);
      expect(lines).toEqual(['the receiver of traces is away: spans are dropped']);
      expect(reasons[0]).toMatch(/certificate.*\(\w+\)$/);
    },
  );
});

describe('where spans are sent', () => {
  const config = (telemetry: string, endpoint?: string) =>
    parseConfig(
      `forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:9001"], paths: [/] }] }\n${telemetry}`,
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
      'x.yaml',
    ).telemetry.otlp;

  it('is what the file says, else what OTEL_EXPORTER_OTLP_ENDPOINT says, else nowhere', async () => {
    await open();
    const here = 'telemetry: { otlp: { endpoint: "http://here:1" } }';
    expect(config(here, 'http://there:2').endpoint).toBe('http://here:1');
    expect(config('telemetry: { otlp: { endpoint: null } }', 'http://there:2').endpoint).toBe(
      'http://there:2',
    );
    expect(config('', 'http://there:2').endpoint).toBe('http://there:2');
    expect(config('', '').endpoint).toBeNull();
    expect(config('').endpoint).toBeNull();
  });

  it('is refused with the name of the variable, and without its value, when that is no URL', async () => {
    await open();
    let problems: readonly string[] = [];
    try {
      config('', 'user:secret@there');
    } catch (error) {
      if (error instanceof ConfigError) problems = error.problems.map(({ message }) => message);
    }
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
    expect(problems[0]).not.toContain('secret');
  });

  it('goes with headers whose values may hold equals signs, and never show in a message', async () => {
    await open();
    const [header] = config('telemetry: { otlp: { headers: ["authorization=Basic YTpi=="] } }').headers;
    expect(header).toEqual({ name: 'authorization', value: 'Basic YTpi==' });
    expect(() => config('telemetry: { otlp: { headers: ["hush hush"] } }')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hush') }),
    );
  });
});
