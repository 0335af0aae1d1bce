import { defineConfig } from 'vitest/config';

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
