import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Serving } from '../../src/cli/serve.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { testCa as ca } from '../support/test-tls.ts';
import { authorization, createSite, SECRET, type Settings, type Site, upstream } from './serving.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;

let api: Server;
let origin: string;
/** What the upstream got, by path. */
const got = new Map<string, IncomingMessage>();
let receiver: OtlpReceiver;
let site: Site;

beforeAll(async () => {
  api = createServer((req, res) => {
    got.set(req.url ?? '', req);
    res.writeHead(req.url === '/broken' ? 503 : 200).end('fine');
  });
  const sockets = new WebSocketServer({ server: api });
  sockets.on('connection', (socket, req) => {
    got.set(req.url ?? '', req);
    socket.on('message', (data) => socket.send(data));
  });
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
});
afterAll(() => {
  api.close();
  api.closeAllConnections();
});

async function serving(settings: Settings): Promise<Serving> {
  receiver = await startOtlpReceiver();
  site = createSite();
  const endpoints = [{ name: 'things', match: ['GET /things/{id}', '* /made/**'], max: 1000 }];
  const telemetry = { otlp: { endpoint: receiver.endpoint }, sample: 1, ...settings['telemetry'] };
  site.write({ forward: upstream(origin), endpoints, ...settings, telemetry });
  return site.serve('gateway');
}

afterEach(async () => {
  await site.close();
  await receiver.close();
});

/** Sends one request over a connection of its own. @returns the answer's head and body */
async function ask(at: Serving, path: string, ...lines: readonly string[]): Promise<string> {
  const socket = connect(at.proxy?.port ?? 0, '127.0.0.1');
  const head = [`GET ${path} HTTP/1.1`, 'Host: api.example', 'Connection: keep-alive', ...lines];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('fine') || answer.includes('"errorCode"')) break;
  }
  return answer;
}

const token = `Authorization: ${authorization}`;
const requestIdOf = (answer: string) => /x-request-id: (\w+)/i.exec(answer)?.[1] ?? 'none';
const ofTrace = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId);

function kinds(spans: readonly ReceivedSpan[]) {
  const only = (kind: ReceivedSpan['kind']) => {
    const found = spans.filter((span) => span.kind === kind);
    expect(found).toHaveLength(1);
    return found[0] as ReceivedSpan;
  };
  return { exchange: only('server'), gate: only('internal'), call: only('client') };
}

