import type { Zone, ZoneAddress } from '../../src/domain/zone.ts';

const addresses = (entries: readonly string[]): ZoneAddress[] =>
  entries.map((value) => ({ type: value.includes('/') ? 'CIDR' : 'RANGE', value }));

/** An active IP policy zone with these address entries. */
export function zoneOf(of: { id?: string; gateways: readonly string[]; proxies: readonly string[] }): Zone {
  const id = of.id ?? 'nzoTest';
  return {
    id,
    name: `zone ${id}`,
    type: 'IP',
    usage: 'POLICY',
    status: 'ACTIVE',
    system: false,
    gateways: addresses(of.gateways),
    proxies: addresses(of.proxies),
    dynamic: null,
    createdAt: 0,
    lastUpdatedAt: 0,
  };
}
