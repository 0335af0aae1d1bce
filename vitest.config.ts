import { statfsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Stores put every commit on disk before they answer; what the tests write may go to memory, where there is room for it. */
const MEMORY = '/dev/shm';
const ROOM = 2 * 1024 ** 3;
if (process.env['TMPDIR'] === undefined && hasRoom(MEMORY)) process.env['TMPDIR'] = MEMORY;

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOM;
  } catch {
    // Only Linux has it.
    return false;
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/redis-server-setup.ts'],
    // Two workers: the tests start real servers, and the machines that run them have few cores.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A bound for what never comes, not a measure of speed: a busy machine may take its time.
    expect: { poll: { timeout: 10_000 } },
  },
});
