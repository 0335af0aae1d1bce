import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ListenerTls } from '../kernel/listener-tls.ts';
import { OPEN_METRICS_TYPE, openMetricsText, readsOpenMetrics } from './open-metrics.ts';
import type { Snapshot } from './worker-metrics.ts';

/** What is wrong with a component, in one line for people; null when it is well. */
export type ComponentCheck = () => string | null | Promise<string | null>;

/** What there is to be scraped. */
export interface Scrape {
  readonly contentType: string;
  /** In the text form that `contentType` says. */
  metrics(): Promise<string>;
}

/** `stopping`: told to stop. `no-worker`: no process that carries traffic is up. */
export type Readiness = 'ready' | 'stopping' | 'no-worker';

export interface HealthServerParts {
  readonly metrics: Scrape;
  /** The same for scrapers that ask for OpenMetrics; null where it has nothing to add. */
  readonly openMetrics?: (() => Promise<Snapshot>) | null;
  readonly readiness: () => Readiness;
  /** By component name. A component that is not well degrades the process, which goes on with what it knows. */
  readonly components: Readonly<Record<string, ComponentCheck>>;
  /** Null where those who ask speak plainly. */
  readonly tls?: ListenerTls | null;
  /** How long a handshake may take, and a request to arrive, in milliseconds; 5 s unless given. */
  readonly patienceMs?: number;
}

/** Nobody who may keep a connection is that slow: those who say nothing must not take the place of a probe. */
const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 1_000;
/** Connections open at once: more than probes and scrapers have, and few enough to leave files for the gateway. */
const CONNECTIONS_MAX = 32;

/**
 * The server of port 9090, for machines: `/metrics` (Prometheus), `/livez` (the process answers), `/readyz`
 * (traffic may come). Readiness names every component that is not well, but is only taken back when the process
 * stops or has no worker left: a store that is away is away for the whole fleet, and taking every gateway out of
 * service would turn what is degraded into what is down. Serves no user data and takes no input.
 */
export function createHealthServer({
  metrics,
  openMetrics = null,
  readiness,
  components,
  tls = null,
  patienceMs = PATIENCE_MS,
}: HealthServerParts): Server {
  async function answerReady(): Promise<{ status: number; body: string }> {
    const states = await Promise.all(
      Object.entries(components).map(async ([name, check]) => [name, (await check()) ?? 'ok'] as const),
    );
    const well = states.every(([, state]) => state === 'ok');
    const ready = readiness();
    const status = ready === 'ready' ? (well ? 'ok' : 'degraded') : ready;
    const body = `${JSON.stringify({ status, components: Object.fromEntries(states) })}\n`;
    return { status: ready === 'ready' ? 200 : 503, body };
  }

  const listener: RequestListener = (request, response) => {
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const fail = (error: unknown) => answer(500, 'text/plain', `${String(error)}\n`);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(405, 'text/plain', 'GET only\n');
    } else if (request.url === '/livez') {
      answer(200, 'text/plain', 'ok\n');
    } else if (request.url === '/readyz') {
      answerReady().then(({ status, body }) => answer(status, 'application/json', body), fail);
    } else if (request.url === '/metrics') {
      if (openMetrics !== null && readsOpenMetrics(request.headers.accept)) {
        openMetrics()
          .then(openMetricsText)
          .then((body) => answer(200, OPEN_METRICS_TYPE, body), fail);
      } else metrics.metrics().then((body) => answer(200, metrics.contentType, body), fail);
    } else {
      answer(404, 'text/plain', 'Here are /metrics, /livez and /readyz.\n');
    }
  };
  const server = serverFor(listener, tls, patienceMs);
  server.maxConnections = CONNECTIONS_MAX;
  // The system may refuse to accept, for want of files; whoever asks again is answered.
  server.on('error', () => {});
  return server;
}

function serverFor(listener: RequestListener, tls: ListenerTls | null, patienceMs: number): Server {
  const patience = {
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, patienceMs),
  };
  if (tls === null) return createServer(patience, listener);
  const server = createTlsServer({ ...patience, ...tls.options(patienceMs) }, listener);
  tls.attach(server);
  return server;
}
