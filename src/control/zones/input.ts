/** Zones as they are sent: what each field may be, and what fits together (docs/okta.md §3). */
import { z } from 'zod';
import { EXEMPT_ZONE_ID, type Zone } from '../../domain/zone.ts';
import { type ApiError, invalid } from '../api-error.ts';
import { shortText } from '../validation.ts';
import { readAddresses } from './addresses.ts';
import { readDynamic, refuseAddresses } from './dynamic.ts';
import { addressSchema, ZONE_NAME_MAX } from './wire.ts';

const ADMIN_ENTRIES_MAX = 150;
const BLOCKLIST_ENTRIES_MAX = 1000;
const SYSTEM_ENTRIES_MAX = 5000;
/** Longest text of an address entry: two full IPv6 addresses. */
const ADDRESS_LENGTH_MAX = 100;

const addresses = z
  .array(
    addressSchema.extend({
      type: z.enum(['CIDR', 'RANGE'], { error: 'must be CIDR or RANGE' }),
      value: z.string({ error: 'must be a text' }).max(ADDRESS_LENGTH_MAX, 'is too long for an address'),
    }),
  )
  .nullish();

/** The body of a zone. What only the server sets (`id`, `created`, …) is passed over, so that an answer can be sent back. */
export const zoneInput = z.looseObject({
  type: z.enum(['IP', 'DYNAMIC', 'DYNAMIC_V2'], { error: 'must be IP, DYNAMIC or DYNAMIC_V2' }),
  name: shortText(ZONE_NAME_MAX),
  status: z.enum(['ACTIVE', 'INACTIVE'], { error: 'must be ACTIVE or INACTIVE' }).nullish(),
  usage: z.enum(['POLICY', 'BLOCKLIST'], { error: 'must be POLICY or BLOCKLIST' }).nullish(),
  gateways: addresses,
  proxies: addresses,
  useAsExemptList: z.boolean({ error: 'must be true or false' }).nullish(),
});

export type ZoneInput = z.output<typeof zoneInput>;

/** What a body makes of a zone. */
export type ZoneContent = Pick<
  Zone,
  'name' | 'type' | 'usage' | 'status' | 'gateways' | 'proxies' | 'dynamic'
>;

/**
 * Reads a body. Usage and status that are left out stay what they were; POLICY and ACTIVE for a new zone.
 * @param before the zone that is replaced; null for a new one
 */
export function readZone(
  body: ZoneInput,
  before: Zone | null,
): { readonly kind: 'zone'; readonly content: ZoneContent } | ApiError {
  const misfit = before === null ? null : immutable(body, before);
  if (misfit !== null) return misfit;
  const { type, name } = body;
  const usage = body.usage ?? before?.usage ?? 'POLICY';
  const status = body.status ?? before?.status ?? 'ACTIVE';
  const common = { name, type, usage, status };
  if (type === 'IP') {
    const lists = readLists(body, usage, before);
    return lists.kind === 'error' ? lists : { kind: 'zone', content: { ...common, ...lists.content } };
  }
  const stray = refuseAddresses(body, type);
  if (stray !== null) return stray;
  const read = readDynamic(type, body);
  if (read.kind === 'error') return read;
  return { kind: 'zone', content: { ...common, gateways: [], proxies: [], dynamic: read.dynamic } };
}

/** What cannot be changed in a zone that there is. */
function immutable(body: ZoneInput, before: Zone): ApiError | null {
  if (body.type !== before.type)
    return invalid('type', 'type: The type of a network zone cannot be changed.');
  const exempt = before.id === EXEMPT_ZONE_ID;
  if (exempt !== (body.useAsExemptList ?? false)) {
    return invalid(
      'useAsExemptList',
      exempt
        ? 'useAsExemptList: The network zone does not allow usage changes for DefaultExemptIpZone.'
        : 'useAsExemptList: Only DefaultExemptIpZone is an exempt list.',
    );
  }
  if (before.system && body.usage != null && body.usage !== before.usage) {
    return invalid('usage', `usage: The usage of the system zone ${before.name} cannot be changed.`);
  }
  return null;
}

function readLists(
  body: ZoneInput,
  usage: Zone['usage'],
  before: Zone | null,
): { readonly kind: 'lists'; readonly content: Pick<Zone, 'gateways' | 'proxies' | 'dynamic'> } | ApiError {
  const gateways = body.gateways ?? [];
  const proxies = body.proxies ?? [];
  const system = before?.system === true;
  const gatewaysMax = system
    ? SYSTEM_ENTRIES_MAX
    : usage === 'BLOCKLIST'
      ? BLOCKLIST_ENTRIES_MAX
      : ADMIN_ENTRIES_MAX;
  const proxiesMax = system ? SYSTEM_ENTRIES_MAX : ADMIN_ENTRIES_MAX;
  if (gateways.length > gatewaysMax) return tooMany('gateways', gatewaysMax);
  if (proxies.length > proxiesMax) return tooMany('proxies', proxiesMax);
  if (proxies.length > 0 && (usage === 'BLOCKLIST' || before?.id === EXEMPT_ZONE_ID)) {
    return invalid('proxies', 'proxies: A blocklist or an exempt list has gateways only.');
  }
  if (!system && gateways.length + proxies.length === 0) {
    return invalid('gateways', 'gateways: An IP zone must have at least one gateway or proxy.');
  }
  const readGateways = readAddresses('gateways', gateways);
  if (readGateways.causes.length > 0) return invalid('gateways', ...readGateways.causes);
  const readProxies = readAddresses('proxies', proxies);
  if (readProxies.causes.length > 0) return invalid('proxies', ...readProxies.causes);
  const content = { gateways: readGateways.addresses, proxies: readProxies.addresses, dynamic: null };
  return { kind: 'lists', content };
}

function tooMany(field: string, max: number): ApiError {
  return invalid(field, `${field}: No more than ${max} ${field} may be included in this zone.`);
}
