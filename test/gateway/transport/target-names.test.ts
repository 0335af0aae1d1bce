/** Targets that are named: what the name means now is where requests go, and never to what no target may be. */
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { UpstreamOptions } from '../../../src/gateway/forward/upstreams.ts';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { createGeneralTransport } from '../../../src/gateway/transport/general/server.ts';
import { createWebSocketUpgrades } from '../../../src/gateway/transport/general/websocket.ts';
import { startGateway, type TestGateway, testTransport } from '../../support/gateway.ts';
import { ask } from '../../support/load.ts';

const OLD = '127.0.0.1';
const NEW = '127.0.0.2';
const METADATA = '169.254.169.254';
const KEEP_MS = 3_600_000;

const servers: Server[] = [];
/** Answers that wait for the test, of requests for `/held`. */
const held: ServerResponse[] = [];
/** Requests that came to the servers. */
let asked = 0;
let port = 0;

/** What the name means, and how often somebody wanted to know. */
let means: string[];
let lookups: number;
let gateway: TestGateway;

beforeAll(async () => {
  for (const address of [OLD, NEW]) {
    const server = createServer((request, response) => {
      asked += 1;
      if (request.url === '/held') held.push(response);
      else response.end(address);
    });
    server.keepAliveTimeout = KEEP_MS;
    new WebSocketServer({ server }).on('connection', (socket) => socket.send(address));
    server.listen(port, address);
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    servers.push(server);
  }
});
afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});
beforeEach(() => {
  means = [OLD];
  lookups = 0;
  asked = 0;
});
afterEach(() => gateway.close());

async function start(options: Partial<UpstreamOptions> = {}): Promise<void> {
  const timeLimits = { connectMs: 5_000, headMs: 5_000, idleMs: 60_000, graceMs: 1_000 };
  gateway = await startGateway({
    upstreams: [`http://api.test:${port}`],
    upstream: {
      keepAliveMs: KEEP_MS,
      findAddresses(_name, _options, found) {
        lookups += 1;
        const addresses = means.map((address): LookupAddress => ({ address, family: 4 }));
        setImmediate(() => found(null, addresses));
      },
      ...options,
    },
    upgrades: (transport) => createWebSocketUpgrades({ ...transport, timeLimits }),
  });
}

const get = async (path = '/') => await ask(false, `${gateway.origin}${path}`);

describe.each([
  ['general', createGeneralTransport],
  ['fast', createFastTransport],
] as const)('over the %s transport', (_name, create) => {
  let putBack: () => void;
  beforeAll(() => {
    putBack = testTransport(create);
  });
  afterAll(() => putBack());

  it('a connection is used again while it is young, whatever the name means by now', async () => {
    await start({ maxAgeMs: KEEP_MS });
    expect((await get()).body).toBe(OLD);
    means = [NEW];
    for (let again = 0; again < 10; again += 1) expect((await get()).body).toBe(OLD);
    expect(lookups).toBe(1);
  });

  it('requests go where the name leads now, once their connection is old; one under way is not cut', async () => {
    await start({ maxAgeMs: 300, connectTimeoutMs: 200 });
    const waiting = get('/held');
    await expect.poll(() => held.length).toBe(1);
    expect((await get()).body).toBe(OLD);
    means = [NEW];
    await expect.poll(async () => (await get()).body).toBe(NEW);
    held.pop()?.end('the end');
    expect(await waiting).toMatchObject({ status: 200, body: 'the end' });
  });

  it('a name that means the metadata of a cloud leads nowhere, and the outcome says so', async () => {
    await start();
    means = [METADATA];
    expect((await get('/metadata')).status).toBe(502);
    expect(await gateway.outcomeOf('/metadata')).toMatchObject({ decision: 'forward.address', tries: 2 });
    expect(gateway.bugs).toEqual([]);
    means = [METADATA, NEW];
    expect((await get()).body).toBe(NEW);
  });

  it('a WebSocket goes no other way', async () => {
    await start();
    const open = () => new WebSocket(`ws://127.0.0.1:${gateway.port}/socket`);
    means = [METADATA];
    const refused = open();
    const [error] = await once(refused, 'error');
    expect(String(error)).toContain('502');
    expect(await gateway.outcomeOf('/socket')).toMatchObject({ decision: 'forward.address' });
    means = [METADATA, NEW];
    const socket = open();
    const [message] = await once(socket, 'message');
    expect(String(message)).toBe(NEW);
    socket.terminate();
  });
});

it('a probe goes no other way', async () => {
  means = [METADATA];
  await start({ failures: 1, probe: { path: '/', everyMs: 20, timeoutMs: 5_000 } });
  await expect.poll(() => gateway.upstreams.targets()[0]?.health).toBe('down');
  expect(asked).toBe(0);
  means = [METADATA, NEW];
  await expect.poll(() => gateway.upstreams.targets()[0]?.health).toBe('up');
  expect(asked).toBeGreaterThan(0);
});
