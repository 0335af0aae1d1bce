/**
 * Requests of several clients over shared connections to an upstream whose answers are slow, split, cut off or the last of
 * their connection, while clients hang up: TEST_PIPELINING_RUNS makes more interleavings, TEST_PIPELINING_SEED others.
 */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Decision } from '../../../../src/gateway/decision.ts';
import { createFastTransport } from '../../../../src/gateway/transport/fast/server.ts';
import { aPermit, startGateway, type TestGateway } from '../../../support/gateway.ts';
import {
  BROKEN,
  bodyFor,
  PLANS,
  type Plan,
  type PlannedUpstream,
  startPlannedUpstream,
} from './planned-upstream.ts';

const RUNS = Number(process.env['TEST_PIPELINING_RUNS'] ?? 300);
const SEED = Number(process.env['TEST_PIPELINING_SEED'] ?? 20_261_122);

interface Asked {
  readonly plan: Plan;
  readonly number: number;
  /** After how many turns of the event loop the client hangs up; null for a client that does not. */
  readonly hangsUpAfter: number | null;
}

/** What each of some clients asks, one request after the other, all of them beginning in one turn of the event loop. */
const clients: fc.Arbitrary<Asked[][]> = fc.array(
  fc.array(
    fc.record({
      // Answers that leave the connection open are the rule, so that there are connections to share.
      plan: fc.oneof(
        { arbitrary: fc.constantFrom<Plan>('plain', 'slow', 'split'), weight: 3 },
        { arbitrary: fc.constantFrom(...PLANS), weight: 2 },
      ),
      number: fc.nat(6),
      hangsUpAfter: fc.option(fc.nat(6), { freq: 6 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  { minLength: 2, maxLength: 7 },
);

let upstream: PlannedUpstream;
let gateway: TestGateway;
let requests = 0;
const doubts: string[] = [];

/** Lets all requests of some turns of the event loop pass in one. */
const waiting: ((decision: Decision) => void)[] = [];
const permit = aPermit();
function gate(): Promise<Decision> {
  if (waiting.length === 0) setImmediate(() => setImmediate(() => setImmediate(letAllPass)));
  return new Promise((resolve) => waiting.push(resolve));
}
function letAllPass(): void {
  for (const resolve of waiting.splice(0)) resolve(permit);
}

beforeAll(async () => {
  upstream = await startPlannedUpstream();
  gateway = await startGateway({
    create: createFastTransport,
    upstreams: [upstream.origin],
    gate,
    transport: { onDoubt: (origin) => doubts.push(origin) },
    upstream: { pipelining: 4, failures: 1_000_000_000 },
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

/** Asks one after the other. @returns each target with what was answered to it, empty where the client hung up */
async function ask(all: readonly Asked[]): Promise<{ target: string; asked: Asked; answer: string }[]> {
  const answers: { target: string; asked: Asked; answer: string }[] = [];
  for (const asked of all) {
    requests += 1;
    const target = `/r${requests}x/${asked.plan}/${asked.number}`;
    answers.push({ target, asked, answer: await get(target, asked.hangsUpAfter) });
  }
  return answers;
}

function get(target: string, hangsUpAfter: number | null): Promise<string> {
  const socket = connect({ port: gateway.port, host: '127.0.0.1' });
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(`GET ${target} HTTP/1.1\r\nHost: api.example\r\n\r\n`);
  let turns = 0;
  const look = () => {
    if (socket.destroyed) return;
    if (hangsUpAfter !== null && turns++ >= hangsUpAfter + 4) socket.destroy();
    else if (isWhole(answer)) socket.end();
    else setImmediate(look);
  };
  look();
  return new Promise((resolve) => {
    socket.once('close', () => resolve(answer));
  });
}

/** Whether an answer has come to its end; one that ends with its connection is seen to end by that. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /^content-length: ([0-9]+)\r$/im.exec(answer.slice(0, end + 2))?.[1];
  if (length !== undefined) return answer.length >= end + 4 + Number(length);
  return answer.startsWith('HTTP/1.1 204') || answer.endsWith('0\r\n\r\n');
}

/** The body, out of its chunks if it came in some. */
function bodyOf(answer: string): string {
  const end = answer.indexOf('\r\n\r\n') + 4;
  const body = answer.slice(end);
  if (!/^transfer-encoding: chunked\r$/im.test(answer.slice(0, end))) return body;
  return body.replaceAll(/[0-9a-f]+\r\n((?:r[0-9]+x )*)\r\n/g, '$1');
}

it('gives each client the answer to what it has asked, whole, and no other, whatever becomes of those around it', {
  timeout: 3_600_000,
}, async () => {
  const property = fc.asyncProperty(clients, async (all) => {
    const answers = (await Promise.all(all.map(ask))).flat();
    for (const { target, asked, answer } of answers) {
      const id = target.split('/')[1];
      const others = (answer.match(/\br[0-9]+x\b/g) ?? []).filter((each) => each !== id);
      expect(others).toEqual([]);
      if (asked.hangsUpAfter !== null) continue;
      if (asked.plan === 'reset') expect(answer).toMatch(/^HTTP\/1\.1 502 /);
      else if (asked.plan === 'late-timeout') expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      else if (!BROKEN.has(asked.plan)) {
        expect(answer).toMatch(/^HTTP\/1\.1 20[04] /);
        if (upstream.overtaken.has(target)) expect(bodyFor(target)).toContain(bodyOf(answer));
        else expect(bodyOf(answer)).toBe(bodyFor(target));
      }
      expect(upstream.seen.get(target)).toBeLessThanOrEqual(3);
    }
    // Every client has been told, or has gone.
    await expect.poll(() => gateway.upstreams.targets()[0]?.busy, { timeout: 10_000, interval: 1 }).toBe(0);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect([gateway.bugs, doubts]).toEqual([[], []]);
  const settled = gateway.outcomes.map(({ requestId }) => requestId);
  expect(new Set(settled).size).toBe(settled.length);
  // It was about connections that are shared.
  expect(upstream.together).toBeGreaterThan(RUNS / 2);
});
