import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/runner/order.ts'

/** In place of the user's, whose tunings and classifiers would change what tests see. */
const cache = mkdtempSync(join(tmpdir(), 'colorizer-cache-'))
process.on('exit', () => rmSync(cache, { recursive: true, force: true }))

/** `--mode all` takes every row of the large tables, `--mode rest` what `npm test` leaves out of them. */
const PARTS = ['all', 'rest']
/** The files that have such tables. */
const TABLES = ['kernels', 'gradient-kernels', 'half-kernels', 'matrices']

// In processes, since Dawn is not safe in worker threads. Two of them, since llvmpipe compiles shaders in one thread, which is most
// of what a cold run does; they take one file after the other, since loading the modules anew for each takes half a minute.
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'rest' ? TABLES.map((name) => `test/${name}.test.ts`) : ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/browser/**', 'test/queue/**'],
    env: {
      COLORIZER_CACHE: cache,
      COLORIZER_COMPILED: '1',
      COLORIZER_TESTS: PARTS.includes(mode) ? mode : 'pairs',
    },
    globalSetup: 'test/runner/build.ts',
    reporters: ['default', './test/runner/reporter.ts'],
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}))
