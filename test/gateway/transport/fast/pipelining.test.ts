/** What becomes of requests that share a connection to an upstream, case by case. */
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../../src/gateway/decision.ts';
import { createFastTransport } from '../../../../src/gateway/transport/fast/server.ts';
import { aPermit, type TestGateway, type TestGatewayOptions } from '../../../support/gateway.ts';
import { manualClock } from '../../../support/manual-clock.ts';
import { stage } from '../stage.ts';
import { answering, ok, request, type ScriptedUpstream, type Wire } from '../wire.ts';

const { gateway, upstream, client } = stage();

/** A gateway whose gate holds requests until a number of them has come, so that they pass it in one turn. */
async function gathering(origin: string, options: Partial<TestGatewayOptions> = {}) {
  const doubts: string[] = [];
  let wanted = 1;
  const held: ((decision: Decision) => void)[] = [];
  const g = await gateway({
    create: createFastTransport,
    upstreams: [origin],
    gate: () =>
      new Promise((resolve) => {
        held.push(resolve);
        if (held.length === wanted) for (const pass of held.splice(0)) pass(aPermit());
      }),
    ...options,
    upstream: { pipelining: 8, failures: 1_000, ...options.upstream },
    transport: { onDoubt: (target) => doubts.push(target), ...options.transport },
  });
  return {
    g,
    doubts,
    /** Sends these requests, each over a connection of its own, so that the gateway writes them in one turn. */
    async together(...requests: readonly string[]): Promise<Wire[]> {
      wanted = requests.length;
      const clients: Wire[] = [];
      for (const each of requests) {
        const c = await client(g);
        c.send(each);
        clients.push(c);
      }
      return clients;
    },
  };
}

/** Targets in the order in which they came over one connection. */
const targets = ({ received }: Wire) =>
  [...received.matchAll(/(?:^|\n)[A-Z]+ (\S+) HTTP/g)].map(([, target]) => target);

/** Answers the first request, which is alone as it is the first; the others are for the test to answer. */
const answerFirst = async (wire: Wire) => {
  await wire.until('\r\n\r\n');
  wire.send(ok('first'));
};

/** Opens the first connection to the upstream, and leaves it unused. */
async function opened(
  { together, g }: Awaited<ReturnType<typeof gathering>>,
  answer = 'first',
): Promise<void> {
  const [c] = await together(request('GET /first'));
  await c?.until(answer);
  // It rests until the event loop has come round.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(g.outcomes).toHaveLength(1);
}

/** A gateway and an upstream with one connection between them, and some requests that were written to it together. */
async function shared(
  lines: readonly string[],
  options: Partial<TestGatewayOptions> = {},
  script = answerFirst,
) {
  const u = await upstream((wire, index) => (index === 0 ? script(wire) : answering(ok('elsewhere'))(wire)));
  const gathered = await gathering(u.origin, options);
  await opened(gathered);
  const clients = await gathered.together(...lines.map((line) => request(line)));
  const wire = await u.wire(0);
  await wire.until('\r\n\r\n', 1 + lines.length);
  return { ...gathered, u, wire, clients };
}

const elsewhere = ({ wires }: ScriptedUpstream) => wires.slice(1).flatMap(targets);
const decisions = ({ outcomes }: TestGateway) =>
  outcomes.map(({ decision, status }) => `${decision} ${status}`);

