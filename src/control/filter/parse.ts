/**
 * Reads SCIM filters (RFC 7644 §3.4.2.2) but for `[ ]`, which Okta does not support: comparisons, joined by `and`
 * and `or`, negated by `not ( )`, grouped by parentheses. `and` binds tighter than `or`. Words are read without
 * regard to case. The problems are worded as Okta's reader words them.
 */

export const OPERATORS = ['eq', 'ne', 'co', 'sw', 'ew', 'pr', 'gt', 'ge', 'lt', 'le'] as const;
export type Operator = (typeof OPERATORS)[number];

export type FilterValue = string | number | boolean | null;

export type Filter =
  | {
      readonly kind: 'comparison';
      /** As it was written, such as `actor.id`. */
      readonly field: string;
      readonly operator: Operator;
      /** Null for `pr`, which takes none. */
      readonly value: FilterValue;
    }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] }
  | { readonly kind: 'not'; readonly filter: Filter };

/** Why a filter cannot be read, in one line; positions count characters from 0. */
export class FilterProblem {
  readonly kind = 'problem';
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

interface Token {
  readonly text: string;
  readonly position: number;
}

const LENGTH_MAX = 4096;
const DEPTH_MAX = 32;

// A parenthesis, a quoted text as JSON has it, or a word.
const TOKENS = /[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+|"/g;
const FIELD = /^[A-Za-z][\w$-]*([.:][A-Za-z][\w$-]*)*$/;
/** The operators as Okta lists them, whichever else it takes. */
const EXPECTED = 'eq,co,sw,pr,gt,ge,lt,le';

/** Reads a filter; answers with the problem when it is none. */
export function parseFilter(text: string): Filter | FilterProblem {
  if (text.length > LENGTH_MAX) return new FilterProblem(`It is longer than ${LENGTH_MAX} characters`);
  const reader = new Reader(tokensOf(text), text.length);
  try {
    const filter = readOr(reader, 0);
    const rest = reader.next();
    if (rest === null) return filter;
    throw new FilterProblem(`Unexpected characters '${rest.text}' at position ${rest.position}`);
  } catch (problem) {
    if (problem instanceof FilterProblem) return problem;
    throw problem;
  }
}

/** The names of the fields that a filter compares, with the operators. */
export function comparisonsOf(filter: Filter): readonly Extract<Filter, { kind: 'comparison' }>[] {
  switch (filter.kind) {
    case 'comparison':
      return [filter];
    case 'not':
      return comparisonsOf(filter.filter);
    default:
      return filter.filters.flatMap(comparisonsOf);
  }
}

/** Goes through the tokens once. */
class Reader {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #at = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  peek(): Token | null {
    return this.#tokens[this.#at] ?? null;
  }

  next(): Token | null {
    const token = this.peek();
    if (token !== null) this.#at++;
    return token;
  }

  /** Takes the next token if it is that word. */
  takes(word: string): boolean {
    if (this.peek()?.text.toLowerCase() !== word) return false;
    this.#at++;
    return true;
  }

  /** The next token, of which there must be one. */
  demand(what: string): Token {
    const token = this.next();
    if (token === null) throw new FilterProblem(`End of input at position ${this.#end} but expected ${what}`);
    return token;
  }
}

function tokensOf(text: string): readonly Token[] {
  return [...text.matchAll(TOKENS)].map((match) => ({
    text: match[0],
    position: match.index,
  }));
}

function readOr(reader: Reader, depth: number): Filter {
  return readJoined(reader, 'or', () => readJoined(reader, 'and', () => readOne(reader, depth)));
}

function readJoined(reader: Reader, kind: 'and' | 'or', readPart: () => Filter): Filter {
  const first = readPart();
  const filters = [first];
  while (reader.takes(kind)) filters.push(readPart());
  return filters.length === 1 ? first : { kind, filters };
}

function readOne(reader: Reader, depth: number): Filter {
  const token = reader.demand('an attribute or a parenthesis');
  if (depth === DEPTH_MAX) throw new FilterProblem(`Nested too deeply at position ${token.position}`);
  if (token.text === '(') return readGroup(reader, depth);
  if (token.text.toLowerCase() === 'not' && reader.takes('(')) {
    return { kind: 'not', filter: readGroup(reader, depth) };
  }
  return readComparison(reader, token);
}

/** What follows an opening parenthesis. */
function readGroup(reader: Reader, depth: number): Filter {
  const filter = readOr(reader, depth + 1);
  const end = reader.demand("')'");
  if (end.text !== ')') throw new FilterProblem(`Expected ')' at position ${end.position}`);
  return filter;
}

function readComparison(reader: Reader, { text: field, position }: Token): Filter {
  if (!FIELD.test(field)) {
    throw new FilterProblem(`Expected an attribute reference at position ${position}: ${field}`);
  }
  const written = reader.demand('an attribute operator');
  const operator = OPERATORS.find((known) => known === written.text.toLowerCase());
  if (operator === undefined) {
    throw new FilterProblem(
      `Unrecognized attribute operator '${written.text}' at position ${written.position}. Expected: ${EXPECTED}`,
    );
  }
  const value = operator === 'pr' ? null : readValue(reader.demand(`a value for operator ${operator}`));
  return { kind: 'comparison', field, operator, value };
}

/** A value is written as JSON writes a text, a number, `true`, `false` or `null`. */
function readValue({ text, position }: Token): FilterValue {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== 'object') return value as FilterValue;
  } catch {
    // Told below.
  }
  throw new FilterProblem(`Invalid comparison value at position ${position}: ${text}`);
}
