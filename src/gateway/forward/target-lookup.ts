import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { parseAddress } from '../../domain/address.ts';
import { compileAddressSet } from '../../domain/address-set.ts';

/** Link-local networks (RFC 3927, RFC 4291 §2.5.6), and with them where clouds tell a machine its secrets. */
const LINK_LOCAL = compileAddressSet(['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254']);

/** The code of the error that a connection fails with when no address of its name may be connected to. */
const REFUSED = 'TARGET_ADDRESS_REFUSED';

/** Finds the addresses of a name, as `dns.lookup` does with `all`. */
export type FindAddresses = (
  hostname: string,
  options: { readonly all: true; readonly family?: number | string },
  found: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const findAddresses: FindAddresses = (hostname, { family = 0 }, found) => {
  systemLookup(
    hostname,
    { all: true, family: family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : Number(family) },
    found,
  );
};

/**
 * The lookup of connections to targets. A name of which somebody else may decide what it means must not lead to
 * what only this machine can reach; addresses that are written in the configuration are not looked up.
 * @param allowLinkLocal whether link-local addresses and those of cloud metadata may be connected to
 * @returns as `net.connect` takes it: fails with an error that `isRefusedAddress` knows where nothing else is left
 */
export function targetLookup(allowLinkLocal: boolean, find: FindAddresses = findAddresses): LookupFunction {
  return (hostname, { all, family }, answer) => {
    find(hostname, { all: true, ...(family === undefined ? {} : { family }) }, (error, found) => {
      if (error !== null) {
        answer(error, []);
        return;
      }
      const [first, ...others] = allowLinkLocal ? found : found.filter(({ address }) => mayBe(address));
      if (first === undefined) answer(refused(hostname, found), []);
      else if (all) answer(null, [first, ...others]);
      else answer(null, first.address, first.family);
    });
  };
}

/** Whether a connection failed because its name means addresses that no target may have. */
export function isRefusedAddress({ code }: { readonly code?: unknown }): boolean {
  return code === REFUSED;
}

function mayBe(text: string): boolean {
  // What cannot be read, such as an address with the scope of a link, is not let through.
  const address = parseAddress(text);
  return address !== null && !LINK_LOCAL.has(address);
}

function refused(hostname: string, found: readonly LookupAddress[]): NodeJS.ErrnoException {
  const addresses = found.map(({ address }) => address).join(', ');
  const message = `${hostname} means ${addresses === '' ? 'no address' : addresses}, which no target may have`;
  return Object.assign(new Error(message), { code: REFUSED });
}
