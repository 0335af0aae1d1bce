import { type Endpoint, isConcurrent } from './endpoint.ts';

/** Finds the endpoint of a method, in capitals, and a path, in normal form. */
type EndpointOf<E> = (method: string, path: string) => E;

// Escapes that most servers take for a letter of a name, and some for the end of a segment, of the path, or for nothing.
const AMBIGUOUS = /%(?:3B|3F|23|20|C2%A0|2B|2C|3D)/;

/**
 * A look-up that cannot be led past an endpoint by what servers read in different ways: an escaped `;` (some cut the
 * segment there), `?` or `#` (some cut the path there), spaces at the end of a segment (some drop them), and escaped
 * `+`, `,` and `=`, which a rule may have as they are. Such a path is matched in both readings, and the tighter endpoint
 * holds: refusing it would keep good names from their upstream. Of rates that is the one with fewer requests a second,
 * of requests under way the one with fewer; where these are two, the request counts at each for what is tighter there.
 */
export function tightestReading<E extends Endpoint>(endpointOf: EndpointOf<E>): EndpointOf<E> {
  return (method, path) => {
    const found = endpointOf(method, path);
    if (!AMBIGUOUS.test(path)) return found;
    const other = endpointOf(method, otherReading(path));
    const tighter = rate(other) < rate(found) ? other : found;
    const crowded = tighter === found ? other : found;
    return isConcurrent(crowded) && slots(crowded) < slots(tighter)
      ? { ...tighter, slotsAt: crowded }
      : tighter;
  };
}

function otherReading(path: string): string {
  return path
    .replace(/%(?:3F|23).*$/, '')
    .replaceAll(/%3B[^/]*/g, '')
    .split('/')
    .map(withoutSpacesAtEnd)
    .join('/')
    .replaceAll(/%(?:2B|2C|3D)/g, decodeURIComponent);
}

/** Not by a pattern: one would try a long run of spaces that ends otherwise from each of its places. */
function withoutSpacesAtEnd(segment: string): string {
  for (let end = segment.length; ; ) {
    if (segment.endsWith('%20', end)) end -= '%20'.length;
    else if (segment.endsWith('%C2%A0', end)) end -= '%C2%A0'.length;
    else return segment.slice(0, end);
  }
}

/** Requests at once. */
function slots({ concurrent }: Endpoint): number {
  return concurrent ?? Number.POSITIVE_INFINITY;
}

/** Requests a second. */
function rate({ max, windowSeconds }: Endpoint): number {
  return max === null ? Number.POSITIVE_INFINITY : max / windowSeconds;
}
