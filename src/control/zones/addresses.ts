/** The addresses of IP zones as people write them (docs/okta.md §3, "Address syntax"); IPv6 is an extension. */
import { parseAddress, parseRange } from '../../domain/address.ts';
import type { ZoneAddress } from '../../domain/zone.ts';

/** At most this many bad entries are named. */
const CAUSES_MAX = 10;

/**
 * Reads a list of addresses: each stays as it was written, but for a single address as a range, which becomes the
 * range from itself to itself.
 * @param field the name of the list in messages
 * @returns the list, or what is wrong with it
 */
export function readAddresses(
  field: string,
  entries: readonly ZoneAddress[],
): { readonly addresses: readonly ZoneAddress[]; readonly causes: readonly string[] } {
  const causes: string[] = [];
  const addresses = entries.map((entry) => {
    const wrong = causes.length < CAUSES_MAX ? problem(entry) : null;
    if (wrong !== null) causes.push(`${field}: ${wrong}`);
    return normal(entry);
  });
  return { addresses, causes };
}

function normal({ type, value }: ZoneAddress): ZoneAddress {
  return type === 'RANGE' && !value.includes('-') ? { type, value: `${value}-${value}` } : { type, value };
}

/** What is wrong with an entry; null when nothing is. */
function problem({ type, value }: ZoneAddress): string | null {
  const separator = type === 'CIDR' ? '/' : '-';
  const parts = value.split(separator);
  const ends = type === 'CIDR' ? parts.slice(0, 1) : parts;
  const bad = ends.find((end) => parseAddress(end) === null);
  if (bad !== undefined) {
    const family = bad.includes(':') ? 'IPV6' : 'IPV4';
    return `The IP: ${bad} in the ${type}: ${value} is invalid. Make sure it is a valid ${family}.`;
  }
  if (type === 'CIDR' && parts.length !== 2) {
    return `The CIDR: ${value} is invalid. Write an address, a slash and the number of network bits, such as 192.0.2.0/24.`;
  }
  try {
    parseRange(value);
    return null;
  } catch (error) {
    return `The ${type}: ${value} is invalid. ${error instanceof Error ? error.message : String(error)}.`;
  }
}
