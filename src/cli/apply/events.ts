/**
 * What an apply says in the System Log (docs/adr/0014-events-of-an-apply.md): one event for up to a hundred records to
 * which the same was done, each of them a target with what is to be said of it alone.
 */
import { ROLE_LABELS } from '../../control/users/wire.ts';
import { zoneEventTypes } from '../../control/zones/operations.ts';
import { describeZone } from '../../control/zones/wire.ts';
import {
  agentParty,
  type LogClient,
  type LogParty,
  logEvent,
  tokenParty,
  userParty,
  zoneParty,
} from '../../domain/log-event.ts';
import type { LogEventType } from '../../domain/log-event-types.ts';
import type { EventMutation } from '../../domain/store.ts';
import type { Share, Token } from '../../domain/token.ts';
import type { Agent, Role, User } from '../../domain/user.ts';
import type { Zone } from '../../domain/zone.ts';

/** Something that was done to a record. */
export interface Deed {
  readonly type: LogEventType;
  /** The record, with what changed of it as `detailEntry`. */
  readonly target: LogParty;
}

/** Most records that one event names. */
export const TARGETS_MAX = 100;

const CLIENT: LogClient = { ipAddress: null, ipChain: [], userAgent: 'tollgate apply' };

/** Gathers deeds by their type, and makes an event of as many as one event names. */
export class DeedLog {
  readonly #waiting = new Map<LogEventType, LogParty[]>();

  /** @param now milliseconds since the epoch @returns the events that have become full */
  add(deeds: readonly Deed[], now: number): readonly EventMutation[] {
    const full: EventMutation[] = [];
    for (const { type, target } of deeds) {
      const targets = this.#waiting.get(type) ?? [];
      targets.push(target);
      this.#waiting.set(type, targets);
      if (targets.length < TARGETS_MAX) continue;
      full.push(eventOf(type, targets, now));
      this.#waiting.delete(type);
    }
    return full;
  }

  /** The events of what is left. */
  rest(now: number): readonly EventMutation[] {
    const events = [...this.#waiting].map(([type, targets]) => eventOf(type, targets, now));
    this.#waiting.clear();
    return events;
  }
}

function eventOf(eventType: LogEventType, targets: readonly LogParty[], now: number): EventMutation {
  return {
    append: 'event',
    event: logEvent({
      eventType,
      actor: 'system',
      tokenId: null,
      targets,
      client: CLIENT,
      requestId: null,
      now,
    }),
  };
}

export function userDeeds(old: User | null, next: User, fields: ReadonlySet<string>): readonly Deed[] {
  const deeds: Deed[] = [];
  const did = (type: LogEventType, detail: LogParty['detailEntry'] = null) =>
    deeds.push({ type, target: { ...userParty(next), detailEntry: detail } });
  if (old === null) did('user.lifecycle.create');
  else if (fields.has('firstName') || fields.has('lastName')) did('user.account.update_profile');
  const step = old?.status === next.status ? null : lifecycleStep(old, next);
  if (step !== null) did(step);
  const before = old?.roles ?? [];
  const granted = next.roles.filter((role) => !before.includes(role));
  const revoked = before.filter((role) => !next.roles.includes(role));
  if (granted.length > 0) did('user.account.privilege.grant', { privilegeGranted: labels(granted) });
  if (revoked.length > 0) did('user.account.privilege.revoke', { privilegeRevoked: labels(revoked) });
  return deeds;
}

const labels = (roles: readonly Role[]) => roles.map((role) => ROLE_LABELS[role]).join(', ');

function lifecycleStep(old: User | null, { status }: User): LogEventType | null {
  if (status === 'SUSPENDED') return 'user.lifecycle.suspend';
  if (status === 'DEPROVISIONED') return 'user.lifecycle.deactivate';
  if (status !== 'ACTIVE') return null;
  return old?.status === 'SUSPENDED' ? 'user.lifecycle.unsuspend' : 'user.lifecycle.activate';
}

export function zoneDeeds(old: Zone | null, next: Zone): readonly Deed[] {
  const target = { ...zoneParty(next), detailEntry: describeZone(next) };
  if (old === null) return [{ type: 'zone.create', target }];
  return zoneEventTypes(old, next).map((each) => ({ type: each, target }));
}

export function agentDeeds(old: Agent | null, next: Agent): readonly Deed[] {
  const step = old === null ? 'create' : next.status === 'ACTIVE' ? 'reactivate' : 'deactivate';
  const kind = next.kind === 'AD' ? 'system.agent.ad' : 'system.agent';
  const target = agentParty(next);
  if (old !== null && old.status === next.status) {
    // Its kind alone has changed, for which there is no event of its own: it is another agent of that name.
    return [{ type: `${kind}.create`, target: { ...target, detailEntry: { kindBefore: old.kind } } }];
  }
  return [{ type: `${kind}.${step}`, target }];
}

/**
 * @param fields the names of the token's fields that differ; all of a new one
 * @param share the share that is written with it; null when none is
 */
export function tokenDeeds(
  old: Token | null,
  next: Token,
  fields: readonly string[],
  share: { readonly before: Share | null; readonly after: Share } | null,
): readonly Deed[] {
  if (old === null) return [{ type: 'system.api_token.create', target: tokenParty(next) }];
  const deeds: Deed[] = [];
  if (fields.length > 0) {
    const detailEntry = { changed: fields.join(', ') };
    deeds.push({ type: 'system.api_token.update', target: { ...tokenParty(next), detailEntry } });
  }
  if (share !== null) {
    const { before, after } = share;
    const detailEntry = {
      oldRateLimitPercentage: before?.percentage ?? null,
      newRateLimitPercentage: after.percentage,
      byEndpoint: after.byEndpoint,
    };
    const target = { ...tokenParty(next), detailEntry };
    deeds.push({ type: 'system.rate_limit.configuration.update', target });
  }
  return deeds;
}
