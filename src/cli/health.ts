import type { Output } from './config-check.ts';

/** How long a process may take to answer before it counts as not well, in milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * `tollgate health`: asks a running process whether it is well, for places that have neither a shell nor curl, such
 * as a container's HEALTHCHECK.
 * @param base where metrics and health are, such as `http://127.0.0.1:9090`
 * @param question `livez` (the process answers) or `readyz` (traffic may come)
 * @param out gets what the process said, or why nothing was heard
 * @returns the exit code: 0 when the answer is 200, else 1
 */
export async function health(base: string, question: 'livez' | 'readyz', out: Output): Promise<number> {
  try {
    const response = await fetch(new URL(question, base), { signal: AbortSignal.timeout(PATIENCE_MS) });
    out.write(await response.text());
    return response.status === 200 ? 0 : 1;
  } catch (error) {
    const { cause } = error as Error;
    const reason = cause instanceof Error ? cause.message || String(cause) : (error as Error).message;
    out.write(`No answer from ${base}: ${reason}. Does it run, and is that its listen.metrics? See --url.\n`);
    return 1;
  }
}
