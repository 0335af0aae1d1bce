import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareAddresses, formatAddress, parseAddress, parseRange } from '../../src/domain/address.ts';
import { anyPoint, anySpelling, type Point, shortest, spellOut } from './address-oracle.ts';

const canonical = (text: string) => {
  const address = parseAddress(text);
  return address === null ? null : formatAddress(address);
};

describe('an address has one reading', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0000:0001:0002:0003:0004:0005', '2001:db8:0:1:2:3:4:5'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    // The longest run of zeros is left out; the first of two as long.
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
  ])('%s is read as %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test.each([
    '::ffff:192.0.2.1',
    '::FFFF:192.0.2.1',
    '::ffff:c000:201',
    '::ffff:C000:0201',
    '0:0:0:0:0:ffff:192.0.2.1',
    '0000:0000:0000:0000:0000:ffff:c000:0201',
  ])('%s, IPv4-mapped, is the IPv4 address 192.0.2.1', (text) => {
    expect(parseAddress(text)).toEqual(parseAddress('192.0.2.1'));
  });

  test.each([
    // Not mapped, though an IPv4 address is in it: these are IPv6 addresses of other networks.
    ['::192.0.2.1', '::c000:201'],
    ['::ffff:0:192.0.2.1', '::ffff:0:c000:201'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['2002:c000:201::', '2002:c000:201::'],
    ['::fffe:192.0.2.1', '::fffe:c000:201'],
    ['1::ffff:192.0.2.1', '1::ffff:c000:201'],
  ])('%s carries an IPv4 address but is the IPv6 address %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });
});

