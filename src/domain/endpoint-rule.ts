/** A segment whose text varies: `{name}`, or `{name}` with a fixed part on either side. */
export interface Variable {
  /** The fixed text in front of the braces, and behind them; usually both are empty. */
  readonly before: string;
  readonly after: string;
}

/** A literal segment is a string. */
export type Segment = string | Variable;

/** What one entry of an endpoint's `match` says. */
export interface MatchRule {
  /** Methods in capitals, or `*` alone for any. */
  readonly methods: readonly string[];
  readonly segments: readonly Segment[];
  /** True where the rule ends in `/**`: the path and everything below it. */
  readonly below: boolean;
}

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Reads one rule: methods in capitals joined by commas, or `*`; one space; a path in normal form (RFC 3986 §6.2.2)
 * in which `{name}` stands for one segment, or for a part of one, and a last `/**` for the path and everything below.
 * @param match such as `GET,HEAD /api/v1/users/{id}` or `* /api/v1/apps/**`
 * @throws Error that says what is wrong and what would be right
 */
export function parseMatch(match: string): MatchRule {
  const [methods = '', path = '', ...rest] = match.split(' ');
  if (methods.startsWith('/'))
    throw new Error(`'${match}' names no method: write 'GET ${match}' or '* ${match}'`);
  if (methods === '' || path === '' || rest.length > 0) {
    throw new Error(`'${match}' must be methods, one space and a path, such as 'GET,HEAD /users/{id}'`);
  }
  return { methods: parseMethods(methods), ...parsePath(path) };
}

/**
 * Whether two rules claim the same method on the same shape of path, so that neither is the more specific. The names
 * in braces make no difference. A rule that names GET and one that names HEAD do not claim the same.
 */
export function sameClaim(a: MatchRule, b: MatchRule): boolean {
  return (
    a.below === b.below &&
    a.segments.length === b.segments.length &&
    a.segments.every((segment, index) => sameShape(segment, b.segments[index])) &&
    a.methods.some((method) => b.methods.includes(method))
  );
}

function sameShape(a: Segment, b: Segment | undefined): boolean {
  if (typeof a === 'string' || typeof b === 'string') {
    return typeof a === 'string' && typeof b === 'string' && sameText(a, b);
  }
  return b !== undefined && sameText(a.before, b.before) && sameText(a.after, b.after);
}

// The matcher does not tell letters apart by their case.
function sameText(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function parseMethods(text: string): readonly string[] {
  const methods = text.split(',');
  methods.forEach((method, index) => {
    if (method === '*' && methods.length > 1)
      throw new Error(`'*' means any method: write it alone, not '${text}'`);
    if (method === '*' || METHODS.includes(method)) {
      if (methods.indexOf(method) !== index) throw new Error(`method ${method} is named twice in '${text}'`);
      return;
    }
    if (METHODS.includes(method.toUpperCase())) {
      throw new Error(`method '${method}' must be in capitals: '${method.toUpperCase()}'`);
    }
    throw new Error(
      `'${method}' is not a method that a rule can name: use ${METHODS.join(', ')}, or * for any`,
    );
  });
  return methods;
}

function parsePath(path: string): Pick<MatchRule, 'segments' | 'below'> {
  if (!path.startsWith('/')) throw new Error(`path '${path}' must start with a slash: '/${path}'`);
  if (/[?#]/.test(path))
    throw new Error(`'${path}' must be a path alone: a rule cannot look at a query or fragment`);
  if (path.includes('//'))
    throw new Error(`path '${path}' must have single slashes: '${path.replace(/\/+/g, '/')}'`);
  if (path === '/') return { segments: [], below: false };
  if (path.endsWith('/')) {
    throw new Error(`leave the last slash off: '${path.slice(0, -1)}' matches with and without it`);
  }
  const parts = path.slice(1).split('/');
  const below = parts.at(-1) === '**';
  if (below) parts.pop();
  const names = new Set<string>();
  return { segments: parts.map((part) => parseSegment(part, names)), below };
}

function parseSegment(part: string, names: Set<string>): Segment {
  if (part.includes('**'))
    throw new Error(`'**' may only be the last segment, alone: '/x/**', not '${part}'`);
  if (part.includes('*'))
    throw new Error(`'${part}': one segment is written '{name}', everything below '/**'`);
  if (part === '.' || part === '..')
    throw new Error(`a path in normal form has no '${part}' segment: leave it out`);
  const pieces = /^([^{}]*)(?:\{([^{}]*)\})?([^{}]*)$/.exec(part);
  if (pieces === null) throw new Error(`'${part}' may hold one pair of braces, closed, such as 'v{version}'`);
  const [, before = '', name, after = ''] = pieces;
  checkNormalForm(before);
  checkNormalForm(after);
  if (name === undefined) return part;
  checkName(part, name, names);
  return { before, after };
}

// What stands in a path as it is, what is decoded where it came escaped, and what no path holds after that.
const NOT_PLAIN = /%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~:@!$&'()+,;=-]/gu;
const DECODED = /[A-Za-z0-9._~:@!$&'()-]/;
const NEVER = /;|%(?:[01][0-9A-F]|7F|2A|2F|5C|25[0-9A-Fa-f]{2})/;

/** Paths arrive in normal form, so a rule in another form would never match, and nobody would notice. */
function checkNormalForm(text: string): void {
  const normal = text.replace(NOT_PLAIN, (piece) => {
    if (piece.length < 3) return encodeURIComponent(piece.toWellFormed());
    const character = String.fromCharCode(Number.parseInt(piece.slice(1), 16));
    return DECODED.test(character) ? character : piece.toUpperCase();
  });
  const never = NEVER.exec(normal);
  if (never !== null) throw new Error(`'${text}' can never match: no path arrives with '${never[0]}' in it`);
  if (!isReadable(normal))
    throw new Error(`'${text}' can never match: no path arrives with escapes that are not UTF-8`);
  if (normal !== text) throw new Error(`'${text}' is not in the normal form of a path: write '${normal}'`);
}

/** Whether the escapes are those of whole characters in UTF-8. */
function isReadable(escaped: string): boolean {
  try {
    decodeURIComponent(escaped);
    return true;
  } catch {
    return false;
  }
}

function checkName(part: string, name: string, names: Set<string>): void {
  if (name === '') throw new Error(`'${part}': braces must hold a name, such as '{id}'`);
  if (!/^[A-Za-z]\w*$/.test(name)) {
    throw new Error(
      `'${part}': a name in braces is a letter, then letters, digits or '_': patterns are not known`,
    );
  }
  if (names.has(name))
    throw new Error(`'{${name}}' stands twice in the path: give each segment its own name`);
  names.add(name);
}
