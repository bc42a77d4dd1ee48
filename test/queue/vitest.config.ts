import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** In place of the user's, whose tunings and classifiers would change what tests see. */
const cache = mkdtempSync(join(tmpdir(), 'colorizer-cache-'))
process.on('exit', () => rmSync(cache, { recursive: true, force: true }))

// One file after the other: servers, workers and pauses are timed, and each worker computes on all cores.
export default defineConfig({
  test: {
    include: ['test/queue/*.test.ts'],
    env: { COLORIZER_CACHE: cache, COLORIZER_COMPILED: '1' },
    globalSetup: 'test/runner/build.ts',
    reporters: ['default', './test/runner/reporter.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
