/** The zones that every organisation has from the start (docs/okta.md §3, "System zones"). */
import { type LogFacts, logEvent, zoneParty } from '../../domain/log-event.ts';
import { type Management, StoreConflict } from '../../domain/store.ts';
import { EXEMPT_ZONE_ID, type Zone } from '../../domain/zone.ts';
import { describeZone } from './wire.ts';

// Their ids are the same everywhere: they can be renamed, and processes that start together must make them once.
const SYSTEM_ZONES = [
  { id: 'nzo00000LegacyIpZone', name: 'LegacyIpZone', type: 'IP', usage: 'POLICY' },
  { id: 'nzo0000BlockedIpZone', name: 'BlockedIpZone', type: 'IP', usage: 'BLOCKLIST' },
  {
    id: 'nzo00EnhancedDynamic',
    name: 'DefaultEnhancedDynamicZone',
    type: 'DYNAMIC_V2',
    usage: 'BLOCKLIST',
  },
  { id: EXEMPT_ZONE_ID, name: 'DefaultExemptIpZone', type: 'IP', usage: 'POLICY' },
] as const satisfies readonly Pick<Zone, 'id' | 'name' | 'type' | 'usage'>[];

/**
 * Makes the system zones that are missing, with nothing in them, each with its event. One whose name somebody has given to another zone
 * is left out.
 * @param now milliseconds since the epoch
 */
export async function ensureSystemZones(store: Management, now: number): Promise<void> {
  for (const facts of SYSTEM_ZONES) {
    if ((await store.zone(facts.id)) === null) await make(store, facts, now);
  }
}

async function make(store: Management, facts: (typeof SYSTEM_ZONES)[number], now: number): Promise<void> {
  const zone: Zone = {
    ...facts,
    status: 'ACTIVE',
    system: true,
    gateways: [],
    proxies: [],
    dynamic: null,
    createdAt: now,
    lastUpdatedAt: now,
  };
  try {
    await store.commit([
      { put: 'zone', zone, replacing: null },
      { append: 'event', event: logEvent(creation(zone, now)) },
    ]);
  } catch (error) {
    // Another process was faster, or the name is taken.
    if (!(error instanceof StoreConflict)) throw error;
  }
}

function creation(zone: Zone, now: number): LogFacts {
  return {
    eventType: 'zone.create',
    actor: 'system',
    tokenId: null,
    targets: [zoneParty(zone)],
    debugData: describeZone(zone),
    requestId: null,
    now,
  };
}
