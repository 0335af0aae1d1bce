import type { AddressChain } from './address-chain.ts';
import { type AddressSet, compileAddressSet } from './address-set.ts';
import { isIpPolicyZone, type Zone } from './zone.ts';

/** Where a caller stands towards a zone. `undecidable`: the chain is too long, or a hop in question is unreadable. */
export type Location = 'inside' | 'outside' | 'undecidable';

/** A zone ready to be asked, built once for each version of the zone. */
export interface ZoneMatcher {
  readonly id: string;
  /** False for zones in which no caller can be found: inactive, blocklists, dynamic ones. */
  readonly holdsCallers: boolean;
  /** Why the zone cannot be judged, in one line for the log; null when it can. */
  readonly trouble: string | null;
  locate(chain: AddressChain): Location;
}

// Okta examines no more hops than this (docs/okta.md §4).
const MAX_EXAMINED = 5;

/**
 * Compiles a zone to Okta's evaluation (docs/okta.md §4), nearest hop first: a gateway of the zone is inside, a
 * proxy of the same zone is passed, anything else is outside. A zone that is not an active IP policy zone has
 * everybody outside. Entries are checked when a zone is written; should a stored one be bad all the same, the zone
 * says so in `trouble` and decides nothing, which spares the callers of all other zones.
 */
export function compileZone(zone: Zone): ZoneMatcher {
  const { id } = zone;
  if (!isIpPolicyZone(zone)) return { id, holdsCallers: false, trouble: null, locate: () => 'outside' };
  try {
    const gateways = compileAddressSet(zone.gateways.map((entry) => entry.value));
    const proxies = compileAddressSet(zone.proxies.map((entry) => entry.value));
    return {
      id,
      holdsCallers: true,
      trouble: null,
      locate: (chain) => walk(chain, gateways, proxies),
    };
  } catch (error) {
    const trouble = `zone ${id}: ${error instanceof Error ? error.message : String(error)}`;
    return { id, holdsCallers: true, trouble, locate: () => 'undecidable' };
  }
}

function walk(chain: AddressChain, gateways: AddressSet, proxies: AddressSet): Location {
  for (let examined = 0; examined < MAX_EXAMINED; examined++) {
    const hop = chain.hop(examined);
    if (hop === null) return 'outside';
    if (hop === 'unreadable') return 'undecidable';
    if (gateways.has(hop)) return 'inside';
    if (!proxies.has(hop)) return 'outside';
  }
  return chain.hop(MAX_EXAMINED) === null ? 'outside' : 'undecidable';
}
