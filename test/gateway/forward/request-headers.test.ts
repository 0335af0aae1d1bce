import { describe, expect, it } from 'vitest';
import type { User } from '../../../src/domain/user.ts';
import { type Permit, permit } from '../../../src/gateway/decision.ts';
import { type RequestFacts, requestHeaders } from '../../../src/gateway/forward/request-headers.ts';
import { type Head, headRules, judgeHead } from '../../../src/gateway/listen/head.ts';
import { aToken, aUser } from '../../support/records.ts';

const RULES = headRules({
  schemes: ['SSWS'],
  credentialHeader: null,
  passCredential: false,
  maxHeaders: 100,
  maxTargetLength: 8192,
});

const FACTS: RequestFacts = {
  preserveHost: true,
  targetHost: '127.0.0.1:9001',
  scheme: 'http',
  peerTrusted: false,
};

interface Asked {
  readonly method?: string;
  readonly httpVersion?: string;
  readonly peer?: string;
  readonly host?: readonly string[];
  readonly client?: string;
  readonly owner?: Partial<User>;
  readonly facts?: Partial<RequestFacts>;
}

/** What a request with these headers is forwarded with, by name in small letters; each name's values in their order. */
function forwarded(headers: readonly string[], asked: Asked = {}) {
  const {
    method = 'GET',
    httpVersion = '1.1',
    peer = '192.0.2.1',
    host = ['Host', 'api.example.com'],
  } = asked;
  const raw = { method, url: '/a', httpVersion, rawHeaders: [...host, ...headers] };
  const head = judgeHead(raw, peer, RULES);
  if (typeof head === 'string') throw new Error(`refused with ${head}`);
  const made = permitFor(asked.client ?? peer, asked.owner);
  const list = requestHeaders(head, made, { ...FACTS, ...asked.facts });
  return { head, permit: made, list, named: (name: string) => valuesOf(list, name) };
}

function permitFor(client: string, facts: Partial<User> = {}): Permit {
  const owner = aUser(facts);
  const { token } = aToken(owner.id);
  const endpoint = { name: 'all', max: null, windowSeconds: 60 };
  return permit({ credential: { token, owner, agent: null, share: null }, endpoint, client, spent: null });
}

function valuesOf(list: readonly string[], name: string): string[] {
  return list.filter((_, at) => at % 2 === 1 && list[at - 1]?.toLowerCase() === name.toLowerCase());
}

/** A header of ours that stands exactly once. */
const OURS = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Request-Id',
  'X-Tollgate-Token-Id',
  'X-Tollgate-User-Id',
  'X-Tollgate-User-Login',
  'X-Tollgate-Roles',
];