describe('requests of one turn of the event loop', () => {
  it('go over one connection in one piece, and each client gets its own answer', async () => {
    const { wire, clients, u } = await shared(['GET /a', 'OPTIONS /b', 'GET /c']);
    expect(targets(wire)).toEqual(['/first', '/a', '/b', '/c']);
    wire.send(ok('for a') + ok('for b') + ok('for c'));
    for (const [at, body] of ['for a', 'for b', 'for c'].entries()) await clients[at]?.until(body);
    expect(clients.map(({ received }) => received.split('\r\n\r\n')[1])).toEqual(['for a', 'for b', 'for c']);
    expect(u.wires).toHaveLength(1);
  });

  it('go over one connection each, by default', async () => {
    const u = await upstream(answering(ok('fine')));
    const { together, g } = await gathering(u.origin, { upstream: { pipelining: 1 } });
    for (let round = 0; round < 2; round += 1) {
      const clients = await together(request('GET /a'), request('GET /b'), request('GET /c'));
      for (const c of clients) await c.until('fine');
    }
    expect(u.wires).toHaveLength(3);
    expect(g.outcomes).toHaveLength(6);
  });

  it('are no more on one connection than configured', async () => {
    const u = await upstream((wire, index) =>
      index === 0 ? answerFirst(wire) : answering(ok('fine'))(wire),
    );
    const gathered = await gathering(u.origin, { upstream: { pipelining: 2 } });
    await opened(gathered);
    await gathered.together(request('GET /a'), request('GET /b'), request('GET /c'));
    const other = await u.wire(1);
    await other.until('/c HTTP/1.1');
    const wire = await u.wire(0);
    await wire.until('/b HTTP/1.1');
    expect(targets(wire)).toEqual(['/first', '/a', '/b']);
    expect(targets(other)).toEqual(['/c']);
  });

  for (const [what, ...others] of [
    ['a HEAD', 'HEAD /b'],
    ['a POST', 'POST /b', 'Content-Length: 0'],
    ['a DELETE', 'DELETE /b'],
    ['a PUT', 'PUT /b', 'Content-Length: 0'],
    ['a GET that states a length', 'GET /b', 'Content-Length: 0'],
  ] as const) {
    it(`share a connection with no other than GET and OPTIONS: ${what}`, async () => {
      const [line, ...headers] = others;
      const u = await upstream((wire, index) => (index === 0 ? answerFirst(wire) : answering(ok(''))(wire)));
      const gathered = await gathering(u.origin);
      await opened(gathered);
      await gathered.together(request('GET /a'), request(line, ...headers));
      await (await u.wire(1)).until('/b HTTP/1.1');
      const wire = await u.wire(0);
      await wire.until('/a HTTP/1.1');
      expect(targets(wire)).toEqual(['/first', '/a']);
    });
  }

  it('are not put behind the first of a connection, of which nothing is known', async () => {
    const u = await upstream(answering(ok('fine')));
    const { together } = await gathering(u.origin);
    const clients = await together(request('GET /a'), request('GET /b'));
    for (const c of clients) await c.until('fine');
    expect(u.wires.flatMap(targets).sort()).toEqual(['/a', '/b']);
    expect(u.wires).toHaveLength(2);
  });

  it('are not pipelined where nothing may be repeated', async () => {
    const u = await upstream(answering(ok('fine')));
    const gathered = await gathering(u.origin, { transport: { retries: 0 } });
    await opened(gathered, 'fine');
    const clients = await gathered.together(request('GET /a'), request('GET /b'));
    for (const c of clients) await c.until('fine');
    expect(u.wires).toHaveLength(2);
  });
});

