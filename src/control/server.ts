/**
 * The management API's server: routes the declared operations and does for each of them, in this order, what
 * docs/okta.md §6 ("Order") says: path and method, media types, authentication, rate limit, permission, body,
 * parameters, and only then the operation itself.
 */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { clientOf } from '../domain/log-client.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import { StoreAway, StoreConflict } from '../domain/store.ts';
import type { Clock } from '../kernel/clock.ts';
import {
  type ApiError,
  BAD_MEDIA_TYPE,
  BODY_NOT_WELL_FORMED,
  conflict,
  errorBody,
  FORBIDDEN,
  INTERNAL,
  METHOD_NOT_ALLOWED,
  PATH_NOT_FOUND,
  rejected,
  STORE_AWAY,
} from './api-error.ts';
import { describeAt } from './description/routes.ts';
import { acceptsJson, bodyIsJson } from './media-type.ts';
import type { Answer, Caller, Operation, RequestFacts } from './operation.ts';
import { type Grant, grantFor } from './permissions.ts';
import { type RateLimit, rateHeaders } from './rate-limit.ts';

/** What a request shows of who it is from. */
export interface Presented {
  /** The value of `Authorization`, or null. */
  readonly authorization: string | null;
  /** The address of the peer of the connection. */
  readonly peer: string;
  /** All `X-Forwarded-For` values joined with commas in their order, or null. */
  readonly forwardedFor: string | null;
}

/** Finds out who makes a request, by the gateway's own rules of tokens and networks; otherwise says why not. */
export type Authenticate = (presented: Presented) => Promise<Caller | RejectionCode>;

export interface ControlServerOptions {
  readonly operations: readonly Operation[];
  readonly authenticate: Authenticate;
  readonly rateLimit: RateLimit;
  readonly clock: Clock;
  /** Largest request body, in bytes. */
  readonly bodySize: number;
  /** The origin that links begin with, without a slash at the end; null takes it from each request's `Host`. */
  readonly publicUrl: string | null;
  /** Hears of exceptions, which are bugs. */
  readonly onBug: (error: unknown, requestId: string) => void;
}

export interface ControlServer {
  /** @param port 0 takes any free one */
  listen(port: number, host: string): Promise<AddressInfo>;
  /** Lets requests under way end, then closes connections. */
  close(): Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request, once it is let in. */
    admitted: { readonly caller: Caller; readonly grant: Grant } | null;
  }
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE';
const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Longest parameter in a path: a login with every character escaped. */
const PARAMETER_LENGTH_MAX = 1024;
/** How long a client may take over one whole request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long a connection may stay open between two requests, in milliseconds. */
const KEEP_ALIVE_MS = 75_000;

const HEADERS = {
  'cache-control': 'no-cache, no-store',
  pragma: 'no-cache',
  expires: '0',
  'x-content-type-options': 'nosniff',
};

export function createControlServer(options: ControlServerOptions): ControlServer {
  const app = fastify({
    genReqId: () => randomBytes(16).toString('hex'),
    requestIdHeader: false,
    bodyLimit: options.bodySize,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
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
  });
  app.decorateRequest('admitted', null);
  app.setNotFoundHandler((request, reply) => refuse(request, reply, PATH_NOT_FOUND));
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalFor(error);
    if (refusal === INTERNAL) options.onBug(error, request.id);
    return refuse(request, reply, refusal);
  });
  readJsonOnly(app);
  for (const operation of options.operations) route(app, operation, options);
  refuseOtherMethods(app, options.operations);
  describeAt(app, options.operations);
  return {
    async listen(port, host) {
      await app.listen({ port, host });
      const address = app.server.address();
      if (address === null || typeof address === 'string') throw new Error('not a network address');
      return address;
    },
    close: () => app.close(),
  };
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

function route(app: FastifyInstance, operation: Operation, options: ControlServerOptions): void {
  app.route({
    method: operation.method,
    url: routerPath(operation.path),
    onRequest: async (request, reply) => {
      const refusal = await admit(request, reply, operation, options);
      return refusal === null ? undefined : refuse(request, reply, refusal);
    },
    handler: async (request, reply) => {
      const { admitted } = request;
      if (admitted === null) throw new Error('a request reached its operation without being let in');
      const answer = await operation.perform({
        ...admitted,
        params: request.params as Readonly<Record<string, string>>,
        query: request.query,
        body: request.body,
        request: factsOf(request, options.publicUrl),
        now: options.clock.now(),
      });
      return answer.kind === 'error' ? refuse(request, reply, answer) : send(request, reply, answer);
    },
  });
}

