import { defineConfig } from 'vitest/config'

// Each file in a fork of its own and one at a time: Dawn is not safe in worker threads, and two
// processes that share one software adapter only slow each other down.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
