/** One address entry of an IP zone, echoed as it was written (docs/okta.md §3). */
export interface ZoneAddress {
  readonly type: 'CIDR' | 'RANGE';
  /** `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.1-192.0.2.9`, or a single address. */
  readonly value: string;
}

export type ZoneType = 'IP' | 'DYNAMIC' | 'DYNAMIC_V2';
export type ZoneUsage = 'POLICY' | 'BLOCKLIST';

/** A named set of networks. Only an ACTIVE zone of type IP with usage POLICY can hold a caller's address. */
export interface Zone {
  /** `nzo` and 17 characters. */
  readonly id: string;
  /** Unique among zones, at most 128 characters. */
  readonly name: string;
  readonly type: ZoneType;
  readonly usage: ZoneUsage;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly system: boolean;
  /** Where callers stand. */
  readonly gateways: readonly ZoneAddress[];
  /** Hops that this zone trusts to name the one before them. */
  readonly proxies: readonly ZoneAddress[];
  /** The fields of dynamic zones (locations, asns, …), stored and echoed, never evaluated. */
  readonly dynamic: Readonly<Record<string, unknown>> | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
}

/**
 * The zone of addresses that no blocklist keeps out; changed only by those who say so with `useAsExemptList`
 * (docs/okta.md §3, "System zones").
 */
export const EXEMPT_ZONE_ID = 'nzo00000ExemptIpZone';

/** Whether tokens may refer to the zone and callers may be found in it (docs/okta.md §2, "Allowed zones"). */
export function isIpPolicyZone(zone: Zone): boolean {
  return zone.type === 'IP' && zone.usage === 'POLICY' && zone.status === 'ACTIVE';
}
