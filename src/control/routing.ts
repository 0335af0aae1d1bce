import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CommitUnsure, StoreAway, StoreConflict } from '../domain/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { type AdmissionParts, type Admitted, admit } from './admission.ts';
import { COMMIT_UNSURE, conflict, INTERNAL, METHOD_NOT_ALLOWED, STORE_AWAY } from './api-error.ts';
import type { Operation, Reply } from './operation.ts';
import { factsOf } from './request-facts.ts';
import { refuse, send } from './responding.ts';

export interface RoutingParts extends AdmissionParts {
  readonly clock: Clock;
  /** Hears of exceptions, which are bugs. */
  readonly onBug: (error: unknown, requestId: string) => void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once the request is let in. */
    admitted: Admitted | null;
  }
  interface FastifyContextConfig {
    /** The operation that the route belongs to. */
    operation?: string;
  }
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE';
const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Routes every operation, and answers the methods that its path does not have with 405. */
export function routeAll(app: FastifyInstance, operations: readonly Operation[], parts: RoutingParts): void {
  app.decorateRequest('admitted', null);
  for (const operation of operations) route(app, operation, parts);
  for (const [path, those] of Map.groupBy(operations, (operation) => operation.path)) {
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

function route(app: FastifyInstance, operation: Operation, parts: RoutingParts): void {
  app.route({
    method: operation.method,
    url: routerPath(operation.path),
    config: { operation: operation.id },
    onRequest: async (request, reply) => {
      const admitted = await admit(request, reply, operation, parts);
      if (admitted.kind === 'error') return refuse(request, reply, admitted);
      request.admitted = admitted;
      return undefined;
    },
    handler: async (request, reply) => {
      const answer = await perform(operation, request, parts);
      return answer.kind === 'error' ? refuse(request, reply, answer) : send(request, reply, answer);
    },
  });
}

async function perform(operation: Operation, request: FastifyRequest, parts: RoutingParts): Promise<Reply> {
  const { admitted } = request;
  try {
    if (admitted === null) throw new Error('a request reached its operation without being let in');
    const { caller, grant, origin } = admitted;
    return await operation.perform({
      caller,
      grant,
      // The router fills exactly the names in the path.
      params: request.params as Readonly<Record<string, string>>,
      query: request.query,
      body: request.body,
      request: factsOf(request, caller, origin),
      now: parts.clock.now(),
    });
  } catch (error) {
    if (error instanceof CommitUnsure) return COMMIT_UNSURE;
    if (error instanceof StoreAway) return STORE_AWAY;
    if (error instanceof StoreConflict) return conflict('resource');
    parts.onBug(error, request.id);
    return INTERNAL;
  }
}

const routerPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');
