import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** In place of the user's, whose tunings and classifiers would change what tests see. */
const cache = mkdtempSync(join(tmpdir(), 'colorizer-cache-'))
process.on('exit', () => rmSync(cache, { recursive: true, force: true }))

// Each file in a fork of its own and one at a time: Dawn is not safe in worker threads, and two
// processes that share one software adapter only slow each other down.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: { COLORIZER_CACHE: cache },
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
