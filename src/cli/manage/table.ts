import { stripVTControlCharacters } from 'node:util';

/** One column of a table: its heading, and what stands in a row. */
export type Column<T> = readonly [heading: string, cell: (item: T) => string];

/**
 * A table for people: columns as wide as their widest cell, two spaces between them, no lines.
 * @returns the heading and a line for each item, each with its line feed
 */
export function table<T>(columns: readonly Column<T>[], items: readonly T[]): string {
  const rows = [
    columns.map(([heading]) => heading.toUpperCase()),
    ...items.map((item) => columns.map(([, cell]) => printable(cell(item)))),
  ];
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) => `${lineOf(row, widths)}\n`).join('');
}

/** Fields and their values, one a line. */
export function fields(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join('');
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join('  ')
    .trimEnd();
}

/** What others named must not steer the terminal. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, ' ');
}
