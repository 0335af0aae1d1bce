import { z } from 'zod';
import { newId } from '../../domain/ids.ts';
import { zoneParty } from '../../domain/log-event.ts';
import type { LogEventType } from '../../domain/log-event-types.ts';
import type { EventMutation } from '../../domain/store.ts';
import type { Zone } from '../../domain/zone.ts';
import { invalid, notFound } from '../api-error.ts';
import { eventOf, fromFresh, precondition } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, NO_CONTENT, type Operation, ok, operation, type Reply } from '../operation.ts';
import { pageLinks } from '../paging.ts';
import { queryFlag } from '../validation.ts';
import { judgeChange } from './guard.ts';
import { readZone, type ZoneInput, zoneInput } from './input.ts';
import { listZones, zoneQuery } from './list.ts';
import { describeZone, zoneBody, zoneSchema, zoneTag } from './wire.ts';

const TAG = 'Network zones';
const ZONES = '/api/v1/zones';
const ZONE = `${ZONES}/{zoneId}` as const;

const changing = z.object({
  force: queryFlag(false).describe("Whether to make the change even if it locks out the caller's own token."),
});

/** Network zones as Okta has them (docs/okta.md §3). */
export function zoneOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listNetworkZones',
      method: 'GET',
      path: ZONES,
      tag: TAG,
      summary: 'List all network zones',
      query: zoneQuery,
      answer: { status: 200, schema: z.array(zoneSchema) },
      refusals: [400],
      async handle({ query, request }) {
        const page = await listZones(parts, query);
        if (page.kind === 'error') return page;
        return ok(
          page.items.map((zone) => zoneBody(zone, request.origin)),
          pageLinks(request, page.next, page.limit),
        );
      },
    }),
    operation({
      id: 'createNetworkZone',
      method: 'POST',
      path: ZONES,
      tag: TAG,
      summary: 'Create a network zone',
      description:
        'An active IP blocklist keeps its addresses out of the gateway and of this API. A dynamic zone is kept and not ' +
        'evaluated, which the header `X-Tollgate-Notice` of the answer says.',
      query: changing,
      body: zoneInput,
      answer: { status: 200, schema: zoneSchema },
      refusals: [400, 409],
      handle: (call) => fromFresh(() => create(parts, call, call.body, call.query.force)),
    }),
    operation({
      id: 'getNetworkZone',
      method: 'GET',
      path: ZONE,
      tag: TAG,
      summary: 'Retrieve a network zone',
      answer: { status: 200, schema: zoneSchema },
      refusals: [404],
      async handle(call) {
        const zone = await parts.store.zone(call.params.zoneId);
        return zone === null ? missing(call.params.zoneId) : answered(call, zone);
      },
    }),
    operation({
      id: 'replaceNetworkZone',
      method: 'PUT',
      path: ZONE,
      tag: TAG,
      summary: 'Replace a network zone',
      description: 'The type cannot be changed. Usage and status stay what they are where they are left out.',
      query: changing,
      body: zoneInput,
      answer: { status: 200, schema: zoneSchema },
      refusals: [400, 404, 409, 412],
      handle: (call) =>
        fromFresh(() => replace(parts, call, call.params.zoneId, call.body, call.query.force)),
    }),
    operation({
      id: 'deleteNetworkZone',
      method: 'DELETE',
      path: ZONE,
      tag: TAG,
      summary: 'Delete a network zone',
      description: 'Only a zone that is inactive, that no token refers to and that is not a system zone.',
      answer: { status: 204, schema: null },
      refusals: [400, 404, 409],
      handle: (call) => fromFresh(() => remove(parts, call, call.params.zoneId)),
    }),
    operation({
      id: 'activateNetworkZone',
      method: 'POST',
      path: `${ZONE}/lifecycle/activate`,
      tag: TAG,
      summary: 'Activate a network zone',
      query: changing,
      answer: { status: 200, schema: zoneSchema },
      refusals: [400, 404, 409],
      handle: (call) =>
        fromFresh(() => setStatus(parts, call, call.params.zoneId, 'ACTIVE', call.query.force)),
    }),
    operation({
      id: 'deactivateNetworkZone',
      method: 'POST',
      path: `${ZONE}/lifecycle/deactivate`,
      tag: TAG,
      summary: 'Deactivate a network zone',
      query: changing,
      answer: { status: 200, schema: zoneSchema },
      refusals: [400, 404, 409],
      handle: (call) =>
        fromFresh(() => setStatus(parts, call, call.params.zoneId, 'INACTIVE', call.query.force)),
    }),
  ];
}

