import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Serving } from '../../src/cli/serve.ts';
import {
  authorization,
  createSite,
  type Site,
  startUpstream,
  type TestUpstream,
  upstream,
} from './serving.ts';

let site: Site;
let upstreams: TestUpstream[];
let agent: Agent;
beforeEach(() => {
  site = createSite();
  upstreams = [];
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
});
afterEach(async () => {
  agent.destroy();
  await site.close();
  for (const each of upstreams) await each.close();
});

async function start(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<TestUpstream> {
  const started = await startUpstream(answer);
  upstreams.push(started);
  return started;
}

/** An upstream that answers with its name. */
const named = (name: string) => start((_req, res) => res.end(name));

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** The client's port: the same for all requests of a connection. */
  readonly port: number;
}

/** One request over the kept connection of `agent`. */
function ask(serving: Serving, path: string, through = agent, headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port: serving.proxy?.port,
      path,
      agent: through,
      headers: { authorization, ...headers },
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const port = response.socket.localPort ?? 0;
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers, port }),
      );
      response.once('error', reject);
    });
    sent.end();
  });
}

const machine = async (serving: Serving, path: string) =>
  (await fetch(`http://127.0.0.1:${serving.metrics?.port}${path}`)).text();

const METRIC = /^tollgate_config_generation (\d+)$/m;

describe.each(['auto', 'general'])('a reload with listen.transport %s', (transport) => {
  const listen = { transport };

  it('drops no request and no connection, however often it happens under load', async () => {
    const [one, other] = [await named('one'), await named('other')];
    site.write({ listen, forward: upstream(one.origin), limit: { unmatched: { max: 'unlimited' } } });
    const serving = await site.serve('gateway');
    let over = false;
    const client = async () => {
      const own = new Agent({ keepAlive: true, maxSockets: 1 });
      const seen: Answer[] = [];
      while (!over) seen.push(await ask(serving, '/x', own));
      own.destroy();
      return seen;
    };
    const clients = Array.from({ length: 8 }, client);
    for (let reload = 1; reload <= 12; reload += 1) {
      const { origin } = reload % 2 === 1 ? other : one;
      const maxHeaders = 50 + reload;
      site.write({
        listen: { ...listen, maxHeaders },
        forward: upstream(reload % 3 === 0 ? one.origin : origin),
        limit: { unmatched: { max: 'unlimited' } },
      });
      expect(await serving.reload()).toEqual({ applied: true, generation: reload + 1 });
      await ask(serving, '/x');
    }
    over = true;
    const answers = (await Promise.all(clients)).map((seen) => ({
      statuses: new Set(seen.map(({ status }) => status)),
      ports: new Set(seen.map(({ port }) => port)).size,
      bodies: new Set(seen.map(({ body }) => body)),
    }));
    for (const { statuses, ports } of answers) {
      expect(statuses).toEqual(new Set([200]));
      expect(ports).toBe(1);
    }
    expect(new Set(answers.flatMap(({ bodies }) => [...bodies]))).toEqual(new Set(['one', 'other']));
  });

  it('lets a request end where it was sent, and sends the next one, on the same connection, elsewhere', async () => {
    let begun: (finish: () => void) => void = () => {};
    const underway = new Promise<() => void>((resolve) => {
      begun = resolve;
    });
    const old = await start((req, res) => {
      if (req.url !== '/slow') res.end('old');
      else {
        res.write('begun at the old, ');
        begun(() => res.end('ended at the old'));
      }
    });
    const next = await named('next');
    site.write({ listen, forward: upstream(old.origin) });
    const serving = await site.serve('gateway');
    const first = await ask(serving, '/x');
    const slow = ask(serving, '/slow');
    const finish = await underway;
    site.write({ listen, forward: upstream(next.origin) });
    await serving.reload();
    const meanwhile = await ask(serving, '/x', new Agent());
    finish();
    expect(await slow).toMatchObject({ status: 200, body: 'begun at the old, ended at the old' });
    const last = await ask(serving, '/x');
    expect([first.body, meanwhile.body, last.body]).toEqual(['old', 'next', 'next']);
    expect(last.port).toBe(first.port);
    // What was replaced is closed once nothing is under way there.
    await expect.poll(() => old.connections()).toBe(0);
  });

  it('keeps the connections to upstreams that are configured as they were', async () => {
    const ports = new Set<number | undefined>();
    const api = await start((req, res) => {
      ports.add(req.socket.remotePort);
      res.end('ok');
    });
    site.write({ listen, forward: upstream(api.origin) });
    const serving = await site.serve('gateway');
    await ask(serving, '/x');
    site.write({ listen, forward: { ...upstream(api.origin), stripToken: false } });
    await serving.reload();
    await ask(serving, '/x');
    expect(ports.size).toBe(1);
  });

  it('puts trusted proxies, schemes, forms, bounds and routes in force for the next request', async () => {
    const api = await start((req, res) => res.end(JSON.stringify(req.headers)));
    site.write({ listen, forward: upstream(api.origin) });
    const serving = await site.serve('gateway');
    const before = await ask(serving, '/x', agent, { 'x-forwarded-for': '192.0.2.7' });
    expect(JSON.parse(before.body)).toMatchObject({ 'x-forwarded-for': '127.0.0.1' });
    site.write({
      listen: { ...listen, targetSize: '128B' },
      forward: { ...upstream(api.origin), stripToken: false },
      zone: { trustedProxies: ['127.0.0.1'] },
      resolve: { schemes: ['SSWS', 'Bearer'] },
      refusals: { format: 'problem' },
    });
    await serving.reload();
    const bearer = { authorization: authorization.replace('SSWS', 'Bearer') };
    const after = await ask(serving, '/x', agent, { 'x-forwarded-for': '192.0.2.7', ...bearer });
    expect(JSON.parse(after.body)).toMatchObject({ 'x-forwarded-for': '192.0.2.7, 127.0.0.1', ...bearer });
    const refused = await ask(serving, `/${'x'.repeat(128)}`);
    expect(refused.status).toBe(414);
    expect(refused.headers['content-type']).toContain('application/problem+json');
    expect([after.port, refused.port]).toEqual([before.port, before.port]);
  });

  it('keeps what was counted: an endpoint whose maximum changes keeps its window', async () => {
    const api = await named('api');
    const limited = (max: number) => ({ endpoints: [{ name: 'few', match: 'GET /few', max, window: '1h' }] });
    const count = async (serving: Serving, times: number) => {
      const statuses: number[] = [];
      for (let asked = 0; asked < times; asked += 1) statuses.push((await ask(serving, '/few')).status);
      return statuses;
    };
    site.write({ listen, forward: upstream(api.origin), ...limited(5) });
    const serving = await site.serve('gateway');
    expect(await count(serving, 3)).toEqual([200, 200, 200]);
    site.write({ listen, forward: upstream(api.origin), ...limited(3) });
    await serving.reload();
    expect(await count(serving, 1)).toEqual([429]);
    site.write({ listen, forward: upstream(api.origin), ...limited(4) });
    await serving.reload();
    expect(await count(serving, 2)).toEqual([200, 429]);
  });
});

