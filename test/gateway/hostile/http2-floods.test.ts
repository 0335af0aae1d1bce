/** Floods of frames, each of which is cheap to send (C16 of docs/threats.md). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { ACKNOWLEDGED_BURST } from '../../../src/gateway/transport/general/asked-acknowledgements.ts';
import {
  MOST_INVALID_FRAMES,
  MOST_SETTINGS,
  MOST_STREAMS,
  RESET_BURST,
} from '../../../src/gateway/transport/general/http2-connection.ts';
import {
  ACK,
  block,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  Http2RawClient,
} from '../../support/http2-frames.ts';
import { answerPlainly } from '../../support/strict-upstream.ts';
import { itLetNothingThrough, REFUSED } from './attack.ts';
import { type Bed, openBed } from './bed.ts';
import { goodHead } from './http2-heads.ts';
import { starter } from './start.ts';

let bed: Bed;
let client: Http2RawClient;
beforeAll(async () => {
  bed = await openBed(starter(createFastTransport, 'h2'));
});
afterAll(() => bed.close());
beforeEach(async () => {
  client = await Http2RawClient.connect(bed.port);
});
afterEach(async () => {
  client.destroy();
  await client.closed;
  bed.upstream.answer = answerPlainly;
});

const good = (path: string, method?: string) => goodHead(bed.secret, path, method);
const seen = (target: string) => bed.upstream.requests.filter((request) => request.target === target);
const count = (type: number, flags: number) =>
  client.frames.filter((each) => each.type === type && each.flags === flags).length;

const PING = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
const SETTINGS = frame(FRAME.settings, 0, 0);
/** SETTINGS_MAX_CONCURRENT_STREAMS, which says nothing of interest to a server. */
const SETTING = Buffer.from([0, 3, 0, 0, 0, 1]);
const settings = (entries: number) =>
  frame(FRAME.settings, 0, 0, Buffer.concat(Array.from({ length: entries }, () => SETTING)));
const headers = (id: number, list: readonly string[], flags = END_HEADERS | END_STREAM) =>
  frame(FRAME.headers, flags, id, block(list));

/** Sends up to so many frames, or groups of them, as long as the connection is there. */
async function flood(next: () => Buffer, most: number): Promise<void> {
  for (let sent = 0; sent < most && !client.socket.destroyed; sent += 100) {
    client.send(...Array.from({ length: 100 }, next));
    await new Promise(setImmediate);
  }
}

/** Somebody else's request, over a connection of its own. */
async function another(): Promise<number | null> {
  const other = await Http2RawClient.connect(bed.port);
  const { status } = await other.until(other.open(good('/another')));
  other.destroy();
  await other.closed;
  return status;
}

/** What each flood is made of; the connection is there. */
const ENDED: readonly (readonly [string, () => () => Buffer])[] = [
  ['PINGs', () => () => PING],
  ['SETTINGS', () => () => SETTINGS],
  ['SETTINGS that hold too many', () => () => settings(MOST_SETTINGS + 1)],
  ['acknowledgements of PINGs that nobody sent', () => () => frame(FRAME.ping, ACK, 0, Buffer.alloc(8))],
  ['acknowledgements of SETTINGS that nobody sent', () => () => frame(FRAME.settings, ACK, 0)],
  ['resets of streams that never were', () => () => frame(FRAME.reset, 0, 999_999, Buffer.alloc(4))],
  ['empty HEADERS', () => () => headers(client.stream(), [])],
  [
    'empty DATA',
    () => {
      const id = client.open(good('/empty-data', 'POST'), true);
      return () => frame(FRAME.data, 0, id);
    },
  ],
  [
    'CONTINUATION',
    () => {
      const id = client.stream();
      client.send(headers(id, good(REFUSED), END_STREAM));
      return () => frame(FRAME.continuation, 0, id, block(['x-a', 'b']));
    },
  ],
  [
    'empty CONTINUATION',
    () => {
      const id = client.stream();
      client.send(headers(id, good(REFUSED), END_STREAM));
      return () => frame(FRAME.continuation, 0, id);
    },
  ],
  [
    'requests that their client resets',
    () => () => {
      const id = client.stream();
      return Buffer.concat([headers(id, good('/reset')), frame(FRAME.reset, 0, id, Buffer.of(0, 0, 0, 8))]);
    },
  ],
  [
    'requests that their client has the gateway reset',
    () => () => {
      const id = client.stream();
      return Buffer.concat([headers(id, good('/reset')), frame(FRAME.windowUpdate, 0, id, Buffer.alloc(4))]);
    },
  ],
  [
    'requests whose bodies come behind their end',
    () => () => {
      const id = client.stream();
      return Buffer.concat([headers(id, good('/reset')), frame(FRAME.data, 0, id, 'a')]);
    },
  ],
  // Weights and dependencies of streams that are idle (RFC 7540 §5.3), which nobody acts on.
  ['PRIORITY', () => () => frame(FRAME.priority, 0, 1, Buffer.from([0, 0, 0, 3, 1]))],
  ['frames of no known type', () => () => frame(99, 0, 0, 'abc')],
];