describe.each(['auto', 'general'])('a traced request over the transport %s', (transport) => {
  it('has spans of the exchange, of the gate and of the call of the upstream, which the upstream goes on from', async () => {
    const begun = BigInt(Date.now()) * 1_000_000n;
    const tollgate = await serving({ listen: { transport } });
    const answer = await ask(tollgate, '/things/7?secret=query', token);
    await tollgate.stop();
    const requestId = requestIdOf(answer);
    const spans = ofTrace(requestId);
    expect(spans).toHaveLength(3);
    const { exchange, gate, call } = kinds(spans);
    expect([exchange.name, gate.name, call.name]).toEqual(['GET things', 'gate', 'GET']);
    expect([exchange.parentId, gate.parentId, call.parentId]).toEqual(['', exchange.spanId, exchange.spanId]);
    expect(got.get('/things/7?secret=query')?.headers['traceparent']).toBe(
      `00-${requestId}-${call.spanId}-01`,
    );
    expect(exchange.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.path': '/things/7',
      'url.scheme': 'http',
      'client.address': '127.0.0.1',
      'tollgate.request.id': requestId,
      'tollgate.decision': 'forwarded',
      'tollgate.endpoint': 'things',
      'tollgate.token.id': expect.any(String),
    });
    expect(call.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(origin).port),
      'url.full': `${origin}/things/7`,
      'tollgate.upstream': 'api',
    });
    expect(gate.events).toEqual(['resolve', 'zone', 'limit']);
    expect(call.events).toEqual(['answered']);
    expect([exchange, gate, call].map(({ isError }) => isError)).toEqual([false, false, false]);
    expect(exchange.resource).toMatchObject({ 'service.name': 'tollgate' });
    // By the wall clock, each within the exchange.
    expect(exchange.startNs).toBeGreaterThan(begun);
    for (const { startNs, endNs } of [gate, call]) {
      expect(startNs).toBeGreaterThanOrEqual(exchange.startNs);
      expect(endNs).toBeGreaterThanOrEqual(startNs);
      expect(endNs).toBeLessThanOrEqual(exchange.endNs);
    }
    for (const { body } of receiver.exports) {
      expect(body.includes(SECRET)).toBe(false);
      expect(body.includes('secret=query')).toBe(false);
    }
  });

  it('stays in the trace that its caller names, goes by what the caller has sampled, and keeps its tracestate', async () => {
    const tollgate = await serving({ listen: { transport } });
    const state = 'tracestate: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7';
    await ask(tollgate, '/things/1', token, `traceparent: ${SAMPLED}`, state);
    await ask(tollgate, '/things/2', token, `TraceParent: 00-${'c'.repeat(32)}-${SPAN_ID}-00`);
    await tollgate.stop();
    const { exchange, call } = kinds(ofTrace(TRACE_ID));
    expect(exchange.parentId).toBe(SPAN_ID);
    expect(got.get('/things/1')?.headers).toMatchObject({
      traceparent: `00-${TRACE_ID}-${call.spanId}-01`,
      tracestate: 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7',
    });
    expect(got.get('/things/2')?.headers['traceparent']).toMatch(/^00-c{32}-(?!00f067aa)[0-9a-f]{16}-00$/);
    expect(ofTrace('c'.repeat(32))).toEqual([]);
  });

  it.each([
    ['is invalid', [`traceparent: 00-${'0'.repeat(32)}-${SPAN_ID}-01`]],
    ['came twice', [`traceparent: ${SAMPLED}`, `traceparent: ${SAMPLED}`]],
    ['came three times', Array.from({ length: 3 }, () => `traceparent: ${SAMPLED}`)],
    ['is not there', []],
  ])(
    'is in a trace that begins here where a traceparent %s, and without the tracestate that came',
    async (_, lines) => {
      const tollgate = await serving({ listen: { transport } });
      const answer = await ask(tollgate, '/made/new', token, ...lines, 'tracestate: a=b');
      const { rawHeaders = [], headers } = got.get('/made/new') ?? {};
      expect(rawHeaders.filter((name) => name.toLowerCase() === 'traceparent')).toHaveLength(1);
      expect(headers?.['traceparent']).toContain(`00-${requestIdOf(answer)}-`);
      expect(headers?.['tracestate']).toBeUndefined();
    },
  );

  it('has spans that say why it was refused, and whose fault it was', async () => {
    const tollgate = await serving({ listen: { transport } });
    const unknown = await ask(
      tollgate,
      '/things/1',
      'Authorization: SSWS 00nobodysTokenThatIsLongEnough0123456789',
    );
    const answer = await fetch(`http://127.0.0.1:${tollgate.proxy?.port}/broken`, {
      headers: { authorization },
    });
    await tollgate.stop();
    const refused = ofTrace(requestIdOf(unknown));
    expect(refused.map(({ name, kind }) => [name, kind])).toEqual([
      ['GET', 'server'],
      ['gate', 'internal'],
    ]);
    expect(refused[0]).toMatchObject({
      isError: false,
      attributes: {
        'tollgate.decision': expect.stringMatching(/^resolve\./),
        'http.response.status_code': 401,
      },
    });
    const { exchange, call } = kinds(ofTrace(answer.headers.get('x-request-id') ?? ''));
    expect(exchange).toMatchObject({ isError: true, attributes: { 'error.type': '503' } });
    expect(call).toMatchObject({ isError: true, attributes: { 'http.response.status_code': 503 } });
  });
});

