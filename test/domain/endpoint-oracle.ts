/**
 * The order of specificity in docs/endpoints.md, said a second time and as plainly as possible: try every rule as a
 * regular expression, sort what matches, take the first. Slow, and it shares no code with the matcher.
 */
interface OracleRule {
  readonly methods: readonly string[];
  readonly exact: boolean;
  readonly segments: readonly string[];
  readonly path: RegExp;
}

const ANY = /\{\w+\}/;

function read(match: string): OracleRule {
  const [methods = '', path = ''] = match.split(' ');
  const exact = !path.endsWith('/**');
  const segments = (exact ? path : path.slice(0, -3)).split('/').filter((segment) => segment !== '');
  const pattern = segments.map((segment) => `/${segmentPattern(segment)}`).join('');
  return {
    methods: methods.split(','),
    exact,
    segments,
    path: new RegExp(`^${pattern}${exact ? '/?' : '(/.*)?'}$`, 'i'),
  };
}

/** `{name}` alone is anything but nothing; beside fixed text it may be nothing. */
function segmentPattern(segment: string): string {
  const [before = '', after] = segment.split(ANY).map((text) => text.replace(/\W/g, '\\$&'));
  if (after === undefined) return before;
  return before + after === '' ? '[^/]+' : `${before}[^/]*${after}`;
}

/** 0 for a rule that names the method, 1 for HEAD as GET, 2 for any; null where the method is not covered. */
function methodRank(rule: OracleRule, method: string): number | null {
  if (rule.methods.includes(method)) return 0;
  if (method === 'HEAD' && rule.methods.includes('GET')) return 1;
  return rule.methods.includes('*') ? 2 : null;
}

/** Numbers to compare from the left: the smaller is the more specific. */
function rank(rule: OracleRule, method: string): number[] {
  return [
    rule.exact ? 0 : 1,
    -rule.segments.length,
    ...rule.segments.flatMap(segmentRank),
    methodRank(rule, method) ?? Number.NaN,
  ];
}

function segmentRank(segment: string): number[] {
  const [before = '', after] = segment.split(ANY);
  return after === undefined ? [0, 0, 0] : [1, -(before.length + after.length), -before.length];
}

function compare(a: OracleRule, b: OracleRule, method: string): number {
  const right = rank(b, method);
  const differences = rank(a, method).map((number, index) => number - (right[index] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

function matches(rule: OracleRule, method: string, path: string): boolean {
  return methodRank(rule, method) !== null && rule.path.test(path);
}

/** The most specific of the rules that match, or null. Of two that have no order, either. */
export function oracle(rules: readonly string[], method: string, path: string): string | null {
  const candidates = rules
    .map((match) => ({ match, rule: read(match) }))
    .filter(({ rule }) => matches(rule, method, path))
    .sort((a, b) => compare(a.rule, b.rule, method));
  return candidates[0]?.match ?? null;
}

/** Whether some request is matched by both rules and the order does not tell which of them wins. */
export function oracleTie(first: string, second: string): boolean {
  const [a, b] = [read(first), read(second)];
  // Rules of the same rank have the same shape where one matches a path made from the other with unusual text.
  const path = `/${a.segments.map((segment) => segment.replace(ANY, 'zz')).join('/')}`;
  return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].some(
    (method) => matches(a, method, path) && matches(b, method, path) && compare(a, b, method) === 0,
  );
}
