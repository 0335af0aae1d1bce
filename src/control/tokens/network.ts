import { ALL_IP_ZONES, type NetworkCondition } from '../../domain/network-condition.ts';
import { parseNetworkCondition } from '../../domain/network-match.ts';
import type { Expectation } from '../../domain/store.ts';
import { isIpPolicyZone, type Zone } from '../../domain/zone.ts';
import { type ApiError, invalid } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';

/** A network condition that may be given to a token, and what must still hold of its zones when it is written. */
export interface JudgedNetwork {
  readonly kind: 'network';
  readonly condition: NetworkCondition;
  readonly expectations: readonly Expectation[];
  /** Every zone there is. */
  readonly zones: readonly Zone[];
}

/**
 * Judges a network condition in Okta's JSON form against the zones there are: each that it names must exist and be
 * an active IP zone that is not a blocklist (docs/okta.md §2, "Allowed zones").
 */
export async function judgeNetwork(
  value: unknown,
  store: ControlParts['store'],
): Promise<JudgedNetwork | ApiError> {
  let condition: NetworkCondition;
  try {
    condition = parseNetworkCondition(value);
  } catch (error) {
    return invalid('network', error instanceof Error ? error.message : String(error));
  }
  const zones = await store.zones();
  const byId = new Map(zones.map((zone) => [zone.id, zone]));
  const named = namedZones(condition);
  const causes = named.map((id) => unfit(id, byId.get(id))).filter((cause) => cause !== null);
  if (causes.length > 0) return invalid('network', ...causes);
  const expected = named.map((id) => byId.get(id)).filter((zone) => zone !== undefined);
  return {
    kind: 'network',
    condition,
    expectations: expected.map((zone) => ({ expect: 'zone', zone })),
    zones,
  };
}

/** The ids that a condition names; `ALL_IP_ZONES` names none. */
function namedZones(condition: NetworkCondition): readonly string[] {
  if (condition.connection === 'ANYWHERE') return [];
  const named = 'include' in condition ? condition.include : condition.exclude;
  return named.filter((id) => id !== ALL_IP_ZONES);
}

/** Why a token cannot refer to the zone, or null when it can. */
function unfit(id: string, zone: Zone | undefined): string | null {
  if (zone === undefined) return `network: There is no network zone ${id}.`;
  if (isIpPolicyZone(zone)) return null;
  const reason =
    zone.type !== 'IP'
      ? `is of type ${zone.type}; only IP zones can be used with a token`
      : zone.usage === 'BLOCKLIST'
        ? 'is a blocklist'
        : 'is not active';
  return `network: The zone ${zone.name} (${id}) ${reason}.`;
}
