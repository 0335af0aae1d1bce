import { createReadStream } from 'node:fs';
import { ConfigError, type Finding, type Problem, pathText } from '../problem.ts';
import { ENTRIES_AT_ONCE, type EntrySource, type RawEntry } from './raw-entry.ts';
import { type EntryKind, entrySchemas } from './schema.ts';

/** How a line with a record begins; told from this alone, so that a reading passes over other lines without parsing them. */
const BEGINNING = /^\s*\{\s*"(\w+)"\s*:/;

const FORM = '{"user": {…}}, {"zone": {…}}, {"agent": {…}} or {"token": {…}}';

const CHUNK_BYTES = 256 * 1024;
const LINE_CHARACTERS_MAX = 1024 * 1024;
/** Lists and maps in one another: far more than a record has, and far less than would exhaust the stack. */
const DEPTH_MAX = 32;

/**
 * Reads JSON Lines (https://jsonlines.org), one record a line, as a stream: memory does not grow with the file. Empty
 * lines are passed over.
 */
export function jsonLinesEntries(file: string): EntrySource {
  return {
    async *entries(kinds, onProblem) {
      let batch: RawEntry[] = [];
      let line = 0;
      for await (const texts of linesOf(file)) {
        for (const text of texts) {
          line += 1;
          const kind = kindOf(text);
          // What is of no kind concerns nobody, so the reading for users tells it.
          if (!kinds.includes(kind ?? 'user') || text.trim() === '') continue;
          const value = recordIn(text, kind);
          if (value instanceof Error) {
            onProblem(problemAt({ file, line, kind: null }, { path: [], message: value.message }));
          } else if (kind !== null) {
            const place = { file, line, kind };
            batch.push({ kind, value, line, locate: (finding) => problemAt(place, finding) });
          }
        }
        if (batch.length < ENTRIES_AT_ONCE) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
    },
  };
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly kind: EntryKind | null;
}

function problemAt({ file, line, kind }: Place, { path, message }: Finding): Problem {
  return { file, line, column: 1, path: pathText(kind === null ? path : [kind, ...path]), message };
}

function kindOf(text: string): EntryKind | null {
  const [, key = ''] = BEGINNING.exec(text) ?? [];
  return Object.hasOwn(entrySchemas, key) ? (key as EntryKind) : null;
}

/** What the line says of its record, or why it holds none. */
function recordIn(text: string, kind: EntryKind | null): unknown {
  let parsed: unknown;
  try {
    // trim also takes off a byte order mark.
    parsed = JSON.parse(text.trim());
  } catch {
    // The parser's own message quotes the line, which may hold a secret.
    return new Error('is not JSON');
  }
  if (kind === null || typeof parsed !== 'object' || parsed === null || Object.keys(parsed).length !== 1) {
    return new Error(`must be one record: ${FORM}`);
  }
  const value: unknown = Reflect.get(parsed, kind);
  return nestsDeeper(value, DEPTH_MAX) ? new Error('nests deeper than a record can') : value;
}

/** Looks no deeper than that itself. */
function nestsDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((part) => nestsDeeper(part, depth - 1));
}

/** The lines of the file, as many at a time as a chunk ends. */
async function* linesOf(file: string): AsyncGenerator<readonly string[]> {
  let rest = '';
  let count = 0;
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: CHUNK_BYTES })) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    count += lines.length;
    if (rest.length > LINE_CHARACTERS_MAX) {
      const place = { file, line: count + 1, kind: null };
      throw new ConfigError([problemAt(place, { path: [], message: 'is longer than a record can be' })]);
    }
    yield lines;
  }
  yield [rest];
}