describe('requests behind one whose answer ends the connection', () => {
  for (const [what, answer, first] of [
    ['says so', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlast!', 'last!'],
    ['is of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nlast!', 'last!'],
    ['has no length', 'HTTP/1.1 200 OK\r\n\r\nbegun', 'begun'],
    ['is a 408', 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nlate!', 'late!'],
    [
      'is an event stream',
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent!\r\n',
      'event!',
    ],
  ] as const) {
    it(`are sent over another as soon as its head is there: it ${what}`, async () => {
      const { wire, clients, u, g, doubts } = await shared(['GET /a', 'GET /b', 'GET /c']);
      wire.send(answer);
      await clients[0]?.until(first);
      await clients[1]?.until('elsewhere');
      await clients[2]?.until('elsewhere');
      expect(elsewhere(u).sort()).toEqual(['/b', '/c']);
      expect(g.outcomes.filter(({ tries }) => tries === 2)).toHaveLength(2);
      expect(doubts).toEqual([]);
    });
  }
});

describe('requests behind one that fails', () => {
  for (const [what, happens, told, doubted] of [
    ['is reset', (wire: Wire) => wire.socket.resetAndDestroy(), 'elsewhere', false],
    ['ends', (wire: Wire) => wire.socket.end(), 'elsewhere', false],
    [
      'breaks off',
      (wire: Wire) => wire.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun'),
      'begun',
      false,
    ],
    ['is nonsense', (wire: Wire) => wire.send('nonsense\r\n\r\n'), 'HTTP/1.1 502', true],
    [
      'has a broken body',
      (wire: Wire) => wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun!!'),
      null,
      true,
    ],
  ] as const) {
    it(`are sent once more, over connections of their own: the answer ${what}`, async () => {
      const { wire, clients, u, doubts } = await shared(['GET /a', 'GET /b', 'GET /c']);
      happens(wire);
      await clients[1]?.until('elsewhere');
      await clients[2]?.until('elsewhere');
      if (told === null) await clients[0]?.parted;
      else await clients[0]?.until(told);
      expect(
        elsewhere(u)
          .filter((target) => target !== '/a')
          .sort(),
      ).toEqual(['/b', '/c']);
      expect(doubts).toHaveLength(doubted ? 1 : 0);
    });
  }

  it('are sent over new connections when all that were kept have ended together', async () => {
    const u = await upstream((wire, index) =>
      index < 2 ? answerFirst(wire) : answering(ok('elsewhere'))(wire),
    );
    const { together } = await gathering(u.origin);
    for (const c of await together(request('GET /1'), request('GET /2'))) await c.until('first');
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    const clients = await together(request('GET /a'), request('GET /b'));
    const kept = [await u.wire(0), await u.wire(1)];
    await Promise.race(kept.map((wire) => wire.until('GET /b ')));
    const [asked, ...others] = kept.toSorted(({ received }) => (received.includes('GET /b ') ? -1 : 1));
    asked?.socket.destroy();
    for (const { socket } of others) socket.destroy();
    for (const c of clients) await c.until('elsewhere');
    expect(u.wires.slice(2).flatMap(targets).sort()).toEqual(['/a', '/b']);
  });

  it('are answered 502 when that fails, too', async () => {
    const u = await upstream(async (wire, index) => {
      if (index === 0) return answerFirst(wire);
      await wire.until('\r\n\r\n');
      wire.socket.resetAndDestroy();
    });
    const gathered = await gathering(u.origin);
    await opened(gathered);
    const clients = await gathered.together(request('GET /a'), request('GET /b'));
    const wire = await u.wire(0);
    await wire.until('/b HTTP/1.1');
    wire.socket.resetAndDestroy();
    for (const c of clients) await c.until('HTTP/1.1 502');
    expect(elsewhere(u).sort()).toEqual(['/a', '/b']);
    expect(decisions(gathered.g).slice(1)).toEqual(['forward.reset 502', 'forward.reset 502']);
  });
});

describe('a client that hangs up', () => {
  it('has its answer let fall, and those behind it get theirs', async () => {
    const { wire, clients, u, g } = await shared(['GET /a', 'GET /b', 'GET /c']);
    clients[0]?.socket.destroy();
    clients[1]?.socket.destroy();
    await g.outcomeOf('/a');
    await g.outcomeOf('/b');
    wire.send(ok('for a') + ok('for b') + ok('for c'));
    await clients[2]?.until('for c');
    expect(clients[2]?.received).not.toMatch(/for [ab]/);
    expect(u.wires).toHaveLength(1);
  });

  it('has its connection closed when nobody else waits on it', async () => {
    const { wire, clients } = await shared(['GET /a', 'GET /b']);
    clients[1]?.socket.destroy();
    clients[0]?.socket.destroy();
    expect(await wire.parted).toBeDefined();
  });

  it('holds up those behind it for no long answer: they are sent over other connections', async () => {
    const { wire, clients, u, g } = await shared(['GET /a', 'GET /b']);
    clients[0]?.socket.destroy();
    await g.outcomeOf('/a');
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n`);
    await clients[1]?.until('elsewhere');
    expect(elsewhere(u)).toEqual(['/b']);
    await wire.parted;
  });

  it('holds up those behind it for no long answer of unknown length, either', async () => {
    const { wire, clients, g } = await shared(['GET /a', 'GET /b']);
    clients[0]?.socket.destroy();
    await g.outcomeOf('/a');
    wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n${'x'.repeat(0x20000)}`);
    await clients[1]?.until('elsewhere');
    await wire.parted;
  });
});

describe('a slow answer', () => {
  it('is given up when its own time is over, and those behind it are not: they are sent over others', async () => {
    const clock = manualClock();
    const { clients, u, g } = await shared(['GET /a', 'GET /b'], {
      clock,
      upstream: { headTimeoutMs: 1_000 },
    });
    await expect
      .poll(() => {
        clock.advance(250);
        return g.outcomes.length;
      })
      .toBe(3);
    await clients[0]?.until('HTTP/1.1 504');
    await clients[1]?.until('elsewhere');
    expect(elsewhere(u)).toEqual(['/b']);
  });

  it('has as much time as any other once its turn has come', async () => {
    const clock = manualClock();
    const { wire, clients, u } = await shared(['GET /a', 'GET /b'], {
      clock,
      upstream: { headTimeoutMs: 1_000 },
    });
    for (let step = 0; step < 3; step += 1) clock.advance(250);
    wire.send(ok('for a'));
    await clients[0]?.until('for a');
    for (let step = 0; step < 3; step += 1) clock.advance(250);
    wire.send(ok('for b'));
    await clients[1]?.until('for b');
    expect(u.wires).toHaveLength(1);
  });

  it('holds up those behind it no longer than an upstream has for a head', async () => {
    const clock = manualClock();
    const { wire, clients, u } = await shared(['GET /a', 'GET /b'], {
      clock,
      upstream: { headTimeoutMs: 1_000 },
    });
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun');
    await clients[0]?.until('begun');
    for (let step = 0; step < 8; step += 1) {
      clock.advance(250);
      wire.send('.');
    }
    await clients[1]?.until('elsewhere');
    expect(elsewhere(u)).toEqual(['/b']);
    wire.send('.'.repeat(100 - 5 - 8));
    await clients[0]?.until('.'.repeat(95));
    await wire.parted;
  });
});

describe('a target whose answers are in doubt', () => {
  for (const [what, spoil] of [
    [
      'sends more than was asked for',
      (wire: Wire) => wire.send(`${ok('for a')}${ok('for b')}${ok('stray')}`),
    ],
    [
      'says something on an unused connection',
      async (wire: Wire) => {
        wire.send(ok('for a') + ok('for b'));
        await new Promise(setImmediate);
        await new Promise(setImmediate);
        wire.send(ok('stray'));
      },
    ],
  ] as const) {
    it(`gets no more than one request over a connection from then on: it ${what}`, async () => {
      const { wire, clients, u, doubts, together } = await shared(['GET /a', 'GET /b']);
      await spoil(wire);
      await clients[0]?.until('for a');
      await clients[1]?.until('for b');
      await wire.parted;
      expect(doubts).toEqual([u.origin]);
      for (let round = 0; round < 2; round += 1) {
        const others = await together(request('GET /c'), request('GET /d'));
        for (const c of others) await c.until('elsewhere');
        expect(others.map(({ received }) => received)).not.toContain('stray');
      }
      expect(u.wires).toHaveLength(3);
    });
  }
});
