import { ConfigError, loadConfig, problemLine } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';

/** Where the lines go: `process.stdout`, or a test. */
export interface Output {
  write(text: string): unknown;
}

/**
 * `tollgate config check FILE`: prints `ok`, or every problem as `file:line:column path: message`.
 * @returns the exit code: 0 when the file can be used, else 1
 */
export function configCheck(file: string, env: Environment, out: Output): number {
  try {
    loadConfig(file, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) out.write(`${problemLine(problem)}\n`);
    return 1;
  }
  out.write('ok\n');
  return 0;
}
