import { type ApplyFile, openApplyFile } from '../config/apply-file/apply-file.ts';
import { type Config, ConfigError, loadConfig, type Problem, problemLine } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { readText } from '../config/text-file.ts';
import { limitNames } from '../domain/endpoint.ts';
import { CommitUnsure, type Store, StoreAway, StoreConflict } from '../domain/store.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import type { RedisTls } from '../store/redis/client.ts';
import { createLog } from '../telemetry/log.ts';
import type { Rules } from './apply/context.ts';
import { Draft } from './apply/draft.ts';
import { plan } from './apply/plan.ts';
import { summary } from './apply/summary.ts';
import type { Output } from './config-check.ts';
import { openStore } from './open-store.ts';
import { loadStoreTls } from './tls-files.ts';

/** A command can wait longer for a busy store than a request can, in milliseconds. */
const STORE_PATIENCE_MS = 10_000;

export interface ApplyOptions {
  /** The configuration of the gateway whose store it is. */
  readonly config: string;
  /** Only say what would be written. */
  readonly dryRun: boolean;
}

/**
 * `tollgate apply FILE`: makes the store hold the users, zones, agents and tokens of a file (docs/apply.md), all of
 * them or, where anything is wrong, none.
 * @param out gets the problems as `file:line:column path: message`, or what was written or would be; never a secret
 * @returns the exit code: 0 when the store holds what the file says, or would; else 1
 * @throws ConfigError when the configuration cannot be used, or an Error that says what to do when the store cannot
 */
export async function apply(
  file: string,
  { config: configFile, dryRun }: ApplyOptions,
  env: Environment,
  out: Output,
  clock: Clock = systemClock,
): Promise<number> {
  const config = loadConfig(configFile, env);
  const rules = rulesOf(config, env, clock);
  const draft = new Draft(dryRun, rules.now);
  let store: Store | null = null;
  try {
    const source = openApplyFile(file);
    const tls = loadStoreTls(config.store, configFile, readText);
    store = await open(config.store, tls, dryRun, clock, out);
    await plan(source, store, rules, draft);
    draft.finish();
    warn(source, file, draft, out);
    if (draft.problems.length > 0) throw new ConfigError(inOrder(draft.problems));
    for (const line of draft.lines) out.write(`${line}\n`);
    if (!dryRun && draft.mutations.length > 0) await write(draft, store);
    out.write(summary(draft, dryRun));
    return 0;
  } catch (error) {
    return told(error, draft, out);
  } finally {
    await store?.close();
  }
}

function open(
  store: Config['store'],
  tls: RedisTls,
  dryRun: boolean,
  clock: Clock,
  out: Output,
): Promise<Store> {
  const log = createLog('warn', { write: (line) => out.write(line) });
  // A dry run makes nothing, and opening would make the file, or begin the data of Redis.
  const options = { tls, onlyLooks: dryRun, busyTimeoutMs: STORE_PATIENCE_MS };
  if (store.kind === 'embedded') return openStore(store, clock, log, options);
  const commandTimeout = Math.max(store.commandTimeout, STORE_PATIENCE_MS);
  return openStore({ ...store, commandTimeout }, clock, log, options);
}

function rulesOf({ resolve, endpoints }: Config, env: Environment, clock: Clock): Rules {
  return {
    prefix: resolve.prefix,
    pepper: resolve.pepper,
    endpoints: limitNames(endpoints),
    env,
    now: clock.now(),
  };
}

function warn(
  { readableByOthers }: ApplyFile,
  file: string,
  { holdsSecrets, notes, more }: Draft,
  out: Output,
) {
  if (holdsSecrets && readableByOthers) {
    out.write(
      `warning: ${file} holds secrets and others can read it: chmod 600 it, or take the secrets from the environment\n`,
    );
  }
  for (const note of notes) out.write(`note: ${note}\n`);
  if (more.notes > 0) out.write(`note: and so ${more.notes} more\n`);
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** One commit, unless somebody else has written in the meantime to what is to be written. */
async function write({ mutations }: Draft, store: Store): Promise<void> {
  try {
    await store.commit(mutations);
  } catch (error) {
    if (error instanceof StoreConflict) {
      throw new Error(
        `Somebody else wrote to the store meanwhile (${error.message}). Nothing was written: apply the file again.`,
      );
    }
    if (!(error instanceof StoreAway) || error instanceof CommitUnsure) throw error;
    throw new Error(
      `${error.message}. Whether the file was written is not known: apply it again, which changes nothing twice.`,
    );
  }
}

function told(error: unknown, { more }: Draft, out: Output): number {
  if (!(error instanceof ConfigError)) throw error;
  for (const problem of error.problems) out.write(`${problemLine(problem)}\n`);
  if (more.problems > 0) out.write(`and ${more.problems} more problems\n`);
  return 1;
}
