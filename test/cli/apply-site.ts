/** A store of either kind with a configuration that names it, and files to apply to it. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apply } from '../../src/cli/apply.ts';
import type { Environment } from '../../src/config/environment.ts';
import { secretIndex } from '../../src/domain/secret.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Credential } from '../../src/domain/token.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

export interface Applied {
  readonly code: number;
  /** Without the line's end, and without the folder in which the files are. */
  readonly lines: readonly string[];
}

export interface ApplySite {
  readonly clock: ManualClock;
  readonly configFile: string;
  /** Whether anything was ever written where the store is. */
  storeExists(): boolean;
  /** Writes a file that its owner alone can read. @returns its path */
  file(name: string, text: string): string;
  /** Applies text as YAML, or as JSON Lines when it begins with a brace; or a file that is there. */
  apply(text: string | { readonly file: string }, options?: ApplyTestOptions): Promise<Applied>;
  /** The store as another process sees it. */
  open(): Promise<Store>;
  find(secret: string): Promise<Credential | null>;
  close(): Promise<void>;
}

export interface ApplyTestOptions {
  readonly dryRun?: boolean;
  readonly env?: Environment;
  /** The site's own unless given. */
  readonly clock?: Clock;
  /** Is told of each line as it is written. */
  readonly onLine?: (line: string) => void;
}

const CONFIG = `
endpoints:
  - { name: hello, match: GET /hello, max: 1000 }
  - { name: users, match: "* /users/**", max: 600 }
forward: { upstreams: [{ name: echo, targets: ["builtin:echo"], paths: [/] }] }
`;

let prefixes = 0;

/** @param redisUrl null for the embedded store @param more lines of the configuration */
export function applySite(redisUrl: string | null, more = ''): ApplySite {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-apply-'));
  const database = join(folder, 'data', 'tollgate.db');
  const prefix = `apply-${prefixes++}:`;
  const clock = manualClock();
  const opened: Store[] = [];

  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    return path;
  };
  const store =
    redisUrl === null
      ? `{ kind: embedded, path: ${database} }`
      : `{ kind: redis, url: "${redisUrl}", prefix: "${prefix}" }`;
  const configFile = file('config.yaml', `store: ${store}\n${CONFIG}${more}`);

  const open = async () => {
    const one =
      redisUrl === null
        ? await openEmbeddedStore({ path: database, clock })
        : await openRedisStore({ url: redisUrl, prefix, commandTimeoutMs: 5_000, clock });
    opened.push(one);
    return one;
  };

  return {
    clock,
    configFile,
    storeExists: () => existsSync(database),
    file,
    async apply(given, { dryRun = false, env = {}, clock: now = clock, onLine = () => {} } = {}) {
      const target =
        typeof given === 'string' ? file(given.startsWith('{') ? 'a.jsonl' : 'a.yaml', given) : given.file;
      const lines: string[] = [];
      const write = (text: string) => {
        onLine(text);
        const told = text.replaceAll(`${folder}/`, '').trimEnd().split('\n');
        // The clock here stands still, and Redis, which has one of its own, says so; each site's data are new, too.
        const expected = ['Its clock is', 'this is a new installation'];
        lines.push(...told.filter((line) => !expected.some((text) => line.includes(text))));
      };
      const code = await apply(target, { config: configFile, dryRun }, env, { write }, now);
      return { code, lines };
    },
    open,
    async find(secret) {
      return (await (opened[0] ?? open())).findByHash(secretIndex(secret, null));
    },
    async close() {
      await Promise.all(opened.map((each) => each.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
