import type { FastifyRequest } from 'fastify';
import { clientOf } from '../domain/log-client.ts';
import type { Caller, RequestFacts } from './operation.ts';

/**
 * What an operation may know of a request besides its parameters.
 * @param origin what links begin with, as `originOf` gives it
 */
export function factsOf(request: FastifyRequest, caller: Caller, origin: string): RequestFacts {
  const { headers, socket } = request;
  return {
    id: request.id,
    origin,
    // Read as a reference, what begins with two slashes would name a host.
    target: request.originalUrl.replace(/^\/+/, '/'),
    client: clientOf(
      caller.chain.client,
      socket.remoteAddress ?? '',
      forwardedFor(request),
      headers['user-agent'] ?? null,
    ),
    ifMatch: headers['if-match'] ?? null,
  };
}

/** The value of `Authorization`; null when there is none, or more than one, of which nobody could say which holds. */
export function authorizationOf({ raw }: FastifyRequest): string | null {
  const [value, ...more] = raw.headersDistinct['authorization'] ?? [];
  return more.length > 0 ? null : (value ?? null);
}

/** All `X-Forwarded-For` values joined with commas in their order, or null. */
export function forwardedFor({ headers }: FastifyRequest): string | null {
  const value = headers['x-forwarded-for'];
  return (Array.isArray(value) ? value.join(',') : value) ?? null;
}

// A name or IPv4 address, or an IPv6 address in brackets, and a port: nothing that could end a link early.
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * The origin that links begin with, without a slash at the end.
 * @param publicUrl the configured one; null takes the request's `Host`
 * @returns null when there is not exactly one that names a host
 */
export function originOf({ raw }: FastifyRequest, publicUrl: string | null): string | null {
  if (publicUrl !== null) return publicUrl;
  const [host, ...more] = raw.headersDistinct['host'] ?? [];
  if (host === undefined || more.length > 0 || !HOST.test(host)) return null;
  const origin = `${'encrypted' in raw.socket ? 'https' : 'http'}://${host}`;
  return URL.canParse(origin) ? origin : null;
}
