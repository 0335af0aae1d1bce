import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readChain } from '../../src/domain/address-chain.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import type { Zone } from '../../src/domain/zone.ts';
import { compileZone, type Location } from '../../src/domain/zone-match.ts';
import { anyEntry, anySpelling, type Entry, type Point, spellOut } from './address-oracle.ts';
import { zoneOf } from './zones.ts';

const NOBODY = compileAddressSet([]);

/** Reads a chain as people write it: the caller first, the peer last. */
function chainOf(hops: readonly string[], trusted: readonly string[] = []) {
  const claims = hops.slice(0, -1);
  return readChain(
    hops.at(-1) ?? '',
    claims.length === 0 ? null : claims.join(', '),
    compileAddressSet(trusted),
  );
}

function locate(chain: string, gateways: string, proxies: string, trusted = ''): Location {
  return compileZone(zoneOf({ gateways: list(gateways), proxies: list(proxies) })).locate(
    chainOf(list(chain), list(trusted)),
  );
}

const list = (text: string) => text.split(' ').filter((word) => word !== '');

describe("Okta's examples: C called, P passed the call on (the peer stands last)", () => {
  const C = '192.0.2.10';
  const P = '198.51.100.20';
  test.each([
    ['a caller at a gateway is inside', C, C, '', 'inside'],
    ['a proxy that was not used changes nothing', C, C, P, 'inside'],
    ['no zone without gateways holds a caller', C, '', '', 'outside'],
    ['a caller that is only a proxy is outside', C, '', C, 'outside'],
    ['a peer at a gateway is inside, whoever it speaks for', `${C} ${P}`, P, '', 'inside'],
    ['and an unused proxy changes nothing', `${C} ${P}`, P, '203.0.113.30', 'inside'],
    ["a caller at a gateway is inside when its proxy is the zone's", `${C} ${P}`, C, P, 'inside'],
    ['an empty zone holds nobody behind a proxy either', `${C} ${P}`, '', '', 'outside'],
    ['the caller being a proxy does not make its peer one', `${C} ${P}`, '', C, 'outside'],
    ['a known proxy without a known gateway is outside', `${C} ${P}`, '', P, 'outside'],
    ['a peer at a gateway is inside though the caller is a proxy', `${C} ${P}`, P, C, 'inside'],
    ['a stranger that claims a gateway is outside', `${C} ${P}`, C, '', 'outside'],
  ])('%s', (_, chain, gateways, proxies, expected) => {
    expect(locate(chain, gateways, proxies)).toBe(expected);
  });
});

