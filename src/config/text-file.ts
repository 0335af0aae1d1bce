import { readFileSync } from 'node:fs';

/** Reads a text file: gives its text, or why it cannot be read. */
export type ReadText = (file: string) => string | Error;

/** The text of a file, or why it cannot be read. */
export function readText(file: string): string | Error {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
