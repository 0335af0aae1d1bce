import type { Address } from './address.ts';
import type { AddressChain } from './address-chain.ts';
import { type AddressSet, compileAddressSet } from './address-set.ts';
import { EXEMPT_ZONE_ID, type Zone } from './zone.ts';

/** All active IP blocklists together, compiled once for each version of the zones. */
export interface Blocklist {
  /** Why entries could not be read, one line for the log for each zone concerned. */
  readonly troubles: readonly string[];
  /**
   * The zone that keeps the caller out; null when none does. `undecidable`: a hop is unreadable, or there are more
   * hops than are looked at, and none of the others is on a blocklist.
   */
  judge(chain: AddressChain): Zone | 'undecidable' | null;
}

/** More hops than any chain has that was not written to be long. */
const MAX_EXAMINED = 50;

interface Blocked {
  readonly zone: Zone;
  readonly addresses: AddressSet;
}

/**
 * Compiles the active blocklists of type IP to Okta's evaluation (docs/okta.md §3, "Blocklist"): a caller is kept out
 * when any hop of its chain is on a blocklist and not on the exempt list, so that an exempt hop helps nobody else.
 * Dynamic blocklists are not looked at: where an address is and whose it is, is not known here.
 * @returns null when no address is on a blocklist, so that there is nothing to ask
 */
export function compileBlocklist(zones: readonly Zone[]): Blocklist | null {
  const troubles: string[] = [];
  const compile = (zone: Zone) => compileReadable(zone, troubles);
  const blocked: Blocked[] = zones
    .filter((zone) => isActiveIp(zone) && zone.usage === 'BLOCKLIST' && zone.gateways.length > 0)
    .map((zone) => ({ zone, addresses: compile(zone) }));
  if (blocked.length === 0) return null;
  const exemptZone = zones.find((zone) => zone.id === EXEMPT_ZONE_ID && isActiveIp(zone));
  const exempt = exemptZone === undefined ? null : compile(exemptZone);
  const holding = (hop: Address) =>
    exempt?.has(hop) ? undefined : blocked.find(({ addresses }) => addresses.has(hop));
  return { troubles, judge: (chain) => judge(chain, (hop) => holding(hop)?.zone ?? null) };
}

function judge(chain: AddressChain, zoneOf: (hop: Address) => Zone | null): Zone | 'undecidable' | null {
  let decidable = true;
  for (let distance = 0; distance < MAX_EXAMINED; distance++) {
    const hop = chain.hop(distance);
    if (hop === null) return decidable ? null : 'undecidable';
    const zone = hop === 'unreadable' ? null : zoneOf(hop);
    if (zone !== null) return zone;
    if (hop === 'unreadable') decidable = false;
  }
  return decidable && chain.hop(MAX_EXAMINED) === null ? null : 'undecidable';
}

function isActiveIp({ type, status }: Zone): boolean {
  return type === 'IP' && status === 'ACTIVE';
}

/**
 * The entries that can be read. All are checked when a zone is written; should a stored one be bad all the same, the
 * others still hold, and the log says so.
 */
function compileReadable({ id, gateways }: Zone, troubles: string[]): AddressSet {
  const readable: string[] = [];
  for (const { value } of gateways) {
    try {
      compileAddressSet([value]);
      readable.push(value);
    } catch (error) {
      troubles.push(`zone ${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return compileAddressSet(readable);
}
