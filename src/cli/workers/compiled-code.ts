import { mkdtempSync, rmSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment } from '../../config/environment.ts';

const SETTING = 'NODE_COMPILE_CACHE';

/**
 * A folder of this process alone in which its workers leave the code that they have compiled, so that one that takes the
 * place of another starts sooner: from the sources in two thirds of the time (docs/adr/0017-workers.md).
 */
export class CompiledCode {
  readonly #folder: string | null;

  /** @param env where the operator may have named a folder, which is then used in place of one of our own */
  constructor(env: Environment) {
    this.#folder = env[SETTING] === undefined ? ownFolder() : null;
  }

  /** What a worker's environment says besides ours. */
  get environment(): Readonly<Record<string, string>> {
    return this.#folder === null ? {} : { [SETTING]: this.#folder };
  }

  /** Removes the folder. Does no harm twice. */
  remove(): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Leaves what this worker has compiled so far for those that come after it; Node would do so only at its end. */
export function leaveCompiledCode(): void {
  flushCompileCache();
}

/** Nobody else may write to it: what is in it is run. Null where there is no place for it, and workers compile anew. */
function ownFolder(): string | null {
  try {
    return mkdtempSync(path.join(tmpdir(), 'tollgate-code-'));
  } catch {
    // A root that is read-only and has no /tmp, as in some containers.
    return null;
  }
}
