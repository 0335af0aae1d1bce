import type { z } from 'zod';
import { assemble } from './assembly.ts';
import { contradictions } from './cross-checks.ts';
import type { Environment } from './environment.ts';
import { findingsOf } from './findings.ts';
import { ConfigError, type Problem } from './problem.ts';
import { configSchema } from './schema.ts';
import { type ReadText, readText } from './text-file.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

export { ConfigError, type Problem, problemLine } from './problem.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** Every setting, judged and frozen. Durations are milliseconds, save `windowSeconds`; sizes are bytes. */
export type Config = DeepReadonly<z.output<typeof configSchema>>;

/**
 * Reads the configuration.
 * @param file a YAML file; what it names in `endpointFiles` is relative to it
 * @param env where `${NAME}` in the file comes from
 * @param read reads every file, for those who want to know which
 * @throws ConfigError with every problem there is
 */
export function loadConfig(file: string, env: Environment, read: ReadText = readText): Config {
  const text = read(file);
  if (typeof text === 'string') return parseConfig(text, env, file, read);
  throw new ConfigError([{ file, path: '', line: 1, column: 1, message: `cannot be read: ${text.message}` }]);
}

/**
 * Like `loadConfig`, for text at hand.
 * @param file the name in problems, and what `endpointFiles` is relative to
 */
export function parseConfig(text: string, env: Environment, file: string, read: ReadText = readText): Config {
  const main = readYaml(text, file, env);
  if (main.syntax.length > 0) throw new ConfigError(main.syntax);
  const { settings, sources, problems, locate } = assemble(main, env, read);
  const result = configSchema.safeParse(settings);
  const findings = [...(result.success ? [] : findingsOf(result.error)), ...contradictions(settings)];
  const unset = sources.flatMap((source) => source.findings.map(source.locate));
  // A reference that leads nowhere is one mistake, and not a bad value as well.
  const wrong = findings
    .map(locate)
    .filter((found) => !unset.some(({ file, path }) => file === found.file && path === found.path));
  const all = [...unset, ...problems, ...wrong];
  if (all.length > 0 || !result.success) throw new ConfigError(inOrder(all, sources));
  return frozen(result.data);
}

/** File by file, and from the top to the bottom of each. */
function inOrder(problems: readonly Problem[], sources: readonly YamlSource[]): readonly Problem[] {
  const files = sources.map(({ file }) => file);
  return problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}

function frozen<T>(value: T): DeepReadonly<T>;
function frozen(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
