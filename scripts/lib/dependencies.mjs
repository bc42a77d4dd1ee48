// The npm packages of a clone. The published package has had its dependencies installed by npm.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { npm, PACKAGE_ROOT, SetupError, say } from './shell.mjs'

/** The packages that every command needs. Throws SetupError (1). */
export function installDependencies() {
  // The compiler and the test runner are wanted even where NODE_ENV=production would leave them out.
  install(PACKAGE_ROOT, 'the dependencies', '--include=dev')
}

/** What the benchmarks compare with: large, and for nothing else. None of it needs what its scripts would download. */
export function installPeers() {
  install(join(PACKAGE_ROOT, 'bench', 'peers'), 'the peers (400 MB)', '--ignore-scripts')
}

/** What the benchmark of the page compares with. */
export function installWebPeers() {
  install(join(PACKAGE_ROOT, 'bench', 'web'), 'onnxruntime-web (150 MB)', '--ignore-scripts')
}

/** The second WebGPU that the tests run on. */
export function installWgpu() {
  install(join(PACKAGE_ROOT, 'test', 'wgpu'), 'Deno (100 MB)', '--ignore-scripts')
}

/** What drives and checks the browsers that the tests run in. */
export function installBrowserTests() {
  install(join(PACKAGE_ROOT, 'test', 'browser'), 'what drives the browsers (50 MB)', '--ignore-scripts')
}

/** What builds and serves the page. */
export function installWeb() {
  install(join(PACKAGE_ROOT, 'web'), 'what builds the page (40 MB)', '--ignore-scripts')
}

/** What compiles and bundles programs that use the package, for the tests of it. */
export function installConsumer() {
  install(join(PACKAGE_ROOT, 'test', 'consumer'), 'the compilers of consumers (60 MB)', '--ignore-scripts')
}

/**
 * Runs `npm ci` in a folder whose node_modules is missing, half-installed or older than its lock file.
 * @param {string} folder
 * @param {string} what
 * @param {string} option
 */
function install(folder, what, option) {
  const lock = join(folder, 'package-lock.json')
  // npm writes this one last, so an installation that was cut short does not have it.
  const installed = join(folder, 'node_modules', '.package-lock.json')
  if (!existsSync(lock) || !isOlder(installed, lock)) return

  say(`Installing ${what} (npm ci) …`)
  // `npm --silent run` would have this npm keep its reasons to itself, too
  const done = npm(['ci', option, '--no-audit', '--no-fund', '--loglevel=error'], folder)
  if (!done.ok) throw new SetupError(`npm ci failed for ${what}: ${done.why}`, 1)
}

/**
 * Whether `path` is missing or was written before `reference`.
 * @param {string} path
 * @param {string} reference
 */
export function isOlder(path, reference) {
  return !existsSync(path) || statSync(path).mtimeMs < statSync(reference).mtimeMs
}
