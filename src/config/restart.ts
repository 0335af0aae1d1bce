import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Config } from './config.ts';
import { at, type Path } from './reading.ts';
import { configSchema } from './schema.ts';
import { NEEDS_RESTART } from './setting.ts';

/**
 * The settings that a running process cannot change, as paths from the root; a group stands for all in it. They are
 * marked in schema.ts.
 */
export function settingsThatNeedRestart(): readonly Path[] {
  return marked(configSchema, []);
}

function marked(setting: z.core.$ZodType, path: Path): Path[] {
  if (z.globalRegistry.get(setting)?.[NEEDS_RESTART] === true) return [path];
  // A group that is not written is as if it were empty.
  if (setting instanceof z.ZodPrefault) return marked(setting.unwrap(), path);
  if (!(setting instanceof z.ZodObject)) return [];
  return Object.entries(setting.shape).flatMap(([key, part]) => marked(part, [...path, key]));
}

const PATHS = settingsThatNeedRestart();

/** Which of these settings differ, as they are written: `listen.proxy`. */
export function changesThatNeedRestart(before: Config, after: Config): readonly string[] {
  return PATHS.filter((path) => !isDeepStrictEqual(at(before, path), at(after, path))).map((path) =>
    path.join('.'),
  );
}
