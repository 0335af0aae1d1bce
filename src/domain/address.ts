import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

const DOT = '.'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** An IP address. An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) is the IPv4 address that it maps. */
export interface Address {
  readonly family: 4 | 6;
  /** Unsigned 32-bit words, most significant first: one for IPv4, four for IPv6. */
  readonly words: readonly number[];
}

/** What an entry of a zone covers: every address of one family from `first` to `last`, both included. */
export interface AddressRange {
  readonly first: Address;
  readonly last: Address;
}

/**
 * Reads one address in its full decimal or RFC 4291 form. Short, octal and hexadecimal IPv4 forms, zone ids
 * (`%eth0`), ports, brackets and surrounding spaces are refused: two programs read them differently, and a rule
 * about addresses must not depend on which.
 * @returns null when the text is not such an address
 */
export function parseAddress(text: string): Address | null {
  const family = isIP(text);
  if (family === 4) return ipv4(readIpv4(text));
  if (family === 6 && !text.includes('%')) return fromIpv6Words(readIpv6(text));
  return null;
}

/** The one canonical text: dotted decimal, or RFC 5952. */
export function formatAddress(address: Address): string {
  if (address.family === 4) {
    const [word = 0] = address.words;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups: number[] = [];
  for (const word of address.words) groups.push(word >>> 16, word & 0xffff);
  return new ipaddr.IPv6(groups).toRFC5952String();
}

/** The network that one caller usually has to himself, as text: an IPv4 address, or the /64 of an IPv6 address. */
export function networkOf(address: Address): string {
  if (address.family === 4) return formatAddress(address);
  const [first = 0, second = 0] = address.words;
  return `${formatAddress({ family: 6, words: [first, second, 0, 0] })}/64`;
}

/** Orders addresses of one family: negative when `a` lies before `b`, 0 when they are equal. */
export function compareAddresses(a: Address, b: Address): number {
  for (let i = 0; i < a.words.length; i++) {
    const difference = (a.words[i] ?? 0) - (b.words[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Reads an entry of a zone or of `trustedProxies`: a network in CIDR form (host bits may be set, as Okta allows,
 * docs/okta.md §3), a range `first-last`, or a single address.
 * @throws Error that names the entry and says what would be right
 */
export function parseRange(entry: string): AddressRange {
  const slash = entry.indexOf('/');
  if (slash >= 0) return parseNetwork(entry, entry.slice(0, slash), entry.slice(slash + 1));
  const dash = entry.indexOf('-');
  if (dash >= 0) return parseSpan(entry, entry.slice(0, dash), entry.slice(dash + 1));
  const address = addressIn(entry, entry);
  return { first: address, last: address };
}

function parseNetwork(entry: string, base: string, prefixText: string): AddressRange {
  const address = addressIn(entry, base);
  // A mapped network is written with the 96 bits of the mapping counted in: ::ffff:192.0.2.0/120.
  const mapped = address.family === 4 && base.includes(':') ? 96 : 0;
  const longest = mapped > 0 || address.family === 6 ? 128 : 32;
  const prefix = /^(0|[1-9]\d{0,2})$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  if (!(prefix >= mapped && prefix <= longest)) {
    throw new Error(
      `"${entry}": the number of network bits must be ${mapped} to ${longest}, in plain decimal`,
    );
  }
  // Only canonical text reaches ipaddr.js: it reads octal and short forms, and takes ::192.0.2.1 for ::ffff:192.0.2.1.
  const cidr = `${formatAddress(address)}/${prefix - mapped}`;
  if (address.family === 4) {
    return {
      first: ipv4(fromOctets(ipaddr.IPv4.networkAddressFromCIDR(cidr).octets)),
      last: ipv4(fromOctets(ipaddr.IPv4.broadcastAddressFromCIDR(cidr).octets)),
    };
  }
  return {
    first: ipv6(fromGroups(ipaddr.IPv6.networkAddressFromCIDR(cidr).parts)),
    last: ipv6(fromGroups(ipaddr.IPv6.broadcastAddressFromCIDR(cidr).parts)),
  };
}

function parseSpan(entry: string, from: string, to: string): AddressRange {
  const first = addressIn(entry, from);
  const last = addressIn(entry, to);
  if (first.family !== last.family) {
    throw new Error(`"${entry}": both ends of a range must be IPv4, or both IPv6`);
  }
  if (compareAddresses(first, last) > 0) {
    throw new Error(`"${entry}": the first address of a range must not lie after the last: swap them`);
  }
  return { first, last };
}

function addressIn(entry: string, text: string): Address {
  const address = parseAddress(text);
  if (address !== null) return address;
  throw new Error(
    `"${entry}": "${text}" is not an IP address; write a network (192.0.2.0/24, 2001:db8::/32), ` +
      'a range (192.0.2.1-192.0.2.9) or a single address, without spaces, ports or zone ids',
  );
}

function ipv4(word: number): Address {
  return { family: 4, words: [word] };
}

function ipv6(words: readonly number[]): Address {
  return { family: 6, words };
}

function fromIpv6Words(words: readonly number[]): Address {
  const [a, b, c, d = 0] = words;
  return a === 0 && b === 0 && c === 0xffff ? ipv4(d) : ipv6(words);
}

/** The word of a dotted decimal address. The text was checked. */
function readIpv4(text: string): number {
  let word = 0;
  let octet = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      word = word * 256 + octet;
      octet = 0;
    } else {
      octet = octet * 10 + (code - ZERO);
    }
  }
  return word * 256 + octet;
}

/** The four words of an IPv6 address without a zone id; a dotted decimal end counts as two groups. The text was checked. */
function readIpv6(text: string): readonly number[] {
  const groups: number[] = [];
  let gap = 0;
  for (const group of text.split(':')) {
    if (group === '') {
      gap = groups.length;
    } else if (group.includes('.')) {
      const word = readIpv4(group);
      groups.push(word >>> 16, word & 0xffff);
    } else {
      groups.push(Number.parseInt(group, 16));
    }
  }
  while (groups.length < 8) groups.splice(gap, 0, 0);
  return fromGroups(groups);
}

function fromGroups(groups: readonly number[]): readonly number[] {
  const word = (at: number) => (groups[at] ?? 0) * 0x10000 + (groups[at + 1] ?? 0);
  return [word(0), word(2), word(4), word(6)];
}

function fromOctets(octets: readonly number[]): number {
  return octets.reduce((word, octet) => word * 256 + octet, 0);
}
