import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/telemetry/log.ts';
import { RequestLog } from '../../src/telemetry/request-log.ts';
import { anyText } from '../support/any-text.ts';
import { manualClock } from '../support/manual-clock.ts';

const clock = manualClock();
const logs: RequestLog[] = [];
afterEach(() => {
  for (const log of logs.splice(0)) log.close();
});

/** A log about requests, and what was written, write by write. */
function opened(level = 'info', bindings: object = {}) {
  const written: string[] = [];
  const log = createLog(level, { write: (text) => void written.push(text) }).child(bindings);
  const requests = new RequestLog(log, clock);
  logs.push(requests);
  return { log, requests, written };
}

const untimed = (line: string | undefined) => line?.replace(/"time":"[^"]+"/, '"time":""');

describe('a line about a request', () => {
  it('is to the byte what pino would have written', () => {
    const field = fc.oneof(anyText(), fc.double(), fc.boolean(), fc.constant(null));
    const { log, requests, written } = opened('info', { worker: 3 });
    fc.assert(
      fc.property(fc.record({ path: anyText(), client: field, bytesIn: field }), (fields) => {
        log.info(fields, 'request');
        requests.add(fields);
        requests.flush();
        const [line, own] = written.splice(0);
        expect(untimed(own)).toBe(untimed(line));
      }),
      { seed: 7 },
    );
  });

  it('has the time at which it was added', () => {
    const { requests, written } = opened();
    const time = new Date(clock.now()).toISOString();
    requests.add({ status: 200 });
    clock.advance(100);
    expect(JSON.parse(written[0] ?? '')).toEqual({ level: 30, time, status: 200, msg: 'request' });
  });

  it('is written with those of the same tenth of a second', () => {
    const { requests, written } = opened();
    requests.add({ status: 200 });
    requests.add({ status: 201 });
    expect(written).toEqual([]);
    clock.advance(100);
    expect(written.map((text) => text.split('\n').length - 1)).toEqual([2]);
  });

  it('is written sooner where many come, a part of them at a time', () => {
    const { requests, written } = opened();
    for (let line = 0; line < 1_000; line += 1) requests.add({ path: `/${line}`.padEnd(100, 'x') });
    expect(written.length).toBeGreaterThan(1);
    for (const text of written) expect(text.length).toBeLessThan(33 * 1024);
    requests.flush();
    const paths = written.join('').match(/"path":"\/\d+/g);
    expect(paths).toEqual(Array.from({ length: 1_000 }, (_, line) => `"path":"/${line}`));
  });

  it('is none at a level at which the log has no such lines, also where the level changes', () => {
    const { log, requests, written } = opened('warn');
    requests.add({ status: 200 });
    requests.flush();
    expect(written).toEqual([]);
    log.level = 'info';
    requests.add({ status: 200 });
    requests.flush();
    expect(written.length).toBe(1);
  });

  it('is written when the log is closed', () => {
    const { requests, written } = opened();
    requests.add({ status: 200 });
    requests.close();
    expect(written.length).toBe(1);
  });
});
