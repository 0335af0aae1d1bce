import type { Spent } from '../../domain/limit-ledger.ts';
import { clientOf } from '../../domain/log-client.ts';
import {
  type LogEvent,
  type LogFacts,
  type LogOutcome,
  type LogParty,
  logEvent,
  party,
  SUCCESS,
  tokenDebugData,
  tokenParty,
  userParty,
  zoneParty,
} from '../../domain/log-event.ts';
import type { SlotRefusal } from '../../domain/slot-ledger.ts';
import type { Credential } from '../../domain/token.ts';
import type { Zone } from '../../domain/zone.ts';
import type { Arrival, Rejection } from '../decision.ts';

/** What is told of where a request came from and went, whether it passed or not. */
export type Where = Pick<Rejection, 'client' | 'endpoint' | 'windowSeconds'>;

/** The event of a token used from where it may not be. */
export function outsideEvent(
  arrival: Arrival,
  rejection: Rejection,
  credential: Credential,
  now: number,
): LogEvent {
  const undecidable = rejection.code === 'zone.undecidable';
  return logEvent({
    ...factsOf(arrival, rejection, credential, now),
    eventType: 'system.api_token.request_outside_allowed_range',
    targets: targetsOf(credential),
    outcome: {
      result: 'DENY',
      reason: undecidable ? 'The address chain cannot be judged' : 'Outside the allowed network zones',
    },
    debugData: { ...requestData(arrival), ...tokenDebugData(credential.token, credential.share) },
  });
}

/** The event of a caller whom a blocklist keeps out; who the caller is was not asked. */
export function blockedEvent(arrival: Arrival, { client }: Rejection, zone: Zone, now: number): LogEvent {
  return logEvent({
    eventType: 'security.request.blocked',
    actor: 'system',
    tokenId: null,
    client: clientOf(client, arrival.peer, arrival.forwardedFor, null),
    requestId: arrival.requestId,
    targets: [zoneParty(zone)],
    outcome: { result: 'DENY', reason: `The address chain of ${client} holds an address of ${zone.name}` },
    debugData: requestData(arrival),
    now,
  });
}

/**
 * The event of a token that has spent its share of an endpoint, as Okta writes it (docs/okta.md §5).
 * @param warningPercent the part that is nearly spent, where that is all; null where nothing is left
 */
export function shareEvent(
  arrival: Arrival,
  where: Where,
  credential: Credential,
  spent: Spent,
  now: number,
  warningPercent: number | null = null,
): LogEvent {
  const { timeSpan, timeUnit } = windowOf(where);
  const what = warningPercent === null ? 'violation' : 'warning';
  return logEvent({
    ...factsOf(arrival, where, credential, now),
    eventType: `system.operation.rate_limit.${what}`,
    targets: [...targetsOf(credential), endpointParty(where)],
    outcome: outcomeOf(warningPercent),
    debugData: {
      ...requestData(arrival),
      operationRateLimitType: 'web_request',
      operationRateLimitSubtype: 'ssws_token',
      operationRateLimitScopeType: 'token',
      operationRateLimitThreshold: String(spent.limit),
      operationRateLimitTimeSpan: timeSpan,
      operationRateLimitTimeUnit: timeUnit,
      operationRateLimitSecondsToReset: secondsTo(spent.resetAt, now),
      urlPattern: where.endpoint ?? '',
      ...warningData(warningPercent),
    },
  });
}

/** The event of an endpoint whose maximum is spent. @param warningPercent as above */
export function endpointEvent(
  arrival: Arrival,
  where: Where,
  credential: Credential,
  spent: Spent,
  now: number,
  warningPercent: number | null = null,
): LogEvent {
  const what = warningPercent === null ? 'violation' : 'warning';
  return logEvent({
    ...factsOf(arrival, where, credential, now),
    eventType: `system.org.rate_limit.${what}`,
    targets: [endpointParty(where)],
    outcome: outcomeOf(warningPercent),
    debugData: {
      ...requestData(arrival),
      rateLimitScopeType: 'ORG',
      rateLimitSecondsToReset: secondsTo(spent.resetAt, now),
      threshold: String(spent.limit),
      ...windowOf(where),
      urlPattern: where.endpoint ?? '',
      userId: credential.token.userId,
      ...warningData(warningPercent),
    },
  });
}

/** The event of a token whose share of the requests under way is in use; Okta names it, and leaves its data unpublished. */
export function crowdedTokenEvent(
  arrival: Arrival,
  rejection: Rejection,
  credential: Credential,
  { limit }: SlotRefusal,
  now: number,
): LogEvent {
  return logEvent({
    ...factsOf(arrival, rejection, credential, now),
    eventType: 'system.operation.concurrency_limit.violation',
    targets: [...targetsOf(credential), endpointParty(rejection)],
    outcome: { result: 'DENY', reason: null },
    debugData: {
      ...requestData(arrival),
      operationRateLimitType: 'web_request',
      operationRateLimitSubtype: 'ssws_token',
      operationRateLimitScopeType: 'token',
      operationRateLimitThreshold: String(limit),
      urlPattern: rejection.endpoint ?? '',
    },
  });
}

/** The event of an endpoint that has as many requests under way as it may. */
export function crowdedEndpointEvent(
  arrival: Arrival,
  rejection: Rejection,
  credential: Credential,
  { limit }: SlotRefusal,
  now: number,
): LogEvent {
  return logEvent({
    ...factsOf(arrival, rejection, credential, now),
    eventType: 'core.concurrency.org.limit.violation',
    targets: [endpointParty(rejection)],
    outcome: { result: 'DENY', reason: null },
    debugData: {
      ...requestData(arrival),
      rateLimitScopeType: 'ORG',
      threshold: String(limit),
      urlPattern: rejection.endpoint ?? '',
      userId: credential.token.userId,
    },
  });
}

function outcomeOf(warningPercent: number | null): LogOutcome {
  return warningPercent === null ? { result: 'DENY', reason: null } : SUCCESS;
}

function warningData(warningPercent: number | null): Record<string, string> {
  return warningPercent === null ? {} : { warningPercent: String(warningPercent) };
}

function factsOf(
  arrival: Arrival,
  { client }: Where,
  { token, owner }: Credential,
  now: number,
): Pick<LogFacts, 'actor' | 'tokenId' | 'client' | 'requestId' | 'now'> {
  return {
    actor: owner ?? 'system',
    tokenId: token.id,
    client: clientOf(client, arrival.peer, arrival.forwardedFor, null),
    requestId: arrival.requestId,
    now,
  };
}

function targetsOf({ token, owner }: Credential): readonly LogParty[] {
  return owner === null ? [tokenParty(token)] : [tokenParty(token), userParty(owner)];
}

function endpointParty({ endpoint }: Where): LogParty {
  return party(endpoint ?? '', 'URL Pattern', 'unknown', endpoint ?? '');
}

/** Without the query, which may hold anything. */
function requestData({ method, path }: Arrival): Record<string, string> {
  return { method, requestUri: path, url: path };
}

function windowOf({ windowSeconds }: Where): { timeSpan: string; timeUnit: string } {
  const seconds = windowSeconds ?? 0;
  return seconds % 60 === 0
    ? { timeSpan: String(seconds / 60), timeUnit: 'MINUTES' }
    : { timeSpan: String(seconds), timeUnit: 'SECONDS' };
}

function secondsTo(resetAt: number, now: number): string {
  return String(Math.max(0, Math.ceil((resetAt - now) / 1000)));
}
