import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** In place of the user's, whose tunings would change what Dawn computes. */
const cache = mkdtempSync(join(tmpdir(), 'colorizer-cache-'))
process.on('exit', () => rmSync(cache, { recursive: true, force: true }))
process.env.COLORIZER_CACHE = cache

/** Software adapters share the cores with whatever else runs. */
const PATIENCE_MS = 400_000

// One file after the other: a browser computes on all cores.
export default defineConfig({
  test: {
    include: ['test/browser/*.test.ts'],
    globalSetup: 'test/browser/setup.ts',
    reporters: ['default', './test/runner/reporter.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: PATIENCE_MS,
    hookTimeout: PATIENCE_MS,
  },
})
