import { z } from 'zod';
import { parseAddress } from '../../domain/address.ts';
import type { LogClient, LogEvent, LogParty } from '../../domain/log-event.ts';
import { isoTime } from '../wire.ts';

const facts = z.record(z.string(), z.unknown());
const text = z.string().nullable();

const party = z.object({
  id: text,
  type: text,
  alternateId: text,
  displayName: text,
  detailEntry: facts.nullable(),
});

export const logEventSchema = z.object({
  actor: party.describe('Who acted; for what happens by itself, the system.'),
  client: z.object({
    userAgent: z.object({ rawUserAgent: z.string(), os: text, browser: text }).nullable(),
    zone: text,
    device: text,
    id: text,
    ipAddress: text,
    geographicalContext: z.null(),
  }),
  device: z.null(),
  authenticationContext: z.object({
    authenticationProvider: z.null(),
    credentialProvider: z.null(),
    credentialType: z.null(),
    issuer: z.null(),
    interface: z.null(),
    authenticationStep: z.int(),
    externalSessionId: z.string(),
  }),
  displayMessage: z.string(),
  eventType: z.string(),
  outcome: z.object({ result: z.string(), reason: text }),
  published: z.iso.datetime(),
  securityContext: z.object({
    asNumber: z.null(),
    asOrg: z.null(),
    isp: z.null(),
    domain: z.null(),
    isProxy: z.null(),
  }),
  severity: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']),
  debugContext: z.object({ debugData: z.record(z.string(), z.string()) }),
  legacyEventType: text,
  transaction: z.object({ type: z.enum(['WEB', 'JOB']), id: text, detail: facts }),
  uuid: z.string(),
  version: z.string(),
  request: z.object({
    ipChain: z.array(
      z.object({
        ip: z.string(),
        geographicalContext: z.null(),
        version: z.enum(['V4', 'V6']),
        source: text,
      }),
    ),
  }),
  target: z.array(party),
});

export type LogEventBody = z.output<typeof logEventSchema>;

/** An event in Okta's form (docs/okta.md §8): with all that Okta's has, of which much is never known here. */
export function logEventBody(event: LogEvent): LogEventBody {
  const { transaction } = event;
  return {
    actor: partyBody(event.actor),
    client: clientBody(event.client),
    device: null,
    authenticationContext: {
      authenticationProvider: null,
      credentialProvider: null,
      credentialType: null,
      issuer: null,
      interface: null,
      authenticationStep: 0,
      externalSessionId: 'unknown',
    },
    displayMessage: event.displayMessage,
    eventType: event.eventType,
    outcome: event.outcome,
    published: isoTime(event.published),
    securityContext: { asNumber: null, asOrg: null, isp: null, domain: null, isProxy: null },
    severity: event.severity,
    debugContext: {
      debugData: { ...(transaction.id === null ? {} : { requestId: transaction.id }), ...event.debugData },
    },
    legacyEventType: event.legacyEventType,
    transaction: {
      type: transaction.type,
      id: transaction.id,
      detail:
        transaction.requestApiTokenId === null ? {} : { requestApiTokenId: transaction.requestApiTokenId },
    },
    uuid: event.uuid,
    version: '0',
    request: { ipChain: event.client.ipChain.map(hopBody) },
    target: event.target.map(partyBody),
  };
}

function partyBody({ id, type, alternateId, displayName, detailEntry }: LogParty) {
  return { id, type, alternateId, displayName, detailEntry: detailEntry && { ...detailEntry } };
}

function clientBody({ ipAddress, userAgent }: LogClient) {
  return {
    userAgent: userAgent === null ? null : { rawUserAgent: userAgent, os: 'Unknown', browser: 'UNKNOWN' },
    // Okta writes the word where no zone is known.
    zone: ipAddress === null ? null : 'null',
    device: ipAddress === null ? null : 'Unknown',
    id: null,
    ipAddress,
    geographicalContext: null,
  };
}

function hopBody(ip: string) {
  const version: 'V4' | 'V6' = parseAddress(ip)?.family === 6 ? 'V6' : 'V4';
  return { ip, geographicalContext: null, version, source: null };
}
