import type { AddressChain } from '../domain/address-chain.ts';
import { compileBlocklist } from '../domain/blocklist.ts';
import { ALL_IP_ZONES, type NetworkCondition } from '../domain/network-condition.ts';
import { compileNetwork } from '../domain/network-match.ts';
import type { Zone } from '../domain/zone.ts';
import { compileZone } from '../domain/zone-match.ts';
import { type ApiError, invalid } from './api-error.ts';
import type { Caller } from './operation.ts';

/**
 * The refusal of a change after which the caller's own token could no longer be used from where the caller stands;
 * null when the change does no such thing.
 * @param subject the field that would do it
 * @param network the caller's token's network condition after the change
 * @param zones every zone, as they would be after the change
 */
export function lockOut(
  { chain }: Caller,
  subject: string,
  network: NetworkCondition,
  zones: readonly Zone[],
): ApiError | null {
  const matchers = new Map(zones.map((zone) => [zone.id, compileZone(zone)]));
  if (compileNetwork(network, matchers)(chain) === 'allowed') return null;
  return refusal(chain, subject);
}

/**
 * The refusal of a change of zones after which a blocklist would keep the caller out; null when the change does no
 * such thing.
 * @param zones every zone, as they would be after the change
 */
export function blockingOut({ chain }: Caller, zones: readonly Zone[]): ApiError | null {
  return (compileBlocklist(zones)?.judge(chain) ?? null) === null ? null : refusal(chain, 'gateways');
}

function refusal(chain: AddressChain, subject: string): ApiError {
  return invalid(
    subject,
    `${subject}: This would lock out the token that the request was made with, from ${chain.client}. ` +
      'Add ?force=true to do it all the same.',
  );
}

/** Whether a token with this condition looks at the zone at all. */
export function refersTo(network: NetworkCondition, zoneId: string): boolean {
  if (network.connection === 'ANYWHERE') return false;
  const named = 'include' in network ? network.include : network.exclude;
  return named.includes(zoneId) || named.includes(ALL_IP_ZONES);
}