describe('the walk', () => {
  test.each([
    [
      'a proxy that is a gateway too is inside, and not passed',
      '192.0.2.1 10.0.0.1',
      '10.0.0.1',
      '10.0.0.1',
      'inside',
    ],
    [
      'a claim behind a stranger is not reached',
      '192.0.2.1 10.0.0.1 198.51.100.1',
      '192.0.2.1',
      '10.0.0.1',
      'outside',
    ],
    [
      'a proxy behind a stranger is not reached',
      '192.0.2.1 198.51.100.1 10.0.0.1',
      '192.0.2.1',
      '10.0.0.1',
      'outside',
    ],
    [
      'what is not asked for may be unreadable',
      'rubbish 192.0.2.1 10.0.0.1',
      '192.0.2.1',
      '10.0.0.1',
      'inside',
    ],
    [
      'an unreadable hop that is reached decides nothing',
      '192.0.2.1 rubbish 10.0.0.1',
      '192.0.2.1',
      '10.0.0.1',
      'undecidable',
    ],
    [
      'an unreadable peer decides nothing',
      '192.0.2.1 rubbish',
      '192.0.2.1 0.0.0.0/0 ::/0',
      '10.0.0.1',
      'undecidable',
    ],
    [
      'a chain of proxies alone is outside',
      '10.0.0.3 10.0.0.2 10.0.0.1',
      '192.0.2.1',
      '10.0.0.0/8',
      'outside',
    ],
    [
      'IPv6 callers behind IPv6 proxies',
      '2001:db8::9 2001:db8:b::1',
      '2001:db8::/64',
      '2001:db8:b::/48',
      'inside',
    ],
    ['families may mix', '2001:db8::9 10.0.0.1', '2001:db8::/64', '10.0.0.0/8', 'inside'],
    ['an IPv4-mapped caller is an IPv4 caller', '::ffff:192.0.2.9', '192.0.2.0/24', '', 'inside'],
    [
      'an IPv4-mapped proxy is an IPv4 proxy',
      '192.0.2.9 ::ffff:10.0.0.1',
      '192.0.2.0/24',
      '10.0.0.1',
      'inside',
    ],
    ['an IPv4-mapped gateway is an IPv4 gateway', '192.0.2.9', '::ffff:192.0.2.0/120', '', 'inside'],
    ['an address inside a range', '192.0.2.15', '192.0.2.10-192.0.2.20', '', 'inside'],
    ['an address at the end of a range', '192.0.2.20', '192.0.2.10-192.0.2.20', '', 'inside'],
    ['an address just past a range', '192.0.2.21', '192.0.2.10-192.0.2.20', '', 'outside'],
    ['an address just before a range', '192.0.2.9', '192.0.2.10-192.0.2.20', '', 'outside'],
    ['a network given with host bits', '192.0.2.200', '192.0.2.77/24', '', 'inside'],
    ['a single address', '192.0.2.77', '192.0.2.77', '', 'inside'],
  ])('%s', (_, chain, gateways, proxies, expected) => {
    expect(locate(chain, gateways, proxies)).toBe(expected);
  });

  test.each([
    ['a gateway that stands fifth is found', 'G P P P P', 'inside'],
    ['a stranger that stands fifth is outside', 'S P P P P', 'outside'],
    ['five proxies and nobody behind them are outside', 'P P P P P', 'outside'],
    ['a gateway that would be sixth cannot be judged', 'G P P P P P', 'undecidable'],
    ['a stranger that would be sixth cannot be judged', 'S P P P P P', 'undecidable'],
    ['an unreadable hop that would be sixth cannot be judged', 'x P P P P P', 'undecidable'],
    ['a longer chain is no matter when an early hop decides', 'S S S S S S S P G', 'inside'],
  ])('at most five hops are examined: %s', (_, chain, expected) => {
    const names: Record<string, string> = { G: '192.0.2.1', P: '10.0.0.1', S: '198.51.100.1', x: 'x' };
    const hops = chain.split(' ').map((name) => names[name]);
    expect(locate(hops.join(' '), '192.0.2.1', '10.0.0.1')).toBe(expected);
  });

  test('trusted proxies are taken off first and do not count among the five', () => {
    const chain = '192.0.2.1 10.0.0.1 10.0.0.1 10.0.0.1 10.0.0.1 172.16.0.1 172.16.0.2 172.16.0.3';
    expect(locate(chain, '192.0.2.1', '10.0.0.1')).toBe('outside');
    expect(locate(chain, '192.0.2.1', '10.0.0.1', '172.16.0.0/12')).toBe('inside');
  });

  test('a trusted proxy needs no entry in the zone, and a zone that lists it still works', () => {
    expect(locate('192.0.2.1 172.16.0.1', '192.0.2.1', '', '172.16.0.0/12')).toBe('inside');
    expect(locate('192.0.2.1 172.16.0.1', '192.0.2.1', '172.16.0.1', '172.16.0.0/12')).toBe('inside');
    expect(locate('192.0.2.1 172.16.0.1', '172.16.0.1', '', '172.16.0.0/12')).toBe('outside');
  });
});

describe('no spelling of an address is a way around a zone', () => {
  // Each stands for an address in or near 192.0.2.1, 127.0.0.1 or ::1, as some program would read it.
  const everywhere = ['0.0.0.0/0', '::/0'];
  test.each([
    '010.0.0.1',
    '0300.0.2.1',
    '0300.0.0.01',
    '192.0.2.01',
    '192.000.002.001',
    '0xc0.0.2.1',
    '0xc0000201',
    '0x7f.1',
    '127.1',
    '192.0.513',
    '2130706433',
    '3221225985',
    '192.0.2.1.',
    '192.0.2.1/32',
    '192.0.2.1:80',
    '192.0.2.1%eth0',
    '"192.0.2.1"',
    "'192.0.2.1'",
    '١٩٢.٠.٢.١',
    '１９２.0.2.1',
    '192。0。2。1',
    '192.0.2.1\u0000',
    '192.0.2.1 x',
    '[::1]',
    '[::1]:80',
    'fe80::1%eth0',
    '::1%lo',
    '::ffff:192.0.2.1%eth0',
    '::ffff:0300.0.2.1',
    '::ffff:192.0.513',
    '::ffff:0xc0.0.2.1',
    '::ffff:192.0.2.1/128',
    '1:2:3:4:5:6:7:8:9',
    ':::1',
    '00001::',
    'localhost',
    'unknown',
    '-',
    '',
  ])('%j is decided by no zone, not even one that holds every address', (spelling) => {
    const all = compileZone(zoneOf({ gateways: everywhere, proxies: [] }));
    expect(all.locate(readChain(spelling, null, NOBODY))).toBe('undecidable');
    const trusted = compileAddressSet(['10.0.0.1']);
    expect(all.locate(readChain('10.0.0.1', spelling, trusted))).toBe('undecidable');
  });

  test.each([
    ['192.0.2.1', 'inside'],
    [' 192.0.2.1\t', 'inside'],
    ['::ffff:192.0.2.1', 'inside'],
    ['::ffff:c000:201', 'inside'],
    ['::FFFF:C000:0201', 'inside'],
    ['0:0:0:0:0:ffff:192.0.2.1', 'inside'],
    // These carry the IPv4 address but are hosts of their own; a translator in between is a proxy like any other.
    ['::192.0.2.1', 'outside'],
    ['::c000:201', 'outside'],
    ['::ffff:0:192.0.2.1', 'outside'],
    ['64:ff9b::192.0.2.1', 'outside'],
    ['64:ff9b::c000:201', 'outside'],
    ['2002:c000:201::', 'outside'],
    ['2001::c000:201', 'outside'],
  ])('%j is %s a zone of 192.0.2.0/24', (spelling, expected) => {
    const zone = compileZone(zoneOf({ gateways: ['192.0.2.0/24'], proxies: [] }));
    expect(zone.locate(readChain('10.0.0.1', spelling, compileAddressSet(['10.0.0.1'])))).toBe(expected);
  });
});

