import { type ApiError, badFilter, unsupportedSearch } from '../api-error.ts';
import { type Body, compileFilter } from '../filter/match.ts';
import { comparisonsOf, type Filter, FilterProblem, parseFilter } from '../filter/parse.ts';

const PARTY = ['id', 'type', 'alternateId', 'displayName'];
const PLACE = ['city', 'state', 'country', 'postalCode', 'geolocation.lat', 'geolocation.lon'];

const under = (name: string, fields: readonly string[]) => fields.map((field) => `${name}.${field}`);

/** The fields of an event by which it can be asked for; `published` is not one: that is what `since` and `until` are for. */
const FIELDS: ReadonlySet<string> = new Set(
  [
    ...['uuid', 'eventType', 'severity', 'displayMessage', 'legacyEventType', 'version'],
    ...under('actor', PARTY),
    ...under('target', PARTY),
    ...under('client', ['id', 'zone', 'device', 'ipAddress']),
    ...under('client.userAgent', ['rawUserAgent', 'os', 'browser']),
    ...under('client.geographicalContext', PLACE),
    ...under('outcome', ['result', 'reason']),
    ...under('transaction', ['id', 'type']),
    ...under('request.ipChain', ['ip', 'version', 'source', ...under('geographicalContext', PLACE)]),
    ...under('authenticationContext', [
      ...['authenticationProvider', 'authenticationStep', 'credentialProvider', 'credentialType'],
      ...['externalSessionId', 'interface', 'issuer.id', 'issuer.type'],
    ]),
    ...under('securityContext', ['asNumber', 'asOrg', 'isp', 'domain', 'isProxy']),
  ].map((field) => field.toLowerCase()),
);

/** What these begin with may be asked for by whatever name follows. */
const OPEN_FIELDS: readonly string[] = [
  'debugcontext.debugdata.',
  'transaction.detail.',
  'actor.detailentry.',
  'target.detailentry.',
];

/** What Okta does not search within (docs/okta.md §8). */
const NOT_WITHIN: ReadonlySet<string> = new Set([
  'debugcontext.debugdata.url',
  'debugcontext.debugdata.requesturi',
]);

/** Reads a filter over events; the empty text lets all of them pass. */
export function filterOf(text: string): ((body: Body) => boolean) | ApiError {
  if (text.trim() === '') return () => true;
  const filter = parseFilter(text);
  if (filter instanceof FilterProblem) return badFilter(`Invalid filter '${text}': ${filter.message}`);
  return unsupported(filter) ?? compileFilter(filter);
}

function unsupported(filter: Filter): ApiError | null {
  for (const { field, operator } of comparisonsOf(filter)) {
    const name = field.toLowerCase();
    if (!FIELDS.has(name) && !OPEN_FIELDS.some((start) => name.startsWith(start))) {
      return badFilter(`field is not valid: ${field}`);
    }
    if (operator === 'co' && NOT_WITHIN.has(name)) {
      return unsupportedSearch(
        `The supplied combination of operator and field is not currently supported. Operator: ${operator}, Field: ${field}`,
      );
    }
  }
  return null;
}