const missing = (id: string) => notFound(id, 'NetworkZone');

/** Said with every dynamic zone, because who makes one expects something of it. */
const NOT_EVALUATED =
  'Kept but not evaluated: where an address is, and whose, is not known here. Nobody is let in or kept out by this zone.';

function answered({ request }: AnyCall, zone: Zone): Reply {
  const notice = zone.type === 'IP' ? {} : { 'x-tollgate-notice': NOT_EVALUATED };
  return ok(zoneBody(zone, request.origin), { etag: zoneTag(zone), ...notice });
}

async function create(parts: ControlParts, call: AnyCall, body: ZoneInput, force: boolean): Promise<Reply> {
  const read = readZone(body, null);
  if (read.kind === 'error') return read;
  const stamps = { createdAt: call.now, lastUpdatedAt: call.now };
  const zone: Zone = { id: newId('nzo'), system: false, ...read.content, ...stamps };
  const judged = await judgeChange(parts, { caller: call.caller, before: null, after: zone, force });
  if (judged.kind === 'error') return judged;
  await parts.store.commit([{ put: 'zone', zone, replacing: null }, zoneEvent(call, 'zone.create', zone)]);
  return answered(call, zone);
}

async function replace(
  parts: ControlParts,
  call: AnyCall,
  id: string,
  body: ZoneInput,
  force: boolean,
): Promise<Reply> {
  const before = await parts.store.zone(id);
  if (before === null) return missing(id);
  const stale = precondition(call, zoneTag(before));
  if (stale !== null) return stale;
  const read = readZone(body, before);
  if (read.kind === 'error') return read;
  const after: Zone = { ...before, ...read.content, lastUpdatedAt: call.now };
  const judged = await judgeChange(parts, { caller: call.caller, before, after, force });
  if (judged.kind === 'error') return judged;
  await parts.store.commit([
    { put: 'zone', zone: after, replacing: before },
    ...judged.expectations,
    ...zoneEventTypes(before, after).map((type) => zoneEvent(call, type, after)),
  ]);
  return answered(call, after);
}

/** What a change of a zone is in the System Log: an update, and what it did to usage and status besides. */
export function zoneEventTypes(before: Zone, after: Zone): readonly LogEventType[] {
  const types: LogEventType[] = ['zone.update'];
  if (before.usage !== after.usage) {
    types.push(after.usage === 'BLOCKLIST' ? 'zone.make_blacklist' : 'zone.remove_blacklist');
  }
  if (before.status !== after.status) {
    types.push(after.status === 'ACTIVE' ? 'zone.activate' : 'zone.deactivate');
  }
  return types;
}

async function remove(parts: ControlParts, call: AnyCall, id: string): Promise<Reply> {
  const before = await parts.store.zone(id);
  if (before === null) return missing(id);
  if (before.system) return invalid('id', `id: The system zone ${before.name} cannot be deleted.`);
  if (before.status === 'ACTIVE') {
    const reason = (zone: string) => `The zone: ${zone} is an active zone. Active zones cannot be deleted.`;
    return invalid(reason(before.name), `id: ${reason(id)}`);
  }
  const judged = await judgeChange(parts, { caller: call.caller, before, after: null, force: false });
  if (judged.kind === 'error') return judged;
  await parts.store.commit([
    { remove: 'zone', id, replacing: before },
    ...judged.expectations,
    zoneEvent(call, 'zone.delete', before),
  ]);
  return NO_CONTENT;
}

/** Sets the status; one that is set already is set again, as with Okta. */
async function setStatus(
  parts: ControlParts,
  call: AnyCall,
  id: string,
  status: Zone['status'],
  force: boolean,
): Promise<Reply> {
  const before = await parts.store.zone(id);
  if (before === null) return missing(id);
  const after: Zone = { ...before, status, lastUpdatedAt: call.now };
  const judged = await judgeChange(parts, { caller: call.caller, before, after, force });
  if (judged.kind === 'error') return judged;
  await parts.store.commit([
    { put: 'zone', zone: after, replacing: before },
    ...judged.expectations,
    zoneEvent(call, status === 'ACTIVE' ? 'zone.activate' : 'zone.deactivate', after),
  ]);
  return answered(call, after);
}

function zoneEvent(call: AnyCall, type: LogEventType, zone: Zone): EventMutation {
  return eventOf(call, type, [zoneParty(zone)], describeZone(zone));
}