/** Lets the request in, or says why not. */
async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  operation: Operation,
  { authenticate, rateLimit }: ControlServerOptions,
): Promise<ApiError | null> {
  const { headers, socket } = request;
  if (!acceptsJson(headers.accept) || !bodyIsJson(headers)) return BAD_MEDIA_TYPE;
  const peer = socket.remoteAddress ?? '';
  const caller = await authenticate({
    authorization: headers.authorization ?? null,
    peer,
    forwardedFor: forwardedFor(request),
  });
  const spent =
    typeof caller === 'string' ? rateLimit.refused(peer) : rateLimit.request(caller.token.id, caller.share);
  reply.headers(rateHeaders(spent));
  if (!spent.admitted) {
    reply.header('retry-after', String(rateLimit.retryAfterSeconds(spent)));
    return rejected(`limit.${spent.scope}`);
  }
  if (typeof caller === 'string') {
    if (caller.endsWith('store-away')) reply.header('retry-after', '1');
    return rejected(caller);
  }
  const grant = grantFor(operation.id, caller.user);
  if (grant === null) return FORBIDDEN;
  request.admitted = { caller, grant };
  return null;
}

/** Every path answers the methods that it does not have with 405. */
function refuseOtherMethods(app: FastifyInstance, operations: readonly Operation[]): void {
  const byPath = Map.groupBy(operations, ({ path }) => path);
  for (const [path, those] of byPath) {
    const taken = new Set<string>(those.map(({ method }) => method));
    app.route({
      method: METHODS.filter((method) => !taken.has(method)),
      url: routerPath(path),
      // Before a body is read.
      onRequest: async (request, reply) => refuse(request, reply, METHOD_NOT_ALLOWED),
      handler: (request, reply) => refuse(request, reply, METHOD_NOT_ALLOWED),
    });
  }
}

const routerPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');

function factsOf(request: FastifyRequest, publicUrl: string | null): RequestFacts {
  const { headers, socket } = request;
  const ifMatch = headers['if-match'];
  const userAgent = headers['user-agent'] ?? null;
  return {
    id: request.id,
    origin: publicUrl ?? `http://${headers.host ?? 'localhost'}`,
    // Read as a reference, what begins with two slashes would name a host.
    target: request.originalUrl.replace(/^\/+/, '/'),
    client: clientOf(
      request.admitted?.caller.chain.client ?? null,
      socket.remoteAddress ?? '',
      forwardedFor(request),
      userAgent,
    ),
    ifMatch: typeof ifMatch === 'string' ? ifMatch : null,
  };
}

function forwardedFor({ headers }: FastifyRequest): string | null {
  const value = headers['x-forwarded-for'];
  return (Array.isArray(value) ? value.join(',') : value) ?? null;
}

function refusalFor(error: unknown): ApiError {
  if (error instanceof StoreAway) return STORE_AWAY;
  if (error instanceof StoreConflict) return conflict('resource');
  if (error instanceof SyntaxError) return BODY_NOT_WELL_FORMED;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  if (status === 413) return rejected('listen.body-too-large');
  if (status === 415) return BAD_MEDIA_TYPE;
  return status === 400 ? BODY_NOT_WELL_FORMED : INTERNAL;
}

function refuse(request: FastifyRequest, reply: FastifyReply, refusal: ApiError): FastifyReply {
  return send(request, reply, {
    kind: 'answer',
    status: refusal.status,
    body: errorBody(refusal),
    headers: refusal.status === 503 ? { 'retry-after': '1' } : {},
  });
}

function send(request: FastifyRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status).headers(HEADERS);
  reply.headers({ 'x-request-id': request.id, 'x-okta-request-id': request.id });
  for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value);
  if (answer.body === null) return reply.send();
  // As bytes: of text, fastify would say the character set, which JSON does not have (RFC 8259 §11).
  return reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(answer.body)));
}
