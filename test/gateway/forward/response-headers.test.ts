import { describe, expect, it } from 'vitest';
import type { Spent } from '../../../src/domain/limit-ledger.ts';
import { permit } from '../../../src/gateway/decision.ts';
import { responseHeaders } from '../../../src/gateway/forward/response-headers.ts';
import { aToken, aUser, MADE_AT } from '../../support/records.ts';

const FACTS = { requestId: '0123456789abcdef0123456789abcdef', now: MADE_AT };
const ID = ['X-Request-Id', FACTS.requestId];

function returned(upstream: readonly string[], spent: Spent | null = null): string[] | null {
  const owner = aUser();
  const credential = { token: aToken(owner.id).token, owner, agent: null, share: null };
  const endpoint = { name: 'all', max: 1000, windowSeconds: 60 };
  return responseHeaders(upstream, permit({ credential, endpoint, client: '192.0.2.1', spent }), FACTS);
}

describe('the headers of a response to the client', () => {
  it("are the upstream's in their order and spelling, and the request's id", () => {
    const headers = [
      'content-type',
      'text/plain',
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'Content-Length',
      '3',
    ];
    expect(returned([...headers, 'X-Latin', 'caf\u00e9'])).toEqual([
      ...headers,
      'X-Latin',
      'caf\u00e9',
      ...ID,
    ]);
  });

  it.each([
    ...['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Upgrade', 'Proxy-Authenticate'],
    ...['X-Request-Id', 'X-Rate-Limit-Limit', 'X-Rate-Limit-Remaining', 'X-Rate-Limit-Reset'],
    ...['RateLimit', 'RateLimit-Policy', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'],
    ...['X-Tollgate-Token-Id', 'X-Tollgate-Anything'],
  ])("do not have the upstream's %s", (name) => {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(returned([spelling, 'theirs', 'X-A', 'b'])).toEqual(['X-A', 'b', ...ID]);
    }
  });

  it('do not have what Connection names, but keep the length, which is framing', () => {
    const headers = [
      'X-A',
      '1',
      'Connection',
      'close, x-a, Content-Length',
      'Content-Length',
      '3',
      'X-B',
      '2',
    ];
    expect(returned(headers)).toEqual(['Content-Length', '3', 'X-B', '2', ...ID]);
  });

  it('say nothing of chunks, which are framed anew', () => {
    expect(returned(['Transfer-Encoding', 'chunked', 'X-A', 'b'])).toEqual(['X-A', 'b', ...ID]);
  });

  it.each(['gzip', 'gzip, chunked', 'chunked, chunked', 'identity', '', 'xchunked'])(
    'are none where the upstream codes its body with %j, which is no response to pass on',
    (value) => {
      expect(returned(['Transfer-Encoding', value])).toBeNull();
    },
  );

  it('tell the budget that binds', () => {
    const spent = {
      admitted: true,
      scope: 'token',
      limit: 500,
      remaining: 42,
      resetAt: MADE_AT + 17_000,
    } as const;
    expect(returned([], spent)).toEqual([
      ...ID,
      ...['X-Rate-Limit-Limit', '500', 'X-Rate-Limit-Remaining', '42'],
      ...['X-Rate-Limit-Reset', String(MADE_AT / 1000 + 17)],
      ...['RateLimit-Policy', '"token";q=500;w=60', 'RateLimit', '"token";r=42;t=17'],
    ]);
  });
});
