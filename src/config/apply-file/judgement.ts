import type { z } from 'zod';
import { type Environment, substitute } from '../environment.ts';
import { findingsOf } from '../findings.ts';
import { type Finding, type Problem, pathText } from '../problem.ts';
import type { Path } from '../reading.ts';
import type { RawEntry } from './raw-entry.ts';

/** A record of the file with what is right and what is wrong in it by itself. */
export interface Judged<T> {
  readonly raw: RawEntry;
  /** The record as it is written, with the environment put in. */
  readonly value: unknown;
  /** Null when anything is wrong. */
  readonly whole: T | null;
  /** The fields that are right, so that what is wrong between records is found in the same run. */
  readonly good: Partial<T>;
  readonly problems: readonly Problem[];
}

/** Puts the environment's values in place of references to it, and holds the record against its schema. */
export function judge<S extends z.ZodRawShape>(
  schema: z.ZodObject<S, z.core.$strict>,
  raw: RawEntry,
  env: Environment,
): Judged<z.output<z.ZodObject<S, z.core.$strict>>> {
  type Output = z.output<z.ZodObject<S, z.core.$strict>>;
  const unset: Finding[] = [];
  const value = refers(raw.value) ? substituted(raw.value, [], env, unset) : raw.value;
  const result = schema.safeParse(value);
  if (result.success && unset.length === 0) {
    return { raw, value, whole: result.data, good: result.data, problems: [] };
  }
  const good = goodFields<Output>(schema, value);
  // A reference that leads nowhere is one mistake, and not a bad value as well.
  for (const { path } of unset) delete good[path[0] as keyof Output];
  const led = (finding: Finding) => !unset.some((each) => pathText(each.path) === pathText(finding.path));
  const wrong = result.success ? [] : findingsOf(result.error).filter(led);
  return { raw, value, whole: null, good, problems: [...unset, ...wrong].map(raw.locate) };
}

/** Whether the record holds its secret itself, and not a reference to the environment. */
export function holdsSecret({ value }: RawEntry): boolean {
  const { secret }: { readonly secret?: unknown } = typeof value === 'object' && value !== null ? value : {};
  return typeof secret === 'string' && !secret.includes('${');
}

function goodFields<T>(schema: z.ZodObject, value: unknown): Partial<T> {
  const good: Record<string, unknown> = {};
  if (typeof value !== 'object' || value === null) return good as Partial<T>;
  for (const [key, field] of Object.entries(schema.shape)) {
    const result = (field as z.ZodType).safeParse(Reflect.get(value, key));
    if (result.success && result.data !== undefined) good[key] = result.data;
  }
  return good as Partial<T>;
}

/** Whether there is a reference to the environment anywhere in the value. */
function refers(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('${');
  return typeof value === 'object' && value !== null && Object.values(value).some(refers);
}

function substituted(value: unknown, path: Path, env: Environment, unset: Finding[]): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    const { text, messages } = substitute(value, env);
    for (const message of messages) unset.push({ path, message });
    return text;
  }
  if (Array.isArray(value))
    return value.map((item, index) => substituted(item, [...path, index], env, unset));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [key, substituted(item, [...path, key], env, unset)] as const,
  );
  return Object.fromEntries(entries);
}
