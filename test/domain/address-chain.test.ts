import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/domain/address.ts';
import { type AddressChain, readChain } from '../../src/domain/address-chain.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { anyEntry, anySpelling } from './address-oracle.ts';

const NOBODY = compileAddressSet([]);
const BALANCERS = compileAddressSet(['10.0.0.0/8', '2001:db8:b::/48']);

/** The whole chain, nearest hop first. */
function hops(chain: AddressChain): string[] {
  const texts: string[] = [];
  for (let hop = chain.hop(0); hop !== null; hop = chain.hop(texts.length)) {
    texts.push(hop === 'unreadable' ? hop : formatAddress(hop));
  }
  return texts;
}

describe('who the caller is', () => {
  test.each([
    ['without the header it is the peer', '192.0.2.9', null, '192.0.2.9'],
    ['a trusted peer alone is the caller itself', '10.0.0.1', null, '10.0.0.1'],
    ['behind a load balancer it is who the balancer names', '10.0.0.1', '192.0.2.9', '192.0.2.9'],
    ['behind two balancers it is who the farther names', '10.0.0.1', '192.0.2.9, 10.0.0.2', '192.0.2.9'],
    ['balancers may have addresses of both families', '2001:db8:b::1', '192.0.2.9, 10.0.0.2', '192.0.2.9'],
    ['a balancer on a dual-stack socket is an IPv4 balancer', '::ffff:10.0.0.1', '192.0.2.9', '192.0.2.9'],
    ['a peer on a dual-stack socket is an IPv4 peer', '::ffff:192.0.2.9', null, '192.0.2.9'],
    ['when all hops are trusted it is the farthest', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['IPv6 is written in its canonical form', '10.0.0.1', '2001:DB8:0::9', '2001:db8::9'],
    ['spaces and tabs around an entry do not count', '10.0.0.1', ' \t192.0.2.9\t ', '192.0.2.9'],
  ])('%s', (_, peer, forwardedFor, client) => {
    expect(readChain(peer, forwardedFor, BALANCERS).client).toBe(client);
  });

  test.each([
    ['an untrusted peer that names somebody else', '198.51.100.6', '192.0.2.9'],
    ['an untrusted peer that names a balancer', '198.51.100.6', '192.0.2.9, 10.0.0.1'],
    ['an untrusted peer that names this machine', '198.51.100.6', '127.0.0.1'],
    ['an untrusted peer with a mapped spelling of a balancer', '198.51.100.6', '::ffff:10.0.0.1'],
    ['an untrusted peer with an empty header', '198.51.100.6', ''],
    ['an untrusted peer with rubbish', '198.51.100.6', ',,;\u0000"'],
    ['a caller behind a balancer that claims to come from elsewhere', '10.0.0.1', '192.0.2.9, 198.51.100.6'],
    [
      'a caller behind a balancer that claims to be a balancer',
      '10.0.0.1',
      '192.0.2.9, 10.0.0.9, 198.51.100.6',
    ],
    ['several headers joined: the last one is the nearest', '10.0.0.1', '192.0.2.9,192.0.2.8,198.51.100.6'],
  ])('is not changed by %s', (_, peer, forwardedFor) => {
    expect(readChain(peer, forwardedFor, BALANCERS).client).toBe('198.51.100.6');
  });

  test.each([
    ['a port', '192.0.2.9:5678'],
    ['brackets', '[2001:db8::9]'],
    ['brackets and a port', '[2001:db8::9]:443'],
    ['quotes', '"192.0.2.9"'],
    ['a zone id', 'fe80::9%eth0'],
    ['the word unknown', 'unknown'],
    ['an obfuscated name', '_hidden'],
    ["the Forwarded header's form", 'for=192.0.2.9'],
    ['an octal octet', '0192.0.2.9'],
    ['a short form', '192.521'],
    ['a network', '192.0.2.9/32'],
    ['two addresses without a comma', '192.0.2.8 192.0.2.9'],
    ['a semicolon for a comma', '192.0.2.8;192.0.2.9'],
    ['a no-break space', '\u00a0192.0.2.9'],
    ['a NUL', '192.0.2.9\u0000'],
    ['a host name', 'caller.example'],
    ['nothing at all', ''],
    ['nothing before the comma', ','],
    ['nothing after the comma', '192.0.2.9,'],
    ['only spaces', '   '],
    ['a long text', 'x'.repeat(16_384)],
    ['a long run of spaces in the text', `1${' '.repeat(16_384)}1`],
  ])('is unknown when a trusted balancer hands on %s', (_, forwardedFor) => {
    const chain = readChain('10.0.0.1', forwardedFor, BALANCERS);
    expect(chain.client).toBe('unknown');
    expect(chain.hop(0)).toBe('unreadable');
  });

  test('an unreadable hop ends the peeling and hides whatever stands behind it', () => {
    const chain = readChain('10.0.0.1', '192.0.2.9, nonsense, 10.0.0.2', BALANCERS);
    expect(chain.client).toBe('unknown');
    expect(hops(chain)).toEqual(['unreadable', '192.0.2.9']);
  });

  test.each([[''], ['/run/gateway.sock'], ['fe80::1%eth0'], ['127.1']])(
    'is unknown when the peer itself is %j, whatever it claims',
    (peer) => {
      expect(readChain(peer, null, BALANCERS).client).toBe('unknown');
      expect(readChain(peer, '192.0.2.9', compileAddressSet(['0.0.0.0/0', '::/0'])).client).toBe('unknown');
    },
  );
});

describe('the rest of the chain', () => {
  test('stands behind the caller in order, nearest first, and is not believed by itself', () => {
    const chain = readChain('198.51.100.6', '192.0.2.1, 192.0.2.2 ,192.0.2.3', NOBODY);
    expect(chain.client).toBe('198.51.100.6');
    expect(hops(chain)).toEqual(['198.51.100.6', '192.0.2.3', '192.0.2.2', '192.0.2.1']);
  });

  test('can be asked for in any order and any number of times', () => {
    const chain = readChain('198.51.100.6', '192.0.2.1, bad, 192.0.2.3', NOBODY);
    expect(chain.hop(9)).toBeNull();
    expect(chain.hop(2)).toBe('unreadable');
    expect(hops(chain)).toEqual(['198.51.100.6', '192.0.2.3', 'unreadable', '192.0.2.1']);
    expect(hops(chain)).toEqual(['198.51.100.6', '192.0.2.3', 'unreadable', '192.0.2.1']);
  });

  test('has an unreadable hop for every empty entry, the first one too', () => {
    expect(hops(readChain('198.51.100.6', ',192.0.2.1,,192.0.2.2,', NOBODY))).toEqual([
      '198.51.100.6',
      'unreadable',
      '192.0.2.2',
      'unreadable',
      '192.0.2.1',
      'unreadable',
    ]);
  });

  test('begins with the last entry, however many stand before it', () => {
    const forwardedFor = Array.from({ length: 10_000 }, () => '192.0.2.1').join(',');
    const chain = readChain('198.51.100.6', `${forwardedFor},192.0.2.2`, NOBODY);
    expect(chain.hop(1)).toEqual(readChain('192.0.2.2', null, NOBODY).hop(0));
  });
});

describe('a row of trusted proxies', () => {
  const proxies = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`).join(', ');

  test('of 32, the peer among them, is taken off', () => {
    expect(readChain('10.9.9.9', `192.0.2.9, ${proxies(31)}`, BALANCERS).client).toBe('192.0.2.9');
  });

  test('of 33 says nothing', () => {
    const chain = readChain('10.9.9.9', `192.0.2.9, ${proxies(32)}`, BALANCERS);
    expect(chain.client).toBe('unknown');
    expect(hops(chain)).toEqual(['unreadable']);
  });

  test('of thousands says nothing', () => {
    expect(readChain('10.9.9.9', `192.0.2.9, ${proxies(10_000)}`, BALANCERS).client).toBe('unknown');
  });
});

describe('peers that come again', () => {
  const fill = (count: number) => {
    for (let i = 0; i < count; i++) readChain(`10.1.${i >> 8}.${i & 255}`, null, NOBODY);
  };

  test('are remembered, so that a request without the header costs no parsing', () => {
    expect(readChain('192.0.2.7', null, NOBODY)).toBe(readChain('192.0.2.7', null, BALANCERS));
  });

  test('are forgotten when thousands of others came, and read again', () => {
    const before = readChain('192.0.2.7', null, NOBODY);
    fill(5000);
    const after = readChain('192.0.2.7', null, NOBODY);
    expect(after).not.toBe(before);
    expect(hops(after)).toEqual(['192.0.2.7']);
  });

  test('bring nothing along from a request with the header', () => {
    expect(hops(readChain('192.0.2.7', '192.0.2.1', NOBODY))).toEqual(['192.0.2.7', '192.0.2.1']);
    expect(hops(readChain('192.0.2.7', null, NOBODY))).toEqual(['192.0.2.7']);
  });
});

test('the chain is the header and the peer, with trusted proxies taken off while a hop stands behind them', () => {
  const readable = anySpelling.map((spelt) => ({ ...spelt, name: formatAddressOf(spelt.text) }));
  const unreadable = fc
    .constantFrom('', 'unknown', '1.2.3.4:80', '[::1]', '"::1"')
    .map((text) => ({ text, point: null, name: 'unreadable' }));
  const hop = fc.oneof({ weight: 6, arbitrary: readable }, { weight: 1, arbitrary: unreadable });
  const space = fc.constantFrom('', ' ', '\t ');
  fc.assert(
    fc.property(
      fc.array(hop, { minLength: 1, maxLength: 8 }),
      fc.array(anyEntry, { maxLength: 4 }),
      space,
      (row, trusted, gap) => {
        const [peer, ...claims] = row;
        if (peer === undefined) return;
        const header =
          claims.length === 0
            ? null
            : claims
                .map((claim) => gap + claim.text + gap)
                .reverse()
                .join(',');
        const chain = readChain(peer.text, header, compileAddressSet(trusted.map((entry) => entry.text)));

        const isTrusted = ({ point }: (typeof row)[number]) =>
          point !== null && trusted.some((entry) => entry.holds(point));
        const end = row.findIndex((one, i) => i === row.length - 1 || !isTrusted(one));
        const expected = row.slice(end).map((one) => one.name);
        expect(hops(chain)).toEqual(expected);
        expect(chain.client).toBe(expected[0] === 'unreadable' ? 'unknown' : expected[0]);
      },
    ),
    { seed: 6, numRuns: 2000 },
  );
});

/** The canonical text of one plain address. */
function formatAddressOf(text: string): string {
  return readChain(text, null, NOBODY).client;
}
