import type { Filter, FilterValue, Operator } from './parse.ts';

/** A resource as its readers see it: plain JSON. */
export type Body = Readonly<Record<string, unknown>>;

type Comparison = Extract<Filter, { kind: 'comparison' }>;

/** Fields that are identifiers, which are compared as they stand; all other texts without regard to case (RFC 7643 §2.2). */
const EXACT: ReadonlySet<string> = new Set(['id', 'uuid', 'principalid', 'requestapitokenid']);

/**
 * Makes a filter ready to be asked about many resources. A field that is a list, or lies in one, matches when one
 * of its values does; `ne` is the opposite of `eq`, so it matches where the field is missing.
 */
export function compileFilter(filter: Filter): (body: Body) => boolean {
  switch (filter.kind) {
    case 'comparison':
      return compileComparison(filter);
    case 'not': {
      const inner = compileFilter(filter.filter);
      return (body) => !inner(body);
    }
    case 'and': {
      const parts = filter.filters.map(compileFilter);
      return (body) => parts.every((part) => part(body));
    }
    case 'or': {
      const parts = filter.filters.map(compileFilter);
      return (body) => parts.some((part) => part(body));
    }
  }
}

function compileComparison({ field, operator, value }: Comparison): (body: Body) => boolean {
  const path = field.toLowerCase().split('.');
  const exact = EXACT.has(path.at(-1) ?? '');
  const wanted = fold(value, exact);
  const some = (as: Exclude<Operator, 'ne'>) => (body: Body) =>
    valuesAt(body, path).some((actual) => compare(as, fold(actual, exact), wanted));
  if (operator !== 'ne') return some(operator);
  const equal = some('eq');
  return (body) => !equal(body);
}

function fold(value: FilterValue, exact: boolean): FilterValue {
  return typeof value === 'string' && !exact ? value.toLowerCase() : value;
}

/** The values at the end of a path, every list on the way opened. Names are found without regard to case. */
function valuesAt(value: unknown, path: readonly string[]): readonly FilterValue[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  if (value === null || value === undefined) return [null];
  if (typeof value !== 'object') return path.length === 0 ? [value as FilterValue] : [null];
  const [name, ...rest] = path;
  if (name === undefined) return [true];
  const own = Object.entries(value).find(([key]) => key.toLowerCase() === name);
  return valuesAt(own?.[1], rest);
}

function compare(operator: Exclude<Operator, 'ne'>, actual: FilterValue, wanted: FilterValue): boolean {
  if (operator === 'pr') return actual !== null && actual !== '';
  if (actual === null || wanted === null) return operator === 'eq' && actual === wanted;
  // What the resource has as a text is compared as a text, whatever the filter's value is.
  const value = typeof actual === 'string' ? String(wanted) : wanted;
  switch (operator) {
    case 'eq':
      return actual === value;
    case 'co':
      return String(actual).includes(String(value));
    case 'sw':
      return String(actual).startsWith(String(value));
    case 'ew':
      return String(actual).endsWith(String(value));
    default:
      return typeof actual === typeof value && inOrder(operator, actual, value);
  }
}

function inOrder(
  operator: 'gt' | 'ge' | 'lt' | 'le',
  actual: string | number | boolean,
  value: string | number | boolean,
): boolean {
  switch (operator) {
    case 'gt':
      return actual > value;
    case 'ge':
      return actual >= value;
    case 'lt':
      return actual < value;
    case 'le':
      return actual <= value;
  }
}