describe('a flood', () => {
  it.each(ENDED)('of %s ends the connection, and everybody else is served', async (_name, make) => {
    const before = bed.upstream.requests.length;
    const flooding = flood(make(), 30_000);
    expect(await another()).toBe(200);
    await flooding;
    await client.closed;
    expect(await another()).toBe(200);
    const asked = bed.upstream.requests.slice(before).filter(({ target }) => target !== '/another');
    expect(asked.length).toBeLessThanOrEqual(RESET_BURST + MOST_STREAMS);
    expect(asked.filter(({ complete, target }) => complete && target === '/empty-data')).toEqual([]);
    // Nothing that wants an answer has been answered for long.
    expect(count(FRAME.ping, ACK) + count(FRAME.settings, ACK)).toBeLessThanOrEqual(ACKNOWLEDGED_BURST);
  });

  it('of changes to the window, which cost nothing, ends nothing: its client is served as well', async () => {
    const flooding = flood(() => frame(FRAME.windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1)), 20_000);
    expect(await another()).toBe(200);
    await flooding;
    expect((await client.until(client.open(good('/behind')))).status).toBe(200);
  });

  it('of streams gets no more than its bound to the upstream; the others may be sent again', async () => {
    bed.upstream.answer = () => {};
    const ids = Array.from({ length: MOST_STREAMS + 20 }, () => client.open(good('/held')));
    for (const id of ids.slice(MOST_STREAMS)) {
      // REFUSED_STREAM: nothing was done of it (RFC 9113 §8.7).
      expect(await client.until(id)).toMatchObject({ status: null, reset: 7 });
    }
    await expect.poll(() => seen('/held').length).toBe(MOST_STREAMS);
  });

  it('of streams by a client that knows the bound ends the connection', async () => {
    bed.upstream.answer = () => {};
    // Its acknowledgement of our SETTINGS is on the way once it has seen an answer.
    await client.until(client.open(good('/known', 'TRACE')));
    const before = bed.upstream.requests.length;
    await flood(() => headers(client.stream(), good('/beyond', 'POST'), END_HEADERS), 1_000);
    await client.closed;
    expect(bed.upstream.requests.length - before).toBeLessThanOrEqual(MOST_STREAMS);
  });

  it('of one header, named a thousand times by its place in the table, is refused, and the connection goes on', async () => {
    const id = client.stream();
    // Kept in the table (RFC 7541 §6.2.1), and then meant by one byte each (§6.1).
    const kept = Buffer.concat([Buffer.of(0x40), block(['x-a', 'a'.repeat(3_000)]).subarray(1)]);
    const bomb = Buffer.concat([block(good(REFUSED)), kept, Buffer.alloc(1_000, 0xbe)]);
    client.send(frame(FRAME.headers, END_HEADERS | END_STREAM, id, bomb));
    // ENHANCE_YOUR_CALM.
    expect(await client.until(id)).toMatchObject({ status: null, reset: 11 });
    expect((await client.until(client.open(good('/behind')))).status).toBe(200);
  });
});

describe('PINGs and SETTINGS', () => {
  it('are all acknowledged up to their bound, again as time passes, and not beyond', async () => {
    // The SETTINGS that the connection began with are one.
    const burst = ACKNOWLEDGED_BURST - 1;
    client.send(...Array.from({ length: burst - 1 }, () => PING), settings(MOST_SETTINGS));
    await expect.poll(() => [count(FRAME.ping, ACK), count(FRAME.settings, ACK)]).toEqual([burst - 1, 2]);
    bed.clock.advance(1_000);
    client.send(...Array.from({ length: 10 }, () => PING));
    await expect.poll(() => count(FRAME.ping, ACK)).toBe(burst - 1 + 10);
    expect((await client.until(client.open(good('/well')))).status).toBe(200);
    client.send(PING);
    await client.closed;
    // ENHANCE_YOUR_CALM.
    expect(client.goaways()).toEqual([11]);
  });
});

describe('empty DATA', () => {
  it('between the parts of a body is none of its parts, up to the bound of such frames', async () => {
    const id = client.open(good('/parts', 'POST'), true);
    client.data(id, 'a');
    client.send(...Array.from({ length: MOST_INVALID_FRAMES }, () => frame(FRAME.data, 0, id)));
    client.data(id, 'b', true);
    expect((await client.until(id)).status).toBe(200);
    expect(seen('/parts')).toMatchObject([{ body: 'ab', complete: true }]);
  });
});

itLetNothingThrough(() => bed);
