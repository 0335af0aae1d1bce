/** What is wrong at one place of the configuration, without knowing where in the file that place is. */
export interface Finding {
  /** Keys and list indexes from the root of the configuration. */
  readonly path: readonly PropertyKey[];
  /** What is wrong and what would be right. Never holds a secret. */
  readonly message: string;
}

/** One mistake, where it is and what would be right. */
export interface Problem {
  readonly file: string;
  /** Like `endpoints[1].match`; empty where the file as a whole is meant. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** The configuration cannot be used. Holds every problem, in the order of the lines. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(problemLine).join('\n'));
    this.problems = problems;
  }
}

/** One line for people and editors: `file:line:column path: message`. */
export function problemLine({ file, line, column, path, message }: Problem): string {
  const place = `${file}:${line}:${column}`;
  return path === '' ? `${place} ${message}` : `${place} ${path}: ${message}`;
}

/** `['endpoints', 1, 'match']` → `endpoints[1].match`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}
