/** What all peers have in common: a folder with what they know, an upstream, and the same tokens, networks and limits. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import { freePort } from '../../test/support/free-port.ts';
import { ANSWER } from '../request.ts';
import { ProcessTree } from './process-tree.ts';

/** The gateway has a core of its own; load and upstream share the other. */
export const GATEWAY_CORE = 0;
export const LOAD_CORE = 1;

/** So many requests a minute for everybody that none of the benchmark's is refused. */
export const MAX = 1_000_000_000;
/** Of which a token has half. */
export const SHARE = MAX / 2;

/** Of which the one request of the hour is taken at the start. */
export const SPENT = '/spent';

/** What an API of some size has: the path's pattern for the peers, the rule for Tollgate. */
export const ENDPOINTS = [
  { name: 'user', rule: '* /api/v1/users/{id}', pattern: '^/api/v1/users/[^/]+$' },
  { name: 'users', rule: '* /api/v1/users/**', pattern: '^/api/v1/users(/.*)?$' },
  { name: 'group', rule: '* /api/v1/groups/{id}', pattern: '^/api/v1/groups/[^/]+$' },
  { name: 'groups', rule: '* /api/v1/groups/**', pattern: '^/api/v1/groups(/.*)?$' },
  { name: 'apps', rule: '* /api/v1/apps/**', pattern: '^/api/v1/apps(/.*)?$' },
  { name: 'logs', rule: '* /api/v1/logs', pattern: '^/api/v1/logs$' },
  { name: 'sessions', rule: '* /api/v1/sessions/**', pattern: '^/api/v1/sessions(/.*)?$' },
  { name: 'files', rule: '* /files/**', pattern: '^/files(/.*)?$' },
  { name: 'upload', rule: '* /upload/**', pattern: '^/upload(/.*)?$' },
] as const;

/** Callers come from here, one hop before a load balancer on this machine. */
export const NETWORK = '203.0.113.0/24';

/** So that what is uploaded waits for no disk. */
const MEMORY = '/dev/shm';

const KIB = 1024;
export const FILES = { '1k': KIB, '64k': 64 * KIB, '10m': 10 * KIB * KIB } as const;

export interface Surroundings {
  readonly folder: string;
  /** `host:port` of the upstream. */
  readonly upstream: string;
  /** The first is the one that most requests carry. */
  readonly secrets: readonly string[];
  end(): Promise<void>;
}

/** @param tokens how many there are */
export async function makeSurroundings(tokens: number): Promise<Surroundings> {
  const folder = mkdtempSync(path.join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tollgate-peers-'));
  const secrets = Array.from({ length: tokens }, () => mintSecret('tg'));
  writeMaps(folder, secrets);
  mkdirSync(path.join(folder, 'files'));
  for (const [name, size] of Object.entries(FILES))
    writeFileSync(path.join(folder, 'files', name), Buffer.alloc(size, 'x'));
  const port = await freePort();
  const file = writeConfig(folder, 'upstream.conf', { folder, port, answer: ANSWER });
  const upstream = ProcessTree.start(
    'nginx',
    ['-c', file, '-p', folder, '-e', `${folder}/error.log`],
    LOAD_CORE,
  );
  await accepts(port, upstream);
  return {
    folder,
    upstream: `127.0.0.1:${port}`,
    secrets,
    async end() {
      await upstream.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What HAProxy and nginx know of tokens: hash → id, id → zone, and networks and endpoints. */
function writeMaps(folder: string, secrets: readonly string[]): void {
  const write = (name: string, lines: readonly string[]) =>
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
  write(
    'tokens.map',
    secrets.map((secret, at) => `${secretIndex(secret, null).toUpperCase()} token-${at}`),
  );
  write(
    'token-zones.map',
    secrets.map((_, at) => `token-${at} office`),
  );
  write('networks.map', [`${NETWORK} office`, '198.51.100.0/24 elsewhere', '192.0.2.0/24 elsewhere']);
  write(
    'endpoints.map',
    ENDPOINTS.map(({ name, pattern }) => `${pattern} ${name}`),
  );
  write('secrets', secrets);
  // Well-formed, and nobody's.
  write(
    'unknown',
    Array.from({ length: 100_000 }, () => mintSecret('tg')),
  );
}

/** Fills in a configuration that stands beside this file. @returns where it was written */
export function writeConfig(
  folder: string,
  name: string,
  facts: Readonly<Record<string, string | number>>,
): string {
  const template = readFileSync(new URL(name, import.meta.url), 'utf8');
  const text = template.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const fact = facts[key];
    if (fact === undefined) throw new Error(`${name} wants ${key}`);
    return String(fact);
  });
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Waits until something answers HTTP there. @throws Error when the process ends, or after ten seconds */
export async function accepts(port: number, tree: ProcessTree): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    tree.checkAlive();
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.arrayBuffer().then(() => true),
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it does not answer');
}
