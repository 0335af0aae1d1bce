import { existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Stores put every commit on disk before they answer; what the tests write may go to memory, where there is room for it. */
const MEMORY = '/dev/shm';
const ROOM = 2 * 1024 ** 3;
if (process.env['TMPDIR'] === undefined && hasRoom(MEMORY)) process.env['TMPDIR'] = MEMORY;

// Most of what it costs to start a process is reading TypeScript, which is the same each time.
process.env['NODE_COMPILE_CACHE'] ??= path.join(tmpdir(), 'tollgate-compile-cache');

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOM;
  } catch {
    // Only Linux has it.
    return false;
  }
}

/**
 * The files that take longest. They begin first, so that none of them runs on alone while the other workers have
 * nothing left to do; vitest itself knows durations only where it has run before.
 */
const LONGEST = [
  'cli/rolling-restart',
  'cli/workers/workers',
  'gateway/hostile/fast',
  'gateway/hostile/general',
  'gateway/hostile/tls',
  'gateway/transport/fast/differential',
  'bench/stages',
  'store/embedded',
  'store/redis',
  'store/redis-cluster',
  'helm/chart',
  'monitoring/monitoring',
].map((name) => path.resolve(import.meta.dirname, `test/${name}.test.ts`));
for (const file of LONGEST)
  if (!existsSync(file)) throw new Error(`vitest.config.ts names ${file}, which is gone`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.includes(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/redis-server-setup.ts'],
    // The tests start real servers, wait for them, and mostly run on few cores: while two wait, a third works.
    maxWorkers: 3,
    // A worker runs one file after the other: what all of them import is read, and compiled, once. Nothing here keeps
    // state in a module that a test of another file could see (docs/adr/0028-how-the-tests-run.md).
    isolate: false,
    // Node reads the TypeScript as it does in production. Modules cannot be mocked then, which is not done here.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    sequence: { sequencer: LongestFirst },
    // Bounds for what never comes, not measures of speed: a busy machine may take its time.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
