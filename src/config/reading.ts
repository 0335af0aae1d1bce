/** Reads parts of a file that may be wrong elsewhere, for the checks that look at several settings at once. */
import type { z } from 'zod';
import type { Finding } from './problem.ts';

export type Path = readonly (string | number)[];

/** Looks at the file as YAML gave it; passes over what is wrong by itself, which the schema tells. */
export type Check = (config: unknown) => Finding[];

/** A part of the file, and where it is. */
export interface Entry<T = unknown> {
  readonly path: Path;
  readonly value: T;
}

/** The value at `path`, or undefined where there is none. */
export function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (part, step) => (typeof part === 'object' && part !== null ? Reflect.get(part, step) : undefined),
    value,
  );
}

/** What the schema makes of the value at `path`, its default included; undefined where it is wrong by itself. */
export function read<S extends z.ZodType>(schema: S, value: unknown, path: Path): z.output<S> | undefined {
  const result = schema.safeParse(at(value, path));
  return result.success ? result.data : undefined;
}

/** The entries of the list at `path`. */
export function entriesOf(config: unknown, path: Path): Entry[] {
  const list = at(config, path);
  return Array.isArray(list) ? list.map((value: unknown, index) => ({ path: [...path, index], value })) : [];
}

/** The good texts of a setting that is a list of texts, or one text that stands for a list. */
export function textsOf(schema: z.ZodType<string[]>, owner: Entry, key: string): Entry<string>[] {
  const path = [...owner.path, key];
  const value = at(owner.value, [key]);
  const parts = Array.isArray(value)
    ? value.map((item: unknown, index) => ({ path: [...path, index], value: [item] }))
    : [{ path, value }];
  return parts.flatMap((part) => {
    const texts = read(schema, part.value, []) ?? [];
    return texts.map((text) => ({ path: part.path, value: text }));
  });
}
