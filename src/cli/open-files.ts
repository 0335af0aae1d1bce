import { readFileSync } from 'node:fs';

/** Files that a process has open besides connections of clients and to upstreams. */
const OTHER_FILES = 96;
/** A connection that is forwarded is two: the client's and the upstream's. */
const FILES_EACH = 2;

/** How many files this process may have open; null where that is not known. */
export function openFilesLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft ?? Number.NaN) || null;
  } catch {
    // Only Linux has it.
    return null;
  }
}

/** How many files may be open at once with so many connections of clients. */
export function filesFor(connections: number): number {
  return connections * FILES_EACH + OTHER_FILES;
}

/** How many connections of clients so many files are enough for; at least one. */
export function connectionsFor(files: number): number {
  return Math.max(1, Math.floor((files - OTHER_FILES) / FILES_EACH));
}
