import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RejectionCode } from '../domain/rejection.ts';
import { type ApiError, BAD_MEDIA_TYPE, FORBIDDEN, rejected } from './api-error.ts';
import { acceptsJson, bodyIsJson } from './media-type.ts';
import type { Caller, Operation } from './operation.ts';
import { type Grant, grantFor } from './permissions.ts';
import { type RateLimit, rateHeaders } from './rate-limit.ts';
import { authorizationOf, forwardedFor, originOf } from './request-facts.ts';

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

export interface AdmissionParts {
  readonly authenticate: Authenticate;
  readonly rateLimit: RateLimit;
  /** The origin that links begin with, without a slash at the end; null takes it from each request's `Host`. */
  readonly publicUrl: string | null;
}

/** A request that may perform its operation. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly caller: Caller;
  readonly grant: Grant;
  /** What links in the answer begin with. */
  readonly origin: string;
}

/** Lets a request in, or says why not, before anything of its body is read. */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  operation: Operation,
  { authenticate, rateLimit, publicUrl }: AdmissionParts,
): Promise<Admitted | ApiError> {
  const { headers, socket } = request;
  const origin = originOf(request, publicUrl);
  if (origin === null) return rejected('listen.bad-host');
  if (!acceptsJson(headers.accept) || !bodyIsJson(headers)) return BAD_MEDIA_TYPE;
  const peer = socket.remoteAddress ?? '';
  const caller = await authenticate({
    authorization: authorizationOf(request),
    peer,
    forwardedFor: forwardedFor(request),
  });
  const spent = await (typeof caller === 'string'
    ? rateLimit.refused(peer)
    : rateLimit.request(caller.token.id, caller.share));
  reply.headers(rateHeaders(spent));
  if (!spent.admitted) {
    reply.header('retry-after', String(rateLimit.retryAfterSeconds(spent)));
    return rejected(`limit.${spent.scope}`);
  }
  if (typeof caller === 'string') return rejected(caller);
  const grant = grantFor(operation.id, caller.user);
  return grant === null ? FORBIDDEN : { kind: 'admitted', caller, grant, origin };
}
