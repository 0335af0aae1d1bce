import { type MatchRule, parseMatch, type Segment } from './endpoint-rule.ts';

export { type MatchRule, parseMatch, sameClaim } from './endpoint-rule.ts';

/** What a rule won for its endpoint. */
interface Claim<E> {
  readonly endpoint: E;
  /** Segments that the rule names; without end for an exact rule, which is longer than any prefix. */
  readonly reach: number;
}

/** Method, or `*` for any, to the claim on one shape of path. */
type Claims<E> = Map<string, Claim<E>>;

/** The place in the tree of rules that one path shape leads to. */
interface Place<E> {
  readonly exact: Claims<E>;
  readonly below: Claims<E>;
  readonly literals: Map<string, Place<E>>;
  /** The most fixed text first; of two with equally much, the one with more in front. */
  readonly variables: Branch<E>[];
}

interface Branch<E> {
  readonly before: string;
  readonly after: string;
  readonly place: Place<E>;
}

/**
 * Compiles the rules of all endpoints into one tree, and answers with the look-up. The tree is walked once a request
 * at most, whatever the path: the work is bounded by the rules, and nothing that a caller sends is remembered.
 *
 * Of the rules that match, the most specific wins (docs/okta.md §5). A rule for the exact path beats one that ends in
 * `/**`; of two that end so, the one with more segments wins; then, at the first segment where two rules differ, a
 * literal beats a segment with braces, and of two with braces the one with more fixed text wins, or with equally much
 * the one with more of it in front; last, of rules of the same shape, one that names the method beats `*`. A rule that
 * names GET covers HEAD too, where no rule of the same shape names HEAD.
 *
 * @param endpoints no two of them with the same claim (see `sameClaim`)
 * @param fallback what requests get that no rule matches
 * @returns a look-up by method, in capitals, and path, in normal form and without the query. The case of letters in
 *   a path makes no difference: to many servers it makes none, so it must not lead past an endpoint. Nor does one slash
 *   at the end. A variable segment is never empty, but its part in braces may be, if the segment
 *   has fixed text.
 * @throws Error for a rule that parseMatch refuses, or for two endpoints with the same claim
 */
export function compileEndpoints<E extends { readonly match: readonly string[] }>(
  endpoints: readonly E[],
  fallback: E,
): (method: string, path: string) => E {
  const root = newPlace<E>();
  for (const endpoint of endpoints) {
    for (const match of endpoint.match) claim(root, parseMatch(match), match, endpoint);
  }
  return (method, path) => find(root, method, path.toLowerCase(), 1)?.endpoint ?? fallback;
}

function newPlace<E>(): Place<E> {
  return { exact: new Map(), below: new Map(), literals: new Map(), variables: [] };
}

function claim<E>(root: Place<E>, rule: MatchRule, match: string, endpoint: E): void {
  let place = root;
  for (const segment of rule.segments) place = step(place, segment);
  const claims = rule.below ? place.below : place.exact;
  const reach = rule.below ? rule.segments.length : Number.POSITIVE_INFINITY;
  for (const method of rule.methods) {
    if ((claims.get(method)?.endpoint ?? endpoint) !== endpoint) {
      throw new Error(`another endpoint already claims what '${match}' does: give it to one of them`);
    }
    claims.set(method, { endpoint, reach });
  }
}

/** The place that a segment of a rule leads to, made when it is new. */
function step<E>(from: Place<E>, segment: Segment): Place<E> {
  if (typeof segment === 'string') {
    const literal = segment.toLowerCase();
    const known = from.literals.get(literal) ?? newPlace<E>();
    from.literals.set(literal, known);
    return known;
  }
  const before = segment.before.toLowerCase();
  const after = segment.after.toLowerCase();
  const known = from.variables.find((branch) => branch.before === before && branch.after === after);
  if (known !== undefined) return known.place;
  const place = newPlace<E>();
  from.variables.push({ before, after, place });
  from.variables.sort((a, b) => fixedLength(b) - fixedLength(a) || b.before.length - a.before.length);
  return place;
}

function fixedLength(branch: { readonly before: string; readonly after: string }): number {
  return branch.before.length + branch.after.length;
}

/**
 * The best claim on the part of `path`, in small letters, from `start`, where a segment begins. Branches are tried in the order of
 * specificity, so the first exact claim is the best, and of prefixes equally long the first is.
 */
function find<E>(place: Place<E>, method: string, path: string, start: number): Claim<E> | undefined {
  const here = claimOn(place.below, method);
  if (start >= path.length) return claimOn(place.exact, method) ?? here;
  const slash = path.indexOf('/', start);
  const end = slash === -1 ? path.length : slash;

  const literal = place.literals.size === 0 ? undefined : place.literals.get(path.slice(start, end));
  let best = literal === undefined ? here : farther(here, find(literal, method, path, end + 1));
  for (const branch of place.variables) {
    if (best?.reach === Number.POSITIVE_INFINITY) return best;
    if (fits(branch, path, start, end)) best = farther(best, find(branch.place, method, path, end + 1));
  }
  return best;
}

function claimOn<E>(claims: Claims<E>, method: string): Claim<E> | undefined {
  return claims.get(method) ?? (method === 'HEAD' ? claims.get('GET') : undefined) ?? claims.get('*');
}

function fits<E>(branch: Branch<E>, path: string, start: number, end: number): boolean {
  const shortest = Math.max(1, fixedLength(branch));
  return (
    end - start >= shortest &&
    path.startsWith(branch.before, start) &&
    path.startsWith(branch.after, end - branch.after.length)
  );
}

function farther<E>(first: Claim<E> | undefined, later: Claim<E> | undefined): Claim<E> | undefined {
  if (first === undefined || later === undefined) return first ?? later;
  return later.reach > first.reach ? later : first;
}