describe('a zone in which nobody can be', () => {
  const changes: [string, Partial<Zone>][] = [
    ['inactive', { status: 'INACTIVE' }],
    ['a blocklist', { usage: 'BLOCKLIST' }],
    ['dynamic', { type: 'DYNAMIC' }],
    ['enhanced dynamic', { type: 'DYNAMIC_V2' }],
  ];
  test.each(changes)('has everybody outside: one that is %s', (_, change) => {
    const matcher = compileZone({ ...zoneOf({ gateways: ['0.0.0.0/0'], proxies: [] }), ...change });
    expect(matcher.holdsCallers).toBe(false);
    expect(matcher.locate(readChain('192.0.2.1', null, NOBODY))).toBe('outside');
  });
});

test('a stored zone with a bad entry decides nothing for anybody, and says what is bad', () => {
  const zone = zoneOf({ id: 'nzoA', gateways: ['192.0.2.0/24', '10.0.0.300'], proxies: [] });
  const matcher = compileZone(zone);
  expect(matcher.trouble).toMatch(/^zone nzoA: "10\.0\.0\.300": /);
  for (const peer of ['192.0.2.1', '203.0.113.1']) {
    expect(matcher.locate(readChain(peer, null, NOBODY))).toBe('undecidable');
  }
  expect(compileZone({ ...zone, gateways: zone.gateways.slice(0, 1) }).trouble).toBeNull();
});

test("a zone's answer is that of its rule read literally, hop by hop", () => {
  const readable = anySpelling.map(({ text, point }) => ({ text, point }));
  const hop = fc.oneof(
    { weight: 8, arbitrary: readable },
    { weight: 1, arbitrary: fc.constant({ text: 'bad', point: null }) },
  );
  // A zone that lists some of the chain's own hops, so that walks get long.
  const zoneFor = (row: readonly Hop[]) => {
    const ofRow = fc.constantFrom(...row).map(
      ({ text, point }): Entry => ({
        text: point === null ? '0.0.0.0' : text,
        holds: (other) => spellOut(other) === (point === null ? '0.0.0.0' : spellOut(point)),
      }),
    );
    return fc.tuple(
      fc.array(anyEntry, { maxLength: 3 }),
      fc.array(fc.oneof({ weight: 4, arbitrary: ofRow }, { weight: 1, arbitrary: anyEntry }), {
        maxLength: 8,
      }),
    );
  };
  const example = fc
    .array(hop, { minLength: 1, maxLength: 9 })
    .chain((row) => zoneFor(row).map(([gateways, proxies]) => ({ row, gateways, proxies })));
  const seen = new Map<Location, number>();
  fc.assert(
    fc.property(example, ({ row, gateways, proxies }) => {
      const zone = compileZone(zoneOf({ gateways: texts(gateways), proxies: texts(proxies) }));
      const location = zone.locate(chainOf(row.map((one) => one.text).toReversed()));
      expect(location).toBe(literally(row, gateways, proxies));
      seen.set(location, (seen.get(location) ?? 0) + 1);
    }),
    { seed: 7, numRuns: 3000 },
  );
  // The examples reach every answer often enough to mean something.
  for (const location of ['inside', 'outside', 'undecidable'] as const)
    expect(seen.get(location)).toBeGreaterThan(100);
});

type Hop = { readonly text: string; readonly point: Point | null };

const texts = (entries: readonly Entry[]) => entries.map((entry) => entry.text);

function literally(row: readonly Hop[], gateways: readonly Entry[], proxies: readonly Entry[]): Location {
  if (row.length === 0) return 'outside';
  return step(row, 1);

  function step([hop, ...behind]: readonly Hop[], examined: number): Location {
    if (hop === undefined) return 'outside';
    if (examined > 5 || hop.point === null) return 'undecidable';
    const { point } = hop;
    if (gateways.some((entry) => entry.holds(point))) return 'inside';
    return proxies.some((entry) => entry.holds(point)) ? step(behind, examined + 1) : 'outside';
  }
}
