#!/usr/bin/env node
// The launcher behind every npm script and behind the `colorizer` command. The dynamic linker and the Vulkan loader
// read their environment when a process starts, so the driver that setup.mjs found has to be in place before the
// Node that loads Dawn is started; hence a process that starts another.
//
//   run.mjs COMMAND …        src/cli/main.ts in a clone, dist/cli/main.js in the published package
//   run.mjs --vitest …       the tests, in the same environment
//   run.mjs --script FILE …  a TypeScript file of this clone (the benchmarks), likewise

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureAdapter, recallAdapter } from './lib/adapter.mjs'
import { driverEnv, READY } from './lib/memory.mjs'
import { PACKAGE_ROOT, reportFailure } from './lib/shell.mjs'

/** Commands that look at files only, or (doctor) are there for when no adapter is found. */
const WITHOUT_ADAPTER = ['doctor', 'weights']

try {
  const args = process.argv.slice(2)
  const env = process.env[READY] ? process.env : environmentFor(args)
  start(program(args), env)
} catch (error) {
  process.exitCode = reportFailure(error)
}

/** @param {string[]} args */
function environmentFor(args) {
  const found = needsAdapter(args) ? ensureAdapter({ quiet: true }) : recallAdapter()
  return driverEnv(found?.driver ?? null, process.env)
}

/** @param {string[]} args */
function needsAdapter(args) {
  const asksOnly = args.some((arg) => ['--help', '-h', '--version'].includes(arg))
  return args[0] !== undefined && !asksOnly && !WITHOUT_ADAPTER.includes(args[0])
}

/** @param {string[]} args what Node is started with */
function program(args) {
  if (args[0] === '--vitest') {
    const vitest = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')))
    return [vitest, ...args.slice(1)]
  }
  if (args[0] === '--script') {
    return ['--import', import.meta.resolve('tsx'), join(PACKAGE_ROOT, args[1] ?? ''), ...args.slice(2)]
  }
  const source = join(PACKAGE_ROOT, 'src', 'cli', 'main.ts')
  if (existsSync(source)) return ['--import', import.meta.resolve('tsx'), source, ...args]
  return [join(PACKAGE_ROOT, 'dist', 'cli', 'main.js'), ...args]
}

/**
 * Runs Node on `args` and ends as it ends. Ctrl-C reaches the child from the terminal, so here it only must not end
 * the launcher first; the other signals are sent to this process alone and are passed on.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function start(args, env) {
  // libuv decodes photographs in four threads unless told otherwise, however many cores there are
  const threads = env.UV_THREADPOOL_SIZE ?? String(Math.max(4, availableParallelism()))
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...env, UV_THREADPOOL_SIZE: threads },
  })
  process.on('SIGINT', () => {})
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => {
    process.exitCode = reportFailure(error)
  })
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}
