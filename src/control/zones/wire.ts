import { z } from 'zod';
import type { Zone } from '../../domain/zone.ts';
import { entityTag } from '../etag.ts';
import { isoSecond, link } from '../wire.ts';

/** Longest name of a zone (docs/okta.md §3, "Limits"). */
export const ZONE_NAME_MAX = 128;

export const addressSchema = z.object({ type: z.enum(['CIDR', 'RANGE']), value: z.string() });

const links = z.object({ href: z.string(), hints: z.object({ allow: z.array(z.string()) }) });

export const zoneSchema = z.looseObject({
  type: z.enum(['IP', 'DYNAMIC', 'DYNAMIC_V2']),
  id: z.string(),
  name: z.string(),
  status: z.enum(['ACTIVE', 'INACTIVE']),
  usage: z.enum(['POLICY', 'BLOCKLIST']),
  created: z.iso.datetime(),
  lastUpdated: z.iso.datetime(),
  system: z.boolean(),
  gateways: z
    .array(addressSchema)
    .nullish()
    .describe('Where callers stand; null when there are none. Of IP zones only.'),
  proxies: z
    .array(addressSchema)
    .nullish()
    .describe('Hops that this zone trusts to name the one before them; null when there are none.'),
  locations: z.unknown().optional().describe('Of dynamic zones only.'),
  proxyType: z.string().optional().describe('Of dynamic zones only.'),
  asns: z.unknown().optional().describe('Of dynamic zones only.'),
  ipServiceCategories: z.unknown().optional().describe('Of enhanced dynamic zones only.'),
  _links: z.record(z.string(), links),
});

/** A zone in Okta's form, its keys in Okta's order (docs/okta.md §3). */
export function zoneBody(zone: Zone, origin: string) {
  return {
    type: zone.type,
    id: zone.id,
    name: zone.name,
    status: zone.status,
    usage: zone.usage,
    created: isoSecond(zone.createdAt),
    lastUpdated: isoSecond(zone.lastUpdatedAt),
    system: zone.system,
    ...contents(zone),
    _links: zoneLinks(zone, origin),
  };
}

/** What the zone holds, as its type has it. */
function contents({ type, gateways, proxies, dynamic }: Zone) {
  if (type !== 'IP') return dynamic ?? {};
  const listed = (list: Zone['gateways']) => (list.length === 0 ? null : list);
  return { gateways: listed(gateways), proxies: listed(proxies) };
}

function zoneLinks({ id, status }: Zone, origin: string) {
  const href = `${origin}/api/v1/zones/${id}`;
  const self = link(href, 'GET', 'PUT', 'DELETE');
  const step = (name: string) => link(`${href}/lifecycle/${name}`, 'POST');
  return status === 'ACTIVE'
    ? { self, deactivate: step('deactivate') }
    : { activate: step('activate'), self };
}

/** The zone's entity tag: another one after every change. */
export function zoneTag(zone: Zone): string {
  return entityTag(zone);
}

/** What the events of a zone say of it in `debugData` (docs/okta.md §8). */
export function describeZone({ type, gateways, proxies, dynamic }: Zone): Record<string, string> {
  return { zoneData: JSON.stringify(type === 'IP' ? { type, gateways, proxies } : { type, ...dynamic }) };
}
