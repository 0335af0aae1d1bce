/** The environment's variables, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `${NAME}` or `${NAME:-default}`. */
const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}/g;

export interface Substituted {
  readonly text: string;
  /** What is wrong with the references in the text; empty when nothing is. */
  readonly messages: readonly string[];
}

/**
 * Puts the environment's values in place of `${NAME}` and `${NAME:-default}`. As in a shell, the default also
 * stands in for a variable that is set to nothing. A value is taken as it is: references in it are not followed.
 */
export function substitute(text: string, env: Environment): Substituted {
  const messages: string[] = [];
  const replaced = text.replace(REFERENCE, (reference, name: string, fallback: string | undefined) => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (fallback !== undefined) return fallback;
    const state = value === undefined ? 'not set' : 'empty';
    messages.push(
      `the environment variable ${name} is ${state}: set it, or give a default as \${${name}:-default}`,
    );
    return reference;
  });
  if (text.replace(REFERENCE, '').includes('${')) {
    messages.push(`a reference to the environment must look like \${NAME} or \${NAME:-default}`);
  }
  return { text: replaced, messages };
}
