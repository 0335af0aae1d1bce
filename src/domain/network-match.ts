import type { AddressChain } from './address-chain.ts';
import { ALL_IP_ZONES, ANYWHERE, type NetworkCondition } from './network-condition.ts';
import type { ZoneMatcher } from './zone-match.ts';

/** What a token's network condition says of a caller. Only `allowed` lets it pass. */
export type NetworkVerdict = 'allowed' | 'outside' | 'undecidable';

export type NetworkMatcher = (chain: AddressChain) => NetworkVerdict;

/**
 * Compiles a token's network condition (docs/okta.md §2) against the zones there are.
 * A list of zones to keep out is only satisfied when every one of them could be asked and none holds the caller:
 * a zone that is unknown, cannot hold callers, or cannot place this one makes the verdict `undecidable`.
 * @param zones every zone, by id
 */
export function compileNetwork(
  condition: NetworkCondition,
  zones: ReadonlyMap<string, ZoneMatcher>,
): NetworkMatcher {
  if (condition.connection === 'ANYWHERE') return () => 'allowed';
  if ('include' in condition) {
    const included = zonesNamed(condition.include, zones);
    return (chain) => judgeInclusion(chain, included);
  }
  const excluded = zonesNamed(condition.exclude, zones);
  const complete = condition.exclude[0] === ALL_IP_ZONES || excluded.length === condition.exclude.length;
  return (chain) => judgeExclusion(chain, excluded, complete);
}

function judgeInclusion(chain: AddressChain, included: readonly ZoneMatcher[]): NetworkVerdict {
  for (const zone of included) {
    if (zone.locate(chain) === 'inside') return 'allowed';
  }
  return 'outside';
}

function judgeExclusion(
  chain: AddressChain,
  excluded: readonly ZoneMatcher[],
  complete: boolean,
): NetworkVerdict {
  let undecided = !complete;
  for (const zone of excluded) {
    const location = zone.locate(chain);
    if (location === 'inside') return 'outside';
    if (location === 'undecidable') undecided = true;
  }
  return undecided ? 'undecidable' : 'allowed';
}

/** Those of the named zones that exist and can hold a caller. */
function zonesNamed(ids: readonly string[], zones: ReadonlyMap<string, ZoneMatcher>): ZoneMatcher[] {
  const named = ids[0] === ALL_IP_ZONES ? [...zones.values()] : ids.map((id) => zones.get(id));
  return named.filter((zone) => zone !== undefined).filter((zone) => zone.holdsCallers);
}

const KEYS: ReadonlySet<string> = new Set(['connection', 'include', 'exclude']);

/**
 * Reads a network condition in Okta's JSON form (docs/okta.md §2). A list that is null counts as left out;
 * `ALL_ZONES` becomes `ALL_IP_ZONES`. Whether the zones exist is for the caller to check.
 * @throws Error whose message says which rule is broken
 */
export function parseNetworkCondition(value: unknown): NetworkCondition {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('network: must be an object with "connection"');
  }
  const unknown = Object.keys(value).find((key) => !KEYS.has(key));
  if (unknown !== undefined) {
    throw new Error(`network: "${unknown}" is not a field; there are "connection", "include" and "exclude"`);
  }
  const { connection, include, exclude }: { connection?: unknown; include?: unknown; exclude?: unknown } =
    value;
  const included = parseZoneList('include', include);
  const excluded = parseZoneList('exclude', exclude);
  if (connection === 'ANYWHERE') {
    if (included === null && excluded === null) return ANYWHERE;
    throw new Error('network: with "connection": "ANYWHERE" there must be neither "include" nor "exclude"');
  }
  if (connection !== 'ZONE') throw new Error('network.connection: must be "ANYWHERE" or "ZONE"');
  if (included !== null && excluded === null) return { connection, include: included };
  if (excluded !== null && included === null) return { connection, exclude: excluded };
  throw new Error('network: with "connection": "ZONE" there must be either "include" or "exclude", not both');
}

function parseZoneList(field: string, value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || !value.every(isZoneId)) {
    throw new Error(`network.${field}: must be a list of zone ids, or ["${ALL_IP_ZONES}"]`);
  }
  if (value.length === 0)
    throw new Error(`network.${field}: must name at least one zone; leave an empty list out`);
  const ids = value.map((id) => (id === 'ALL_ZONES' ? ALL_IP_ZONES : id));
  if (new Set(ids).size < ids.length) throw new Error(`network.${field}: must not name a zone twice`);
  if (ids.length > 1 && ids.includes(ALL_IP_ZONES)) {
    throw new Error(`network.${field}: "${ALL_IP_ZONES}" stands alone, without other zones`);
  }
  return ids;
}

function isZoneId(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
