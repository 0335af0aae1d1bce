import { readFileSync } from 'node:fs';

/** The text of a file, or why it cannot be read. */
export function readText(file: string): string | Error {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
