/**
 * What the gate alone costs on a cache hit, without any socket: `npm run bench:gate`. Prints processor time a request
 * (docs/benchmarks.md).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { compileEndpoints } from '../src/domain/endpoint-match.ts';
import { tightestReading } from '../src/domain/endpoint-readings.ts';
import { mintSecret } from '../src/domain/secret.ts';
import { quickenStringMethods } from '../src/kernel/string-methods.ts';
import { describeMachine } from './machine.ts';
import { median } from './report.ts';
import { table } from './table.ts';
import { UNLIMITED } from './tollgate/gate.ts';
import { openGate } from './tollgate/gate-alone.ts';

/** Some tens of milliseconds each: shorter than most of what else a machine does. */
const CALLS = 20_000;
const BATCHES = 40;

/** Paths that callers would send, many of each kind, so that no answer can be one that was just given. */
const PATHS = Array.from({ length: 512 }, (_, at) => {
  const id = `00u${(at * 2_654_435_761).toString(36).padStart(17, 'q')}`;
  return [`/api/v1/users/${id}`, `/api/v1/users/${id}/groups`, `/api/v1/apps/${id}`, '/api/v1/users'][at % 4];
}).map((each) => `GET ${each} HTTP/1.1`);

/** A path as a transport has it: a piece of the text that was read, new with each request. */
function pathOf(call: number): string {
  const line = Buffer.from(PATHS[call % PATHS.length] ?? '', 'latin1').toString('latin1');
  return line.slice(4, line.length - 9);
}

const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-bench-'));
const machine = describeMachine();
quickenStringMethods();
const gate = await openGate(folder, mintSecret('tg'));
const many = tightestReading(compileEndpoints(gate.endpoints(300), { ...UNLIMITED, match: [] }));
const rows: readonly (readonly [name: string, call: (call: number) => unknown])[] = [
  ['the loop and a path, taken off below', (call) => pathOf(call).length],
  ["endpoint: Okta's table", (call) => gate.endpointOf('GET', pathOf(call))],
  ['endpoint: 300 more', (call) => many('GET', pathOf(call))],
  ['resolve + zone + limit', (call) => gate.decide(pathOf(call), true)],
  ['resolve + zone + limit + account', (call) => gate.pass(pathOf(call), true)],
  ['the same, each with other headers', (call) => gate.pass(pathOf(call), false)],
];
const measured = await measure(rows);
const [loop] = measured;
const base = loop === undefined ? 0 : median(loop);
const figures = measured.map((times, at) => {
  const off = at === 0 ? 0 : base;
  return [rows[at]?.[0] ?? '', (median(times) - off).toFixed(2), (Math.min(...times) - off).toFixed(2)];
});
process.stdout.write(`${machine}\n${BATCHES} batches of ${CALLS} calls\n\n`);
process.stdout.write(`${table(['what', 'µs/call, median', 'least'], figures)}\n`);
await gate.close();
rmSync(folder, { recursive: true });

/** Every row in turn, batch after batch. @returns microseconds of processor time a call, by row */
async function measure(all: typeof rows): Promise<number[][]> {
  const times: number[][] = all.map(() => []);
  for (let batch = -BATCHES / 4; batch < BATCHES; batch++) {
    for (const [at, [, call]] of all.entries()) {
      // What the caches read again in the background is read here, and not counted.
      await setImmediate();
      const { user, system } = process.cpuUsage();
      for (let each = 0; each < CALLS; each++) call(each);
      const spent = process.cpuUsage({ user, system });
      // What comes first is for the compiler.
      if (batch >= 0) times[at]?.push((spent.user + spent.system) / CALLS);
    }
  }
  return times;
}