describe('a reload', () => {
  it('refuses a file with mistakes as a whole and says all of them; the next good one is taken', async () => {
    const [api, other] = [await named('api'), await named('other')];
    site.write({ forward: upstream(api.origin) });
    const serving = await site.serve('gateway');
    site.write({
      forward: upstream(other.origin),
      listen: { headTimeout: 5 },
      limit: { defaultPercentage: 101 },
    });
    const refused = await serving.reload();
    expect(refused).toEqual({
      applied: false,
      problems: [
        expect.stringContaining('listen.headTimeout: must be a duration'),
        expect.stringContaining('limit.defaultPercentage: must be a whole number'),
      ],
    });
    expect((await ask(serving, '/x')).body).toBe('api');
    const ready = JSON.parse(await machine(serving, '/readyz'));
    expect(ready.status).toBe('degraded');
    expect(ready.components.config).toContain('listen.headTimeout');
    expect(await machine(serving, '/metrics')).toContain('tollgate_config_reloads_refused_total 1\n');
    expect(METRIC.exec(await machine(serving, '/metrics'))?.[1]).toBe('1');

    site.write({ forward: upstream(other.origin) });
    expect(await serving.reload()).toEqual({ applied: true, generation: 2 });
    expect((await ask(serving, '/x')).body).toBe('other');
    expect(JSON.parse(await machine(serving, '/readyz'))).toMatchObject({ status: 'ok' });
    expect(METRIC.exec(await machine(serving, '/metrics'))?.[1]).toBe('2');
  });

  it('refuses a file that is gone', async () => {
    site.write({ forward: upstream((await named('api')).origin) });
    const serving = await site.serve('gateway');
    rmSync(site.file);
    expect(await serving.reload()).toEqual({
      applied: false,
      problems: [expect.stringContaining('cannot be read')],
    });
    expect((await ask(serving, '/x')).status).toBe(200);
  });

  it('refuses a change of what needs a restart by its name, and with it all other changes of the file', async () => {
    const [api, other] = [await named('api'), await named('other')];
    site.write({ forward: upstream(api.origin) });
    const serving = await site.serve('gateway');
    site.write({
      forward: upstream(other.origin),
      listen: { headSize: '32KiB' },
      resolve: { prefix: 'abc' },
    });
    expect(await serving.reload()).toEqual({
      applied: false,
      problems: [
        'listen.headSize has changed: it needs a restart',
        'resolve.prefix has changed: it needs a restart',
      ],
    });
    expect((await ask(serving, '/x')).body).toBe('api');
  });

  it('reads the endpoint files again', async () => {
    const file = join(site.folder, 'endpoints.json');
    const endpoints = (max: number) =>
      writeFileSync(file, JSON.stringify({ endpoints: [{ name: 'few', match: 'GET /few', max }] }));
    endpoints(1);
    site.write({ forward: upstream((await named('api')).origin), endpointFiles: ['endpoints.json'] });
    const serving = await site.serve('gateway');
    expect((await ask(serving, '/few')).headers['x-rate-limit-limit']).toBe('1');
    endpoints(7);
    await serving.reload();
    expect((await ask(serving, '/few')).headers['x-rate-limit-limit']).toBe('7');
  });

  it('starts the built-in upstream for a configuration that names it first', async () => {
    site.write({ forward: upstream((await named('api')).origin) });
    const serving = await site.serve('gateway');
    site.write({ forward: upstream('builtin:echo') });
    await serving.reload();
    expect((await ask(serving, '/x')).body).toContain('x-tollgate-user-login');
  });

  it('makes the control plane explain what the gateway then decides', async () => {
    const forward = upstream((await named('api')).origin);
    site.write({ forward });
    const serving = await site.serve();
    const manage = async (path: string, body?: unknown) => {
      const init =
        body === undefined
          ? { headers: { authorization } }
          : {
              method: 'POST',
              headers: { authorization, 'content-type': 'application/json' },
              body: JSON.stringify(body),
            };
      return (await fetch(`http://127.0.0.1:${serving.admin?.port}${path}`, init)).json();
    };
    const [{ id: tokenId }] = (await manage('/api/v1/api-tokens')) as [{ id: string }];
    const question = { tokenId, method: 'GET', path: '/few', peer: '192.0.2.7' };
    expect(await manage('/api/v1/explain', question)).toMatchObject({ limit: { endpoint: 'unmatched' } });
    site.write({
      forward,
      limit: { defaultPercentage: 20 },
      endpoints: [{ name: 'few', match: 'GET /few', max: 10 }],
    });
    await serving.reload();
    expect(await manage('/api/v1/explain', question)).toMatchObject({
      limit: { endpoint: 'few', percentage: 20, share: 2 },
    });
  });

  it('leaves WebSockets open, and carries the next one to the new upstream', async () => {
    const servers = ['old', 'new'].map((name) => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      server.on('connection', (socket) => socket.on('message', (text) => socket.send(`${name}: ${text}`)));
      return server;
    });
    await Promise.all(servers.map((server) => once(server, 'listening')));
    const origins = servers.map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
    });
    site.write({ forward: upstream(origins[0] ?? '') });
    const serving = await site.serve('gateway');
    const open = () =>
      new Promise<WebSocket>((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${serving.proxy?.port}/`, {
          headers: { authorization },
        });
        socket.once('open', () => resolve(socket));
        socket.once('error', reject);
      });
    const answered = (socket: WebSocket) =>
      new Promise<string>((resolve) => {
        socket.once('message', (text) => resolve(String(text)));
        socket.send('hello');
      });
    const first = await open();
    expect(await answered(first)).toBe('old: hello');
    site.write({ forward: upstream(origins[1] ?? '') });
    await serving.reload();
    const second = await open();
    expect(await answered(second)).toBe('new: hello');
    expect(await answered(first)).toBe('old: hello');
    first.terminate();
    second.terminate();
    await serving.stop();
    for (const server of servers) server.close();
  });
});