describe('a traced request over HTTP/2', () => {
  const files = join(import.meta.dirname, '../support/tls');
  const tls = { certificates: [join(files, 'gateway.crt')], keys: [join(files, 'gateway.key')] };

  async function askHttp2(at: Serving, path: string, headers: Readonly<Record<string, string>>) {
    const session = connectHttp2(`https://localhost:${at.proxy?.port}`, { ca });
    const stream = session.request({ ':path': path, authorization, ...headers });
    const [answer] = await once(stream, 'response');
    await stream.toArray();
    session.close();
    return String(answer['x-request-id']);
  }

  it('stays in the trace that its caller names, and each stream has spans of its own', async () => {
    const tollgate = await serving({ listen: { http2: true, tls } });
    const requestId = await askHttp2(tollgate, '/things/21', { traceparent: SAMPLED, tracestate: 'a=b' });
    const begunHere = await askHttp2(tollgate, '/things/22', {});
    await tollgate.stop();
    const { exchange, gate, call } = kinds(ofTrace(TRACE_ID));
    expect([exchange.parentId, gate.parentId, call.parentId]).toEqual([
      SPAN_ID,
      exchange.spanId,
      exchange.spanId,
    ]);
    expect(got.get('/things/21')?.headers).toMatchObject({
      traceparent: `00-${TRACE_ID}-${call.spanId}-01`,
      tracestate: 'a=b',
    });
    expect(exchange).toMatchObject({
      name: 'GET things',
      attributes: {
        'url.scheme': 'https',
        'tollgate.request.id': requestId,
        'http.response.status_code': 200,
      },
    });
    expect(kinds(ofTrace(begunHere)).exchange.parentId).toBe('');
  });

  it.each([
    ['is invalid', '00-xyz'],
    ['came twice', `${SAMPLED}, ${SAMPLED}`],
  ])('is in a trace that begins here where a traceparent %s', async (_, traceparent) => {
    const tollgate = await serving({ listen: { http2: true, tls } });
    const requestId = await askHttp2(tollgate, '/made/two', { traceparent, tracestate: 'a=b' });
    expect(got.get('/made/two')?.headers['traceparent']).toContain(`00-${requestId}-`);
    expect(got.get('/made/two')?.headers['tracestate']).toBeUndefined();
  });
});

describe('a reload', () => {
  it('changes which traces are sampled from the next request on, and loses no span of those before', async () => {
    const settings = { endpoints: [], forward: upstream(origin) };
    const tollgate = await serving(settings);
    const sampleBy = async (sampling: { readonly sample: number; readonly parentBased?: boolean }) => {
      site.write({ ...settings, telemetry: { otlp: { endpoint: receiver.endpoint }, ...sampling } });
      expect(await tollgate.reload()).toMatchObject({ applied: true });
    };
    /** One request of its own trace, and one whose caller samples. */
    const both = async (digit: string) => {
      const caller = digit.repeat(32);
      const own = requestIdOf(await ask(tollgate, '/things/1', token));
      await ask(tollgate, '/things/1', token, `traceparent: 00-${caller}-${SPAN_ID}-01`);
      return [own, caller];
    };
    const all = await both('1');
    await sampleBy({ sample: 0 });
    const callers = await both('2');
    await sampleBy({ sample: 0, parentBased: false });
    const none = await both('3');
    await sampleBy({ sample: 1, parentBased: false });
    const allAgain = await both('4');
    await tollgate.stop();
    const spans = [all, callers, none, allAgain].map((ids) => ids.map((id) => ofTrace(id).length));
    expect(spans).toEqual([
      [3, 3],
      [0, 3],
      [0, 0],
      [3, 3],
    ]);
  });
});

