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
import { needsAdapter } from './lib/needs.mjs'
import { remarksRemover } from './lib/remarks.mjs'
import { PACKAGE_ROOT, reportFailure } from './lib/shell.mjs'

/** Tells the program which file descriptor is the terminal, where stderr's own is a pipe; src/cli/terminal.ts reads it. */
const TERMINAL = 'COLORIZER_TERMINAL'
/** In a clone takes what `npm run build` compiled, which starts sooner: for the tests, which build first. */
const COMPILED = 'COLORIZER_COMPILED'

try {
  const args = process.argv.slice(2)
  const folder = userFolder(args)
  const env = process.env[READY] ? process.env : environmentFor(args)
  start(program(args), { ...env, ...settings(env) }, folder, args[0] !== '--vitest')
} catch (error) {
  process.exitCode = reportFailure(error)
}

/**
 * The folder that relative paths belong to. npm starts scripts in this package's folder and says in INIT_CWD where the
 * person stands. `npm start` and the tests name files of this package. INIT_CWD is taken away, for it is said to the
 * launcher alone, not to one that a test starts in a folder of its own.
 * @param {string[]} args
 */
function userFolder(args) {
  const { npm_lifecycle_event: script, npm_package_name: name, INIT_CWD: folder } = process.env
  delete process.env.INIT_CWD
  const isOurScript = script !== undefined && script !== 'npx' && name === 'webgpu-colorizer'
  const namesOurFiles = script === 'start' || args[0] === '--vitest'
  return isOurScript && !namesOurFiles && folder ? folder : process.cwd()
}

/** @param {string[]} args */
function environmentFor(args) {
  const found = needsAdapter(args) ? ensureAdapter({ quiet: true }) : recallAdapter()
  return driverEnv(found?.driver ?? null, process.env)
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
  if (existsSync(source) && process.env[COMPILED] !== '1')
    return ['--import', import.meta.resolve('tsx'), source, ...args]
  return [join(PACKAGE_ROOT, 'dist', 'cli', 'main.js'), ...args]
}

/** @param {NodeJS.ProcessEnv} env */
function settings(env) {
  return {
    // libuv decodes photographs in four threads unless told otherwise, however many cores there are
    UV_THREADPOOL_SIZE: env.UV_THREADPOOL_SIZE ?? String(Math.max(4, availableParallelism())),
    // tsx would take the one of the folder that the person stands in
    TSX_TSCONFIG_PATH: join(PACKAGE_ROOT, 'tsconfig.json'),
    [TERMINAL]: undefined,
  }
}

/**
 * Runs Node on `args` and ends as it ends. Ctrl-C reaches the child from the terminal, so here it only must not end
 * the launcher first; the other signals are sent to this process alone and are passed on.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd
 * @param {boolean} withoutRemarks whether what Dawn remarks on stderr is left out
 */
function start(args, env, cwd, withoutRemarks) {
  const stdio = withoutRemarks && process.platform !== 'win32' ? piped(env) : { env, stdio: 'inherit' }
  const child = spawn(process.execPath, args, { cwd, ...stdio })
  if (child.stderr) passOn(child.stderr)
  process.on('SIGINT', () => {})
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => {
    process.exitCode = reportFailure(error)
  })
  child.on('close', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}

/**
 * With a pipe for stderr. Dawn writes to file descriptor 2 itself, past Node. The program writes to the terminal, if
 * there is one, by another descriptor: so it can draw and redraw there, and knows the width, as without a pipe.
 * @param {NodeJS.ProcessEnv} env
 */
function piped(env) {
  if (!process.stderr.isTTY) return { env, stdio: ['inherit', 'inherit', 'pipe'] }
  return { env: { ...env, [TERMINAL]: '3' }, stdio: ['inherit', 'inherit', 'pipe', 2] }
}

/** @param {import('node:stream').Readable} stderr the program's */
function passOn(stderr) {
  const withoutRemarks = remarksRemover()
  stderr.setEncoding('utf8')
  stderr.on('data', (text) => process.stderr.write(withoutRemarks(text)))
  stderr.on('end', () => process.stderr.write(withoutRemarks(null)))
  process.stderr.on('error', () => stderr.destroy()) // nobody reads any more, which the program then learns itself
}
