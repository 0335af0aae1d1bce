/**
 * Finds the redis-server that the tests start, once for the whole run: the one that TEST_REDIS_SERVER names, else
 * the one on PATH, else Debian's package, installed here where that is allowed. Anything else is one clear error.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const OLDEST_MAJOR = 7;
const FIX =
  'The tests need redis-server 7 or later: install it (Debian: apt-get install redis-server; macOS: brew install redis) or name one in TEST_REDIS_SERVER.';

/** Runs before all tests; the returned function runs after them and ends servers that a dead worker left behind. */
export default function setup(): () => void {
  process.env['TEST_REDIS_SERVER'] = findRedisServer();
  const root = mkdtempSync(path.join(tmpdir(), 'tollgate-redis-'));
  process.env['TEST_REDIS_ROOT'] = root;
  return () => {
    endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  };
}

function findRedisServer(): string {
  const named = process.env['TEST_REDIS_SERVER'];
  if (named !== undefined && named !== '') return accepted(named, `TEST_REDIS_SERVER names "${named}"`);
  if (major('redis-server') === null) installDebianPackage();
  return accepted('redis-server', 'The redis-server on PATH');
}

/** The command itself when it is a redis-server of a fit version. */
function accepted(command: string, what: string): string {
  const version = major(command);
  if (version === null) throw new Error(`${what} does not run. ${FIX}`);
  if (version < OLDEST_MAJOR) throw new Error(`${what} is of version ${version}. ${FIX}`);
  return command;
}

function major(command: string): number | null {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  const version = status === 0 ? /v=(\d+)\./.exec(stdout) : null;
  return version === null ? null : Number(version[1]);
}

function installDebianPackage(): void {
  const isRoot = process.getuid?.() === 0;
  const hasApt = spawnSync('apt-get', ['--version']).status === 0;
  if (!isRoot || !hasApt) throw new Error(`There is no redis-server on PATH. ${FIX}`);
  apt('update');
  apt('install', '--yes', '--no-install-recommends', 'redis-server');
}

function apt(...words: string[]): void {
  const { status, stderr } = spawnSync('apt-get', ['--quiet', ...words], {
    encoding: 'utf8',
    // In run level 1 the package does not start a server of its own on the default port.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  if (status !== 0) throw new Error(`apt-get ${words.join(' ')} failed: ${stderr.trim()}. ${FIX}`);
}

/** Each server keeps its process id in its directory; a worker that was killed could not end them. */
function endLeftovers(root: string): void {
  for (const directory of readdirSync(root)) {
    try {
      process.kill(Number(readFileSync(path.join(root, directory, 'redis.pid'), 'utf8')), 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  }
}
