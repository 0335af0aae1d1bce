import { randomUUID } from 'node:crypto';
import { LOG_EVENT_TYPES, type LogEventType, type Severity } from './log-event-types.ts';
import type { Share, Token } from './token.ts';
import type { Agent, User } from './user.ts';
import type { Zone } from './zone.ts';

/** Who acted, or what was acted on. */
export interface LogParty {
  readonly id: string;
  /** `User`, `Token`, `NetworkZone`, … */
  readonly type: string;
  readonly alternateId: string;
  readonly displayName: string;
  /** More facts, such as what an update changed; null where there are none. */
  readonly detailEntry: Readonly<Record<string, unknown>> | null;
}

/** Where the request came from that caused an event. */
export interface LogClient {
  /** The caller's address; null when it is not known. */
  readonly ipAddress: string | null;
  /** The address chain as it was claimed, the caller's end first, the peer last; only what is an address. */
  readonly ipChain: readonly string[];
  readonly userAgent: string | null;
}

/** The client of events that no request caused. */
export const NO_CLIENT: LogClient = Object.freeze({ ipAddress: null, ipChain: [], userAgent: null });

export interface LogOutcome {
  readonly result: 'SUCCESS' | 'FAILURE' | 'DENY' | 'RATE_LIMIT';
  readonly reason: string | null;
}

export const SUCCESS: LogOutcome = Object.freeze({ result: 'SUCCESS', reason: null });

/** One entry of the System Log: what Okta's LogEvent says (docs/okta.md §8), without what is always the same. */
export interface LogEvent {
  /** Unique. */
  readonly uuid: string;
  /** When it happened: milliseconds since the epoch. */
  readonly published: number;
  readonly eventType: LogEventType;
  readonly severity: Severity;
  readonly displayMessage: string;
  readonly legacyEventType: string | null;
  readonly actor: LogParty;
  readonly client: LogClient;
  readonly outcome: LogOutcome;
  readonly target: readonly LogParty[];
  readonly transaction: {
    /** `JOB` for what no request caused. */
    readonly type: 'WEB' | 'JOB';
    /** The request's id. */
    readonly id: string | null;
    /** The token that the request was made with. */
    readonly requestApiTokenId: string | null;
  };
  readonly debugData: Readonly<Record<string, string>>;
}

/** What an event is made from. */
export interface LogFacts {
  readonly eventType: LogEventType;
  /** The user that acted, with a token or not; `system` for what happens by itself. */
  readonly actor: User | 'system';
  /** The token that the request was made with; null where there is no request. */
  readonly tokenId: string | null;
  readonly targets: readonly LogParty[];
  /** SUCCESS unless given. */
  readonly outcome?: LogOutcome;
  readonly debugData?: Readonly<Record<string, string>>;
  /** NO_CLIENT unless given. */
  readonly client?: LogClient;
  /** The request's id; null where there is no request. */
  readonly requestId: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const SYSTEM: LogParty = Object.freeze({
  id: 'system',
  type: 'SystemPrincipal',
  alternateId: 'system@tollgate',
  displayName: 'Tollgate System',
  detailEntry: null,
});

/** Makes an event: what its type says, from the catalogue; the rest from the facts. */
export function logEvent(facts: LogFacts): LogEvent {
  const { eventType, actor, tokenId, requestId } = facts;
  const { displayMessage, severity, legacy } = LOG_EVENT_TYPES[eventType];
  return {
    uuid: randomUUID(),
    published: facts.now,
    eventType,
    severity,
    displayMessage,
    legacyEventType: legacy,
    actor: actor === 'system' ? SYSTEM : userParty(actor),
    client: facts.client ?? NO_CLIENT,
    outcome: facts.outcome ?? SUCCESS,
    target: facts.targets,
    transaction: {
      type: requestId === null ? 'JOB' : 'WEB',
      id: requestId,
      requestApiTokenId: tokenId,
    },
    debugData: facts.debugData ?? {},
  };
}

/** A user as actor or target. An event about a user's own token has the same party in both places. */
export function userParty(user: User): LogParty {
  return party(user.id, 'User', user.login, `${user.firstName} ${user.lastName}`.trim());
}

/** A token as target; `detailEntry` names the kind of client it is for, as Okta's `clientAppId` does. */
export function tokenParty(token: Token): LogParty {
  return party(token.id, 'Token', 'unknown', token.name, { clientAppId: token.clientName });
}

export function zoneParty(zone: Zone): LogParty {
  return party(zone.id, 'NetworkZone', 'unknown', zone.name);
}

export function agentParty(agent: Agent): LogParty {
  return party(agent.id, 'Agent', agent.kind, agent.name);
}

export function shareParty(share: Share): LogParty {
  return party(share.id, 'PrincipalRateLimit', share.tokenId, 'Principal rate limit');
}

/** Anything else as target. */
export function party(
  id: string,
  type: string,
  alternateId: string,
  displayName: string,
  detailEntry: Readonly<Record<string, unknown>> | null = null,
): LogParty {
  return { id, type, alternateId, displayName, detailEntry };
}

/** What the events of a token's life say of it in `debugData` (docs/okta.md §8). */
export function tokenDebugData({ network }: Token, share: Share | null): Record<string, string> {
  const data: Record<string, string> = { networkConnection: network.connection };
  if ('include' in network) data['includedNetworkZones'] = `[${network.include.join(', ')}]`;
  if ('exclude' in network) data['excludedNetworkZones'] = `[${network.exclude.join(', ')}]`;
  if (share?.percentage != null) data['rateLimitPercentage'] = String(share.percentage);
  if (share?.concurrencyPercentage != null) {
    data['concurrencyPercentage'] = String(share.concurrencyPercentage);
  }
  return data;
}