describe('the headers of a request to the upstream', () => {
  it('are the Host, what the client may say, the framing, and ours', () => {
    const headers = ['Authorization', 'SSWS secret', 'Accept', '*/*', 'Content-Length', '3', 'X-A', 'b'];
    const { list, permit } = forwarded(headers, { method: 'POST' });
    expect(list).toEqual([
      ...['Host', 'api.example.com', 'Accept', '*/*', 'X-A', 'b', 'Content-Length', '3'],
      ...['X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'api.example.com'],
      ...['X-Request-Id', expect.stringMatching(/^[0-9a-f]{32}$/)],
      ...[
        'X-Tollgate-Token-Id',
        permit.credential.token.id,
        'X-Tollgate-User-Id',
        permit.credential.token.userId,
      ],
      ...['X-Tollgate-User-Login', permit.credential.owner?.login, 'X-Tollgate-Roles', 'SUPER_ADMIN'],
    ]);
  });

  it.each(OURS)(
    'have %s from us exactly once, whatever the client sends and whatever Connection names',
    (name) => {
      const spellings = [name, name.toLowerCase(), name.toUpperCase()];
      const { named } = forwarded([
        ...['Connection', OURS.join(', ')],
        ...spellings.flatMap((spelling) => [spelling, 'spoofed']),
      ]);
      expect(named(name)).toHaveLength(1);
      expect(named(name)).not.toContain('spoofed');
    },
  );

  it('have no framing for a request without a body, nor for one in chunks, which its carrier frames', () => {
    const without = forwarded([]);
    expect(without.named('Content-Length')).toEqual([]);
    const chunked = forwarded(['Transfer-Encoding', 'chunked'], { method: 'POST' });
    expect(chunked.named('Content-Length')).toEqual([]);
    expect(chunked.named('Transfer-Encoding')).toEqual([]);
  });

  it('state the length that was judged, not the spelling that came', () => {
    expect(forwarded(['content-length', '007'], { method: 'POST' }).named('Content-Length')).toEqual(['7']);
    expect(forwarded(['content-length', '0'], { method: 'POST' }).named('Content-Length')).toEqual(['0']);
  });

  it('have the Host of the target when the configuration says so, or when an HTTP/1.0 request has none', () => {
    expect(forwarded([], { facts: { preserveHost: false } }).named('Host')).toEqual(['127.0.0.1:9001']);
    const old = forwarded([], { host: [], httpVersion: '1.0' });
    expect(old.named('Host')).toEqual(['127.0.0.1:9001']);
    expect(old.named('X-Forwarded-Host')).toEqual(['']);
  });

  it('open a WebSocket with the upgrade pair, and never for another request', () => {
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const handshake = ['Connection', 'keep-alive, Upgrade', 'Upgrade', 'websocket'];
    const asked = forwarded([...handshake, 'Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', key]);
    expect(asked.named('Connection')).toEqual(['Upgrade']);
    expect(asked.named('Upgrade')).toEqual(['websocket']);
    expect(asked.named('Sec-WebSocket-Key')).toEqual([key]);
    const other = forwarded(['Connection', 'Upgrade', 'Upgrade', 'h2c']);
    expect(other.named('Connection')).toEqual([]);
    expect(other.named('Upgrade')).toEqual([]);
  });
});

describe('what the upstream is told of the caller', () => {
  it.each([
    ['ada@example.com', 'ada@example.com'],
    ["a+b!#$&'*/=?^_`{|}~.-", "a+b!#$&'*/=?^_`{|}~.-"],
    ['Zoë', 'Zo%C3%AB'],
    ['a b', 'a%20b'],
    ['100%', '100%25'],
    ['a\r\nX-Tollgate-Roles: SUPER_ADMIN', 'a%0D%0AX-Tollgate-Roles:%20SUPER_ADMIN'],
    ['a\0\tb\u007f', 'a%00%09b%7F'],
    ['名前@例え.jp', '%E5%90%8D%E5%89%8D@%E4%BE%8B%E3%81%88.jp'],
    ['\u{1F600}', '%F0%9F%98%80'],
  ])('is the login %j as %s, which decodes to what it was', (login, header) => {
    const { named } = forwarded([], { owner: { login } });
    expect(named('X-Tollgate-User-Login')).toEqual([header]);
    expect(decodeURIComponent(header)).toBe(login);
  });

  it('is a login with half a surrogate pair as a replacement character', () => {
    expect(forwarded([], { owner: { login: 'a\ud800' } }).named('X-Tollgate-User-Login')).toEqual([
      'a%EF%BF%BD',
    ]);
  });

  it('is every role of the owner, or none', () => {
    const roles = forwarded([], { owner: { roles: ['ORG_ADMIN', 'APP_ADMIN'] } });
    expect(roles.named('X-Tollgate-Roles')).toEqual(['ORG_ADMIN,APP_ADMIN']);
    expect(forwarded([], { owner: { roles: [] } }).named('X-Tollgate-Roles')).toEqual(['']);
  });
});

describe('what the upstream is told of the way', () => {
  const trusted = { facts: { peerTrusted: true }, peer: '10.0.0.1' };

  it('is the peer alone when nobody vouches for the rest', () => {
    const { named } = forwarded(['X-Forwarded-For', '1.1.1.1, 2.2.2.2'], { client: '192.0.2.1' });
    expect(named('X-Forwarded-For')).toEqual(['192.0.2.1']);
  });

  it.each([
    ['203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['6.6.6.6, 203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['6.6.6.6, 203.0.113.9,10.0.0.2 ,10.0.0.3', '203.0.113.9', '203.0.113.9, 10.0.0.2, 10.0.0.3, 10.0.0.1'],
    ['203.0.113.9, 203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['::ffff:203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['2001:DB8:0::1', '2001:db8::1', '2001:db8::1, 10.0.0.1'],
    ['garbage\u00e9, 10.0.0.2', 'unknown', 'unknown, 10.0.0.2, 10.0.0.1'],
    ['', 'unknown', 'unknown, 10.0.0.1'],
  ])('begins with the caller: of %j, whose caller is %s, %s', (received, client, told) => {
    const { named } = forwarded(['X-Forwarded-For', received], { ...trusted, client });
    expect(named('X-Forwarded-For')).toEqual([told]);
  });

  it('is the trusted peer when it says nothing of a caller', () => {
    expect(forwarded([], { ...trusted, client: '10.0.0.1' }).named('X-Forwarded-For')).toEqual(['10.0.0.1']);
  });

  it('takes the scheme and the host from a trusted peer only', () => {
    const headers = ['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'www.example.com'];
    const believed = forwarded(headers, trusted);
    expect(believed.named('X-Forwarded-Proto')).toEqual(['https']);
    expect(believed.named('X-Forwarded-Host')).toEqual(['www.example.com']);
    const stranger = forwarded(headers);
    expect(stranger.named('X-Forwarded-Proto')).toEqual(['http']);
    expect(stranger.named('X-Forwarded-Host')).toEqual(['api.example.com']);
  });

  it.each(['ftp', 'https, http', '', 'https\u00e9'])('does not take %j for a scheme', (said) => {
    expect(forwarded(['X-Forwarded-Proto', said], trusted).named('X-Forwarded-Proto')).toEqual(['http']);
  });

  it.each(['a b', 'a, b', '', 'user@a'])('does not take %j for a host', (said) => {
    expect(forwarded(['X-Forwarded-Host', said], trusted).named('X-Forwarded-Host')).toEqual([
      'api.example.com',
    ]);
  });

  it('names the request by our id, which the arrival has too', () => {
    const { head, named }: { head: Head; named: (name: string) => string[] } = forwarded([
      'X-Request-Id',
      'theirs',
    ]);
    expect(named('X-Request-Id')).toEqual([head.arrival.requestId]);
  });
});
