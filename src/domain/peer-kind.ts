import type { Address } from './address.ts';
import { type AddressSet, compileAddressSet } from './address-set.ts';

/** What is told apart of peers: those of `zone.trustedProxies`, others inside, and others outside. */
export const PEER_KINDS = ['trusted', 'private', 'public'] as const;
export type PeerKind = (typeof PEER_KINDS)[number];

/** Addresses that are not reached from the Internet (RFC 1918, 6598, 3927, 4193, 4291 §2.5). */
const PRIVATE = compileAddressSet([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  '::1',
  'fc00::/7',
  'fe80::/10',
]);

/** @param address null for one that cannot be read */
export function peerKind(address: Address | null, trustedProxies: AddressSet): PeerKind {
  if (address === null) return 'public';
  if (trustedProxies.has(address)) return 'trusted';
  return PRIVATE.has(address) ? 'private' : 'public';
}
