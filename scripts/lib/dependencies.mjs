// The npm packages of a clone. The published package has had its dependencies installed by npm.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { npm, PACKAGE_ROOT, SetupError, say } from './shell.mjs'

/** Runs `npm ci` when node_modules is missing, half-installed or older than the lock file. Throws SetupError (1). */
export function installDependencies() {
  const lock = join(PACKAGE_ROOT, 'package-lock.json')
  // npm writes this one last, so an installation that was cut short does not have it.
  const installed = join(PACKAGE_ROOT, 'node_modules', '.package-lock.json')
  if (!existsSync(lock) || !isOlder(installed, lock)) return

  say('Installing the dependencies (npm ci) …')
  // The compiler and the test runner are wanted even where NODE_ENV=production would leave them out.
  const done = npm(['ci', '--include=dev', '--no-audit', '--no-fund'])
  if (!done.ok) throw new SetupError(`npm ci failed: ${done.why}`, 1)
}

/**
 * Whether `path` is missing or was written before `reference`.
 * @param {string} path
 * @param {string} reference
 */
export function isOlder(path, reference) {
  return !existsSync(path) || statSync(path).mtimeMs < statSync(reference).mtimeMs
}
