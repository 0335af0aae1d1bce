import type { AddressChain } from './address-chain.ts';
import { compileAddressSet } from './address-set.ts';
import { isIpPolicyZone, type Zone, type ZoneAddress } from './zone.ts';

/** Where a caller stands towards a zone. `undecidable`: the chain is too long, or a hop in question is unreadable. */
export type Location = 'inside' | 'outside' | 'undecidable';

/** A zone ready to be asked, built once for each version of the zone. */
export interface ZoneMatcher {
  readonly id: string;
  /** False for zones in which no caller can be found: inactive, blocklists, dynamic ones. */
  readonly holdsCallers: boolean;
  locate(chain: AddressChain): Location;
}

// Okta examines no more hops than this (docs/okta.md §4).
const MAX_EXAMINED = 5;

/**
 * Compiles a zone to Okta's evaluation (docs/okta.md §4), nearest hop first: a gateway of the zone is inside, a
 * proxy of the same zone is passed, anything else is outside. A zone that is not an active IP policy zone has
 * everybody outside.
 * @throws Error that names the zone and its first bad entry; stored zones were checked when written
 */
export function compileZone(zone: Zone): ZoneMatcher {
  if (!isIpPolicyZone(zone)) return { id: zone.id, holdsCallers: false, locate: () => 'outside' };
  const gateways = compileList(zone, 'gateways', zone.gateways);
  const proxies = compileList(zone, 'proxies', zone.proxies);

  function locate(chain: AddressChain): Location {
    for (let examined = 0; examined < MAX_EXAMINED; examined++) {
      const hop = chain.hop(examined);
      if (hop === null) return 'outside';
      if (hop === 'unreadable') return 'undecidable';
      if (gateways.has(hop)) return 'inside';
      if (!proxies.has(hop)) return 'outside';
    }
    return chain.hop(MAX_EXAMINED) === null ? 'outside' : 'undecidable';
  }
  return { id: zone.id, holdsCallers: true, locate };
}

function compileList(zone: Zone, list: string, addresses: readonly ZoneAddress[]) {
  try {
    return compileAddressSet(addresses.map((address) => address.value));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`zone ${zone.id}: ${list}: ${reason}`, { cause });
  }
}
