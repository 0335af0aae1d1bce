import { statSync } from 'node:fs';
import { ConfigError } from '../problem.ts';
import { readText } from '../text-file.ts';
import { jsonLinesEntries } from './json-lines.ts';
import type { EntrySource } from './raw-entry.ts';
import { yamlEntries } from './yaml-entries.ts';

export { ConfigError, type Problem, problemLine } from '../problem.ts';

/** The permission to read of anybody but the owner (POSIX mode bits). */
const OTHERS_READ = 0o044;

export interface ApplyFile extends EntrySource {
  /** Whether people other than the file's owner may read it. */
  readonly readableByOthers: boolean;
}

/**
 * Opens a file for `tollgate apply`: JSON Lines when its name ends in `.jsonl`, else YAML.
 * @throws ConfigError when it cannot be read, or is not of that form; what its records say is not judged here
 */
export function openApplyFile(file: string): ApplyFile {
  const mode = modeOf(file);
  return { ...entriesOf(file), readableByOthers: (mode & OTHERS_READ) !== 0 };
}

function entriesOf(file: string): EntrySource {
  if (file.endsWith('.jsonl')) return jsonLinesEntries(file);
  const text = readText(file);
  if (typeof text === 'string') return yamlEntries(text, file);
  throw unreadable(file, text.message);
}

function modeOf(file: string): number {
  try {
    const stats = statSync(file);
    // A pipe can be read once only, and JSON Lines are read twice.
    if (!stats.isFile()) throw unreadable(file, 'it is not a file');
    return stats.mode;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unreadable(file, error instanceof Error ? error.message : String(error));
  }
}

function unreadable(file: string, reason: string): ConfigError {
  return new ConfigError([{ file, path: '', line: 1, column: 1, message: `cannot be read: ${reason}` }]);
}