describe('what two programs could read differently is not an address', () => {
  test.each([
    ['an octal octet', '010.0.0.1'],
    ['an octet with a leading zero', '192.0.2.01'],
    ['a hexadecimal octet', '0x7f.1'],
    ['a hexadecimal number', '0x7f000001'],
    ['two octets', '127.1'],
    ['three octets', '192.0.513'],
    ['one number', '2130706433'],
    ['five octets', '1.2.3.4.5'],
    ['an octet over 255', '1.2.3.256'],
    ['a negative octet', '1.2.3.-4'],
    ['a dot at the end', '1.2.3.4.'],
    ['an empty octet', '1..3.4'],
    ['a network', '1.2.3.4/32'],
    ['a port', '1.2.3.4:80'],
    ['a space before', ' 1.2.3.4'],
    ['a space after', '1.2.3.4 '],
    ['a line end after', '1.2.3.4\n'],
    ['a NUL after', '1.2.3.4\0'],
    ['quotes', '"1.2.3.4"'],
    ['Arabic digits', '١.٢.٣.٤'],
    ['full-width digits', '１.2.3.4'],
    ['brackets', '[::1]'],
    ['brackets and a port', '[::1]:80'],
    ['a zone id', 'fe80::1%eth0'],
    ['a zone id on a mapped address', '::ffff:1.2.3.4%1'],
    ['an empty zone id', 'fe80::1%'],
    ['a mapped address with an octal octet', '::ffff:010.0.0.1'],
    ['a mapped address with two octets', '::ffff:127.1'],
    ['a group of five digits', '00001::'],
    ['two gaps', '1::2::3'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['seven groups', '1:2:3:4:5:6:7'],
    ['a gap for no group', '1:2:3:4::5:6:7:8'],
    ['a triple colon', ':::1'],
    ['an IPv4 address in the middle', '::1.2.3.4:5'],
    ['a network of IPv6', '::1/128'],
    ['a host name', 'localhost'],
    ['the word unknown', 'unknown'],
    ['nothing', ''],
  ])('%s', (_, text) => {
    expect(parseAddress(text)).toBeNull();
  });
});

describe('reading and writing undo each other', () => {
  const wordsOf = ({ family, value }: Point) =>
    (family === 4 ? [0n] : [96n, 64n, 32n, 0n]).map((shift) => Number((value >> shift) & 0xffffffffn));

  test('every spelling of an address gives the same words', () => {
    fc.assert(
      fc.property(anySpelling, ({ point, text }) => {
        expect(parseAddress(text)).toEqual({ family: point.family, words: wordsOf(point) });
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  test('what is written is canonical, and is read back as the same address', () => {
    const anywhere = fc.oneof(
      anyPoint,
      fc.bigInt(0n, (1n << 32n) - 1n).map((value): Point => ({ family: 4, value })),
      // Groups of few values, so that runs of zeros of every length come up.
      fc.array(fc.constantFrom<bigint>(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 }).map(
        (groups): Point => ({
          family: 6,
          value: groups.reduce((value, group) => (value << 16n) | group, 0n),
        }),
      ),
    );
    fc.assert(
      fc.property(anywhere, (point) => {
        fc.pre(point.family === 4 || point.value >> 32n !== 0xffffn);
        const text = spellOut(point);
        expect(canonical(text)).toBe(point.family === 4 ? text : shortest(text));
        expect(canonical(canonical(text) ?? '')).toBe(canonical(text));
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  test('dotted decimal is four octets of 0 to 255 without leading zeros, and nothing else', () => {
    const octet = fc.constantFrom('0', '1', '25', '99', '255', '256', '01', '00', '1e1', '+1', ' 1', '');
    const isOctet = (text: string) => /^(0|[1-9][0-9]*)$/.test(text) && Number(text) <= 255;
    fc.assert(
      fc.property(fc.array(octet, { minLength: 3, maxLength: 5 }), (octets) => {
        const text = octets.join('.');
        expect(canonical(text)).toBe(octets.length === 4 && octets.every(isOctet) ? text : null);
      }),
      { seed: 3, numRuns: 5000 },
    );
  });

  test('addresses of a family are ordered as their numbers are', () => {
    fc.assert(
      fc.property(anyPoint, anyPoint, (a, b) => {
        fc.pre(a.family === b.family);
        const [left, right] = [parseAddress(spellOut(a)), parseAddress(spellOut(b))];
        if (left === null || right === null) throw new Error('the oracle wrote what cannot be read');
        expect(Math.sign(compareAddresses(left, right))).toBe(
          a.value < b.value ? -1 : a.value > b.value ? 1 : 0,
        );
      }),
      { seed: 4, numRuns: 1000 },
    );
  });
});

describe('an entry is a network, a range or a single address', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
    ['192.0.2.0/24', '192.0.2.0', '192.0.2.255'],
    ['192.0.2.77/24', '192.0.2.0', '192.0.2.255'],
    ['192.0.2.77/32', '192.0.2.77', '192.0.2.77'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['192.0.2.1-192.0.2.9', '192.0.2.1', '192.0.2.9'],
    ['192.0.2.1-192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['2001:db8::/32', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::1/127', '2001:db8::', '2001:db8::1'],
    ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::1-2001:db8::ff', '2001:db8::1', '2001:db8::ff'],
    ['::192.0.2.0/120', '::c000:200', '::c000:2ff'],
    ['::ffff:192.0.2.77/120', '192.0.2.0', '192.0.2.255'],
    ['::ffff:0:0/96', '0.0.0.0', '255.255.255.255'],
    ['::ffff:192.0.2.1-192.0.2.9', '192.0.2.1', '192.0.2.9'],
  ])('%s covers %s to %s', (entry, first, last) => {
    const range = parseRange(entry);
    expect([formatAddress(range.first), formatAddress(range.last)]).toEqual([first, last]);
  });

  test.each([
    ['', 'is not an IP address'],
    ['office', 'is not an IP address'],
    ['10.0.0.0/', 'network bits must be 0 to 32'],
    ['10.0.0.0/33', 'network bits must be 0 to 32'],
    ['10.0.0.0/-1', 'network bits must be 0 to 32'],
    ['10.0.0.0/08', 'network bits must be 0 to 32'],
    ['10.0.0.0/8.0', 'network bits must be 0 to 32'],
    ['10.0.0.0/255.0.0.0', 'network bits must be 0 to 32'],
    ['10.0.0.0/8/8', 'network bits must be 0 to 32'],
    ['10.0.0.0/ 8', 'network bits must be 0 to 32'],
    ['2001:db8::/129', 'network bits must be 0 to 128'],
    ['::ffff:10.0.0.0/8', 'network bits must be 96 to 128'],
    ['10/8', '"10" is not an IP address'],
    ['010.0.0.0/8', '"010.0.0.0" is not an IP address'],
    ['fe80::1%eth0/64', '"fe80::1%eth0" is not an IP address'],
    ['10.0.0.9-10.0.0.1', 'swap them'],
    ['10.0.0.1-2001:db8::1', 'must be IPv4, or both IPv6'],
    ['10.0.0.1-9', '"9" is not an IP address'],
    ['10.0.0.1 - 10.0.0.9', '"10.0.0.1 " is not an IP address'],
    ['10.0.0.1-10.0.0.9-10.0.0.20', '"10.0.0.9-10.0.0.20" is not an IP address'],
    ['10.0.0.0/8-11.0.0.0/8', 'network bits must be 0 to 32'],
    ['10.0.0.1,10.0.0.2', 'is not an IP address'],
  ])('"%s" is refused, and the message names it and says: %s', (entry, says) => {
    expect(() => parseRange(entry)).toThrow(`"${entry}": `);
    expect(() => parseRange(entry)).toThrow(says);
  });
});
