import type { Judged } from '../../config/apply-file/judgement.ts';
import type { RawEntry } from '../../config/apply-file/raw-entry.ts';
import type { ZoneEntry } from '../../config/apply-file/schema.ts';
import { newId } from '../../domain/ids.ts';
import { isIpPolicyZone, type Zone, type ZoneAddress } from '../../domain/zone.ts';
import type { Claims } from './claims.ts';
import { type Context, WRONG } from './context.ts';
import { zoneDeeds } from './events.ts';
import { type Field, textOf } from './fields.ts';

const FIELDS: readonly Field<Zone>[] = [
  { name: 'usage', of: (zone) => zone.usage },
  { name: 'status', of: (zone) => zone.status },
  { name: 'gateways', of: (zone) => zone.gateways.map(({ value }) => value) },
  { name: 'proxies', of: (zone) => zone.proxies.map(({ value }) => value) },
];

/** A zone that tokens may refer to now and may not any more. */
export interface WithdrawnZone {
  readonly raw: RawEntry;
  readonly zone: Zone;
}

/**
 * Plans some zones of the file, which are known by their names. The context has those of the store.
 * @returns those that no token may refer to any more
 */
export function planZones(
  entries: readonly Judged<ZoneEntry>[],
  claims: Claims,
  { zones, draft, rules }: Context,
): readonly WithdrawnZone[] {
  const withdrawn: WithdrawnZone[] = [];
  for (const { raw, whole, good } of entries) {
    if (good.name === undefined) continue;
    const existing = zones.get(good.name);
    const holder = claims.claim(good.name, raw.line);
    if (holder !== null) {
      const message = `must be unique: the zone in line ${holder} has this name too`;
      draft.problem(raw.locate({ path: ['name'], message }));
      continue;
    }
    const old = existing === undefined || existing === WRONG ? null : existing;
    const next = whole === null ? null : zoneOf(whole, old, rules.now);
    const findings = next === null ? [] : mistakes(next, old);
    for (const finding of findings) draft.problem(raw.locate(finding));
    if (next === null || findings.length > 0) {
      zones.set(good.name, WRONG);
      continue;
    }
    zones.set(next.name, next);
    if (old !== null && isIpPolicyZone(old) && !isIpPolicyZone(next)) withdrawn.push({ raw, zone: next });
    draft.add({
      kind: 'zone',
      label: textOf(next.name),
      fields: FIELDS,
      old,
      next,
      mutations: () => [{ put: 'zone', zone: { ...next, lastUpdatedAt: rules.now }, replacing: old }],
      deeds: () => zoneDeeds(old, next),
    });
  }
  return withdrawn;
}

function zoneOf(entry: ZoneEntry, old: Zone | null, now: number): Zone {
  return {
    id: old?.id ?? newId('nzo'),
    name: entry.name,
    type: old?.type ?? 'IP',
    usage: entry.usage ?? old?.usage ?? 'POLICY',
    status: entry.status ?? old?.status ?? 'ACTIVE',
    system: old?.system ?? false,
    gateways: entry.gateways?.map(addressOf) ?? old?.gateways ?? [],
    proxies: entry.proxies?.map(addressOf) ?? old?.proxies ?? [],
    dynamic: old?.dynamic ?? null,
    createdAt: old?.createdAt ?? now,
    lastUpdatedAt: old?.lastUpdatedAt ?? now,
  };
}

/** A single address becomes a range of one, as Okta has it (docs/okta.md §3). */
function addressOf(written: string): ZoneAddress {
  if (written.includes('/')) return { type: 'CIDR', value: written };
  return { type: 'RANGE', value: written.includes('-') ? written : `${written}-${written}` };
}

/** What Okta refuses in a zone (docs/okta.md §3). */
function mistakes(next: Zone, old: Zone | null) {
  if (old !== null && old.type !== 'IP') {
    return [
      { path: ['name'], message: `is the name of a zone of type ${old.type}, and a file has IP zones only` },
    ];
  }
  const findings: { path: string[]; message: string }[] = [];
  if (next.gateways.length + next.proxies.length === 0) {
    findings.push({
      path: ['gateways'],
      message: 'must hold an address, or proxies must: else nobody is in the zone',
    });
  }
  if (next.usage === 'BLOCKLIST' && next.proxies.length > 0) {
    findings.push({ path: ['proxies'], message: 'must be empty, because the zone is a blocklist' });
  }
  return findings;
}