describe('a WebSocket', () => {
  it('is one exchange with a call of the upstream, over when the tunnel closes', async () => {
    const tollgate = await serving({});
    const socket = new WebSocket(`ws://127.0.0.1:${tollgate.proxy?.port}/tunnel`, {
      headers: { authorization, traceparent: SAMPLED },
    });
    await once(socket, 'open');
    socket.send('there and back');
    await once(socket, 'message');
    socket.close();
    await once(socket, 'close');
    await tollgate.stop();
    const { exchange, call } = kinds(ofTrace(TRACE_ID));
    expect(got.get('/tunnel')?.headers['traceparent']).toBe(`00-${TRACE_ID}-${call.spanId}-01`);
    expect(exchange).toMatchObject({
      parentId: SPAN_ID,
      attributes: { 'http.response.status_code': 101, 'tollgate.decision': 'forwarded' },
    });
  });
});

describe('who traces nothing', () => {
  it.each(['auto', 'general'])(
    'passes what the caller says of its trace as it came, over %s',
    async (transport) => {
      const tollgate = await serving({ listen: { transport }, telemetry: { otlp: {} } });
      await ask(
        tollgate,
        '/made/as-it-came',
        token,
        'TraceParent: anything',
        'TraceParent: twice',
        'traceState: x',
      );
      const { rawHeaders = [] } = got.get('/made/as-it-came') ?? {};
      const passed = rawHeaders.filter((_, at) => /^trace/i.test(rawHeaders[at - (at % 2)] ?? ''));
      expect(passed).toEqual(['TraceParent', 'anything', 'TraceParent', 'twice', 'traceState', 'x']);
      await tollgate.stop();
      expect(receiver.exports).toEqual([]);
    },
  );
});

describe('/metrics', () => {
  const scrape = async (at: Serving, accept: string) => {
    const answer = await fetch(`http://127.0.0.1:${at.metrics?.port}/metrics`, { headers: { accept } });
    return { type: answer.headers.get('content-type') ?? '', text: await answer.text() };
  };
  const OPEN = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
  // Those of Node itself begin to be when what they count first happens, as a collection does.
  const sampleNames = (text: string) =>
    new Set([...text.matchAll(/^(?!nodejs_)[a-z_]+/gm)].map(([name]) => name));

  it('shows traces as exemplars of the stages, to a scraper that reads OpenMetrics; names stay', async () => {
    const tollgate = await serving({});
    const requestId = requestIdOf(await ask(tollgate, '/things/1', token));
    const open = await scrape(tollgate, OPEN);
    const plain = await scrape(tollgate, 'text/plain');
    const again = await scrape(tollgate, OPEN);
    expect(open.type).toContain('application/openmetrics-text');
    expect(plain.type).toContain('text/plain');
    const shown = /^tollgate_stage_duration_seconds_bucket\{.*stage="(\w+)".* # \{trace_id="(\w+)"\} /gm;
    const stages = [...open.text.matchAll(shown)]
      .filter(([, , id]) => id === requestId)
      .map(([, name]) => name);
    expect(stages.sort()).toEqual(['forward', 'gate', 'limit', 'resolve', 'whole', 'zone']);
    expect(plain.text).not.toContain('trace_id');
    expect(sampleNames(open.text)).toEqual(sampleNames(plain.text));
    expect(sampleNames(again.text)).toEqual(sampleNames(open.text));
    expect(open.text.endsWith('\n# EOF\n')).toBe(true);
  });

  it('has the form of Prometheus for everybody where nothing is traced', async () => {
    const tollgate = await serving({ telemetry: { otlp: {} } });
    expect((await scrape(tollgate, OPEN)).type).toContain('text/plain');
  });

  it('counts the spans that a receiver did not take, and requests go on', async () => {
    const tollgate = await serving({});
    receiver.does = 'refuse';
    expect(await ask(tollgate, '/things/1', token)).toContain('200 OK');
    const dropped = async () => {
      const { text } = await scrape(tollgate, 'text/plain');
      return /^tollgate_spans_dropped_total (\d+)$/m.exec(text)?.[1];
    };
    await expect.poll(dropped).toBe('3');
    expect(await ask(tollgate, '/things/2', token)).toContain('200 OK');
  });
});
