import { isDeepStrictEqual } from 'node:util';

/** What can be said of a record in a file, as it is compared and shown. */
export interface Field<T> {
  readonly name: string;
  /** What is compared. */
  of(record: T): unknown;
  /** What people read, where that is something else. */
  shown?(record: T): unknown;
  /** Only that it differs is ever shown. */
  readonly secret?: true;
  /** It is in the label of the record already. */
  readonly labelled?: true;
}

/** The fields in which two states of a record differ. */
export function differing<T>(fields: readonly Field<T>[], old: T, next: T): readonly Field<T>[] {
  return fields.filter((field) => {
    const [a, b] = [field.of(old), field.of(next)];
    return a !== b && !isDeepStrictEqual(a, b);
  });
}

/** `name: old → new` for each of the fields. */
export function changesText<T>(fields: readonly Field<T>[], old: T, next: T): string {
  return fields
    .map((field) =>
      field.secret
        ? `${field.name}: replaced`
        : `${field.name}: ${valueText(field, old)} → ${valueText(field, next)}`,
    )
    .join('; ');
}

/** `name: value` for each of the fields that says something. */
export function valuesText<T>(fields: readonly Field<T>[], record: T): string {
  return fields
    .filter((field) => !field.secret && !field.labelled && !saysNothing(field.of(record)))
    .map((field) => `${field.name}: ${valueText(field, record)}`)
    .join('; ');
}

function valueText<T>(field: Field<T>, record: T): string {
  return textOf(field.shown === undefined ? field.of(record) : field.shown(record));
}

function saysNothing(value: unknown): boolean {
  if (value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** A value for a terminal: plain where it is one word, else JSON, in which no character steers the terminal. */
export function textOf(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'string' && /^[\w.@+:/-]+$/.test(value)) return value;
  return JSON.stringify(value).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
