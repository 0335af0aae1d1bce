import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { configJsonSchema } from './json-schema.ts';
import { at, type Path } from './reading.ts';
import { NEEDS_RESTART } from './setting.ts';

/**
 * The settings that a running process cannot change, as paths from the root; a group stands for all in it. They are
 * marked in schema.ts.
 */
export function settingsThatNeedRestart(): readonly Path[] {
  return marked(configJsonSchema(), []);
}

function marked(node: unknown, path: Path): Path[] {
  if (at(node, [NEEDS_RESTART]) === true) return [path];
  const properties = at(node, ['properties']);
  if (typeof properties !== 'object' || properties === null) return [];
  return Object.entries(properties).flatMap(([key, part]) => marked(part, [...path, key]));
}

const PATHS = settingsThatNeedRestart();

/** Which of these settings differ, as they are written: `listen.proxy`. */
export function changesThatNeedRestart(before: Config, after: Config): readonly string[] {
  return PATHS.filter((path) => !isDeepStrictEqual(at(before, path), at(after, path))).map((path) =>
    path.join('.'),
  );
}
