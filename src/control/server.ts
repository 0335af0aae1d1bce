/**
 * The management API's server: routes the declared operations and does for each of them, in this order, what
 * docs/okta.md §6 ("Order") says: path and method, media types, authentication, rate limit, permission, body,
 * parameters, and only then the operation itself.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { StoreAway } from '../domain/store.ts';
import type { ListenerTls } from '../kernel/listener-tls.ts';
import {
  type ApiError,
  BAD_MEDIA_TYPE,
  BODY_NOT_WELL_FORMED,
  INTERNAL,
  PATH_NOT_FOUND,
  rejected,
  STORE_AWAY,
} from './api-error.ts';
import { describeAt } from './description/routes.ts';
import type { Operation } from './operation.ts';
import { refuse, refuseBytes } from './responding.ts';
import { type RoutingParts, routeAll } from './routing.ts';

export interface ControlServerOptions extends RoutingParts {
  readonly operations: readonly Operation[];
  /** Largest request body, in bytes. */
  readonly bodySize: number;
  /** Null where clients speak plainly. */
  readonly tls: ListenerTls | null;
  /** Hears of every answer: of which operation, null for what is none, and its status. */
  readonly onAnswered: (operation: string | null, status: number) => void;
}

export interface ControlServer {
  /** @param port 0 takes any free one */
  listen(port: number, host: string): Promise<AddressInfo>;
  /** Lets requests under way end within the time, in milliseconds, then closes connections. */
  close(graceMs: number): Promise<void>;
}

/** Longest parameter in a path: a login with every character escaped. */
const PARAMETER_LENGTH_MAX = 1024;
/** How long a client may take over a whole request, and over its head alone, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEAD_TIMEOUT_MS = 10_000;
/** How long a connection may stay open between two requests, in milliseconds. */
const KEEP_ALIVE_MS = 75_000;
/** Connections open at once; more are closed as they come. Administrators and their scripts are few. */
const CONNECTIONS_MAX = 1_000;

export function createControlServer(options: ControlServerOptions): ControlServer {
  const app = fastify({
    genReqId: () => randomBytes(16).toString('hex'),
    requestIdHeader: false,
    bodyLimit: options.bodySize,
    serverFactory: (handler) => createServerFor(handler, options.tls),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: {
      ignoreTrailingSlash: true,
      // Okta's SDKs, given an address with a slash at its end, ask for `//api/v1` (docs/okta.md §9).
      ignoreDuplicateSlashes: true,
      maxParamLength: PARAMETER_LENGTH_MAX,
    },
    frameworkErrors: (_error, request, reply) => refuse(request, reply, PATH_NOT_FOUND),
    clientErrorHandler: refuseBytes,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setNotFoundHandler((request, reply) => refuse(request, reply, PATH_NOT_FOUND));
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalFor(error);
    if (refusal === INTERNAL) options.onBug(error, request.id);
    return refuse(request, reply, refusal);
  });
  app.addHook('onResponse', async (request, reply) => {
    options.onAnswered(request.routeOptions.config.operation ?? null, reply.statusCode);
  });
  readJsonOnly(app);
  routeAll(app, options.operations, options);
  describeAt(app, options.operations);
  return {
    async listen(port, host) {
      await app.listen({ port, host });
      // The system may refuse to accept, for want of files; that ends nothing that is open.
      app.server.on('error', (error) => options.onBug(error, 'none'));
      const address = app.server.address();
      if (address === null || typeof address === 'string') throw new Error('not a network address');
      return address;
    },
    async close(graceMs) {
      // Node looks after slow clients no more once it closes: one that never ends its request would hold it for ever.
      const cancel = options.clock.after(graceMs, () => app.server.closeAllConnections());
      await app.close();
      cancel();
    },
  };
}

function createServerFor(handler: RequestListener, tls: ListenerTls | null): Server {
  const times = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEAD_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  if (tls === null) return createServer(times, handler);
  const server = createTlsServer({ ...times, ...tls.options(HEAD_TIMEOUT_MS) }, handler);
  tls.attach(server);
  return server;
}

/** Bodies are JSON whatever they say: what says otherwise was refused before, and an empty one is no body. */
function readJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parse(request, body.toString(), done);
  });
}

/** What came of an error before the operation began: while the request was let in, or its body read. */
function refusalFor(error: unknown): ApiError {
  if (error instanceof StoreAway) return STORE_AWAY;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  if (status === 413) return rejected('listen.body-too-large');
  if (status === 415) return BAD_MEDIA_TYPE;
  return status === 400 ? BODY_NOT_WELL_FORMED : INTERNAL;
}
