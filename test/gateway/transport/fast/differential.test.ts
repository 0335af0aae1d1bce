/**
 * The same streams through both transports: what the client reads, what the upstream sees, and how it is told to
 * account must be the same. TEST_DIFFERENTIAL_RUNS makes more of them: 100000 take some minutes.
 */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Arrival, type Decision, reject } from '../../../../src/gateway/decision.ts';
import { createFastTransport } from '../../../../src/gateway/transport/fast/server.ts';
import { createGeneralTransport } from '../../../../src/gateway/transport/general/server.ts';
import { aPermit, type CreateTransport, startGateway, type TestGateway } from '../../../support/gateway.ts';
import { type StrictUpstream, startStrictUpstream } from '../../../support/strict-upstream.ts';
import { answerTo } from './answers.ts';
import { type Stream, streams } from './streams.ts';

const RUNS = Number(process.env['TEST_DIFFERENTIAL_RUNS'] ?? 2_000);
const SEED = Number(process.env['TEST_DIFFERENTIAL_SEED'] ?? 20_261_121);
/** Less than what follows a stream, so that every body that is begun ends. */
const BODY_SIZE = 1_000;
/** So many streams go to one gateway that pipelines. */
const FEW = 20;

interface Side {
  readonly gateway: TestGateway;
  readonly upstream: StrictUpstream;
}

const permit = aPermit();

/** What each credential comes to, at once or a little later. */
function gate({ credential }: Arrival): Decision | Promise<Decision> {
  if (credential === null) return reject('resolve.missing');
  const decision =
    credential.endsWith('good') || credential === 'late'
      ? permit
      : reject(credential === 'limited' ? 'limit.token' : 'resolve.unknown', { retryAfterSeconds: 7 });
  return credential.startsWith('late') ? new Promise((resolve) => setImmediate(resolve, decision)) : decision;
}

async function startSide(create: CreateTransport, pipelining = 1): Promise<Side> {
  const upstream = await startStrictUpstream();
  upstream.answer = answerTo;
  const gateway = await startGateway({
    create,
    upstreams: [upstream.origin],
    gate,
    limits: { bodySize: BODY_SIZE, headSize: 2_048 },
    head: { maxHeaders: 12, maxTargetLength: 512, credentialHeader: 'X-Api-Key' },
    // What an answer of the upstream's is worth is not the question here.
    upstream: { failures: 1_000_000_000, pipelining },
    transport: { preserveHost: true },
  });
  return { gateway, upstream };
}

/** Behind every stream: ends a body that was begun, and then the connection, for this is no request. */
const END = '\0'.repeat(2 * BODY_SIZE);

interface Seen {
  readonly answers: string;
  readonly forwarded: readonly unknown[];
  readonly malformed: readonly string[];
  readonly decisions: readonly string[];
}

async function send(side: Side, stream: Stream): Promise<Seen> {
  const { gateway, upstream } = side;
  const before = [upstream.requests.length, upstream.malformed.length, gateway.outcomes.length] as const;
  const answers = await sendAlone(side, stream);
  return {
    answers,
    forwarded: upstream.requests.slice(before[0]).map(plainRequest),
    malformed: upstream.malformed.slice(before[1]),
    decisions: gateway.outcomes.slice(before[2]).map(({ decision, status }) => `${decision} ${status}`),
  };
}

/** @returns what the client reads */
async function sendAlone({ gateway, upstream }: Side, stream: Stream): Promise<string> {
  const socket = connect({ port: gateway.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let answers = '';
  socket.on('data', (bytes) => {
    answers += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  const over = new Promise((resolve) => socket.once('close', resolve));
  socket.once('end', () => socket.destroy());
  for (const piece of stream) {
    socket.write(piece, 'latin1');
    await quiet(() => answers.length + upstream.requests.length + gateway.outcomes.length);
  }
  socket.write(END);
  await over;
  return answers.replaceAll(HEAD, plainHead).replaceAll(/"oae[A-Za-z0-9_-]{22}"/g, 'id');
}

/** How many turns of the event loop without an event are taken for the end of all that was to come. */
const QUIET_TURNS = 8;

/** Waits until what has been sent is dealt with, as far as it can be: all parts of the test share one event loop. */
async function quiet(events: () => number): Promise<void> {
  for (let turns = 0, seen = events(); turns < QUIET_TURNS; turns += 1) {
    await new Promise(setImmediate);
    if (events() !== seen) turns = 0;
    seen = events();
  }
}

const HEAD = /HTTP\/1\.1 [0-9]{3} [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/g;

/** A head with its lines in order, and without what differs each time. */
function plainHead(head: string): string {
  const lines = head
    .replace(/^Date: .*GMT$/m, 'Date')
    .replaceAll(/^(X-(?:Okta-)?Request-Id): .*$/gm, '$1')
    .split('\r\n');
  return [
    lines[0], // Space behind a value is no part of it, and undici leaves it there.
    ...lines
      .slice(1, -2)
      .map((line) => line.trimEnd())
      .sort(),
    '',
    '',
  ].join('\r\n');
}

function plainRequest({
  method,
  target,
  headers,
  body,
  complete,
}: StrictUpstream['requests'][number]): unknown {
  const lines = headers.map(([name, value]) => {
    const lowered = name.toLowerCase();
    // Where the client names no host, the upstream's own is sent.
    const shown = value.replace(/^127\.0\.0\.1:[0-9]+$/, 'upstream');
    return lowered === 'x-request-id' ? lowered : `${lowered}: ${shown}`;
  });
  return { method, target, lines: lines.sort(), body, complete };
}

let general: Side;
let fast: Side;
let pipelined: Side;
beforeAll(async () => {
  general = await startSide(createGeneralTransport);
  fast = await startSide(createFastTransport);
  pipelined = await startSide(createFastTransport, 8);
});
afterAll(() => Promise.all([general, fast, pipelined].map(end)));

async function end({ gateway, upstream }: Side): Promise<void> {
  await gateway.close();
  await upstream.close();
}

it('answers, forwards, accounts and closes like the general transport, whatever it is sent', {
  timeout: 3_600_000,
}, async () => {
  const property = fc.asyncProperty(streams, async (stream) => {
    const [one, other] = await Promise.all([send(general, stream), send(fast, stream)]);
    expect(other).toEqual(one);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect(fast.gateway.bugs).toEqual([]);
  expect(fast.upstream.requests.length).toBeGreaterThan(RUNS / 2);
});

it('does so also where requests are pipelined over connections to the upstream', {
  timeout: 3_600_000,
}, async () => {
  let seen = 0;
  const property = fc.asyncProperty(streams, async (stream) => {
    // An answer that is none ends pipelining to its target, so now and then everything begins anew.
    if (seen++ % FEW === 0) {
      await end(pipelined);
      pipelined = await startSide(createFastTransport, 8);
    }
    // Two clients send the same, so that there is something to pipeline.
    const [one, ...others] = await Promise.all([
      send(general, stream),
      ...[0, 1].map(() => sendAlone(pipelined, stream)),
    ]);
    for (const other of others) expect(other).toBe(one.answers);
    expect(pipelined.gateway.bugs).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS / 5, seed: SEED + 1 });
});
