/**
 * What tracing adds to a request, its place in the trace, the header to the upstream, the spans and their export:
 * `node bench/traces.ts`. Prints processor time a request (docs/tracing.md).
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { traceHeaders } from '../src/domain/trace-context.ts';
import { newRequestId } from '../src/gateway/listen/request-id.ts';
import { traceStarter } from '../src/gateway/listen/trace-start.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/telemetry/log.ts';
import { openTracing, type TracedEnd } from '../src/telemetry/traces/tracing.ts';
import { describeMachine } from './machine.ts';
import { median } from './report.ts';
import { table } from './table.ts';

const REQUESTS = 2_000;
const ROUNDS = 15;
const SAMPLES = [0, 0.01, 1];

// Reads what comes and throws it away. It is in this process, so its part is in the figures.
const receiver = createServer((req, res) => {
  req.resume();
  req.on('end', () => res.end());
});
await new Promise<void>((resolve) => {
  receiver.listen(0, '127.0.0.1', resolve);
});
const { port } = receiver.address() as AddressInfo;
const log = createLog('silent');

const rows = SAMPLES.map((sample): [number, number[]] => [sample, []]);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [sample, times] of rows) times.push(await measure(sample));
}
process.stdout.write(`${describeMachine()}\n${ROUNDS} rounds of ${REQUESTS} requests, in turn\n\n`);
const figures = rows.map(([sample, times]) => [
  String(sample),
  median(times).toFixed(2),
  Math.min(...times).toFixed(2),
]);
process.stdout.write(`${table(['sample', 'µs/request, median', 'least'], figures)}\n`);
receiver.close();
receiver.closeAllConnections();

/** @returns microseconds of processor time a request */
async function measure(sample: number): Promise<number> {
  const start = traceStarter({ sample, parentBased: true });
  const options = {
    endpoint: `http://127.0.0.1:${port}`,
    headers: [],
    timeout: 10_000,
    queueSize: 1_000_000,
  };
  const tracing = await openTracing(options, { clock: systemClock, log, version: '0' });
  let written = 0;
  const before = process.cpuUsage();
  for (let request = 0; request < REQUESTS; request += 1) {
    const requestId = newRequestId();
    const trace = start(requestId, null, null);
    written += traceHeaders(trace).length;
    if (trace.sampled) tracing.record(endOf(requestId, trace), 'http', 5);
  }
  await tracing.close();
  const { user, system } = process.cpuUsage(before);
  if (written === 0 || tracing.dropped > 0) throw new Error('spans were dropped: the figures are of nothing');
  return (user + system) / REQUESTS;
}

function endOf(requestId: string, trace: ReturnType<ReturnType<typeof traceStarter>>): TracedEnd {
  return {
    requestId,
    arrival: {
      method: 'GET',
      path: '/api/v1/users/00u1',
      times: { began: 1, resolved: 1.1, zoned: 1.2, limited: 1.3, answered: 4 },
      trace,
    },
    decision: 'forwarded',
    permit: null,
    rejection: null,
    status: 200,
    complete: true,
    upstream: 'api',
    target: 'http://127.0.0.1:9001',
    tries: 1,
    bytesIn: 0,
    bytesOut: 0,
  };
}
