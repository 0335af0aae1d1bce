/** Percentages at single endpoints: an extension, for which Okta has nothing. */
import { z } from 'zod';
import { nearest } from '../../domain/suggestion.ts';
import { type ApiError, invalid } from '../api-error.ts';
import { percentage, shortText } from '../validation.ts';

/** Most endpoints that one token has a percentage of its own at. */
const ENDPOINTS_MAX = 1000;
/** At most this many unknown names are told of. */
const CAUSES_MAX = 10;

/** The field `byEndpoint` of a body. */
export function byEndpoint() {
  return z
    .record(shortText(200), percentage())
    .refine((map) => Object.keys(map).length <= ENDPOINTS_MAX, `must name at most ${ENDPOINTS_MAX} endpoints`)
    .describe("Percentages that hold at one endpoint, by the configuration's name for it: an extension.");
}

/**
 * The refusal of percentages at endpoints that the configuration does not have; null when it has them all.
 * @param known the names there are, and those that the share has already: an endpoint that has left the
 * configuration must not stand in the way of every other change
 */
export function unknownEndpoint(
  percentages: Readonly<Record<string, number>>,
  known: readonly string[],
): ApiError | null {
  const names = new Set(known);
  const unknown = Object.keys(percentages).filter((name) => !names.has(name));
  if (unknown.length === 0) return null;
  return invalid('byEndpoint', ...unknown.slice(0, CAUSES_MAX).map((name) => cause(name, known)));
}

function cause(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const hint =
    meant === null ? 'The names are those under endpoints in the configuration' : `Did you mean ${meant}`;
  return `byEndpoint: There is no endpoint ${name}. ${hint}${meant === null ? '.' : '?'}`;
}
