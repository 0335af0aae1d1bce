import { afterAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/gateway/exchange.ts';
import { traceStarter } from '../../../src/gateway/listen/trace-start.ts';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { createGeneralTransport } from '../../../src/gateway/transport/general/server.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { accessLine } from '../../../src/telemetry/access-line.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { RequestLog } from '../../../src/telemetry/request-log.ts';
import { openTracing } from '../../../src/telemetry/traces/tracing.ts';
import { startOtlpReceiver } from '../../support/otlp-receiver.ts';
import { tellOfAll } from './bed.ts';
import { takeOneOf } from './rows.ts';
import { starter } from './start.ts';
import { hostileTables } from './tables.ts';

// Every row is sent where nobody is told; being told changes no decision, and what may differ is what is written.
takeOneOf(12, 20_262);

const lines: string[] = [];
const told: Outcome[] = [];
const log = createLog('info', { write: (text) => void lines.push(...text.split(/(?<=\n)/)) });
const requestLog = new RequestLog(log, systemClock);
const receiver = await startOtlpReceiver();
const otlp = { endpoint: receiver.endpoint, headers: [], timeout: 5_000, queueSize: 100_000 };
const tracing = await openTracing(otlp, { clock: systemClock, log, version: '0' });
const stopTelling = tellOfAll({
  startTrace: traceStarter({ sample: 1, parentBased: false }),
  account(ended) {
    told.push(ended);
    requestLog.add(accessLine(ended, ended.arrival?.times.began ?? 0));
    tracing.record(ended, 'http', ended.arrival?.times.began ?? 0);
  },
});
afterAll(() => {
  stopTelling();
  return receiver.close();
});

describe('the fast transport, traced and logged', () => hostileTables(starter(createFastTransport)));
describe('the general transport, traced and logged', () => hostileTables(starter(createGeneralTransport)));

it('every attack is one line that parses, those that were read have spans, and no secret is in either', async () => {
  await tracing.close();
  requestLog.close();
  expect(told.length).toBeGreaterThan(100);
  expect(lines).toHaveLength(told.length);
  for (const line of lines) expect(line.trimEnd().split(/[\r\n\u2028\u2029]/)).toHaveLength(1);
  expect(lines.map((line) => JSON.parse(line).requestId)).toEqual(told.map(({ requestId }) => requestId));
  expect(tracing.dropped).toBe(0);
  const read = told.filter(({ arrival }) => arrival !== null);
  const spans = receiver.spans.filter(({ kind }) => kind === 'server');
  expect(spans.map(({ attributes }) => attributes['tollgate.request.id']).sort()).toEqual(
    read.map(({ requestId }) => requestId).sort(),
  );
  const written = [...lines, ...receiver.exports.map(({ body }) => body.toString('latin1'))].join('');
  expect(written).not.toMatch(/tg_[A-Za-z0-9]{30}/);
  expect(written).not.toContain('SSWS');
});
