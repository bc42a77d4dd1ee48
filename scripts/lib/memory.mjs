// What was found, kept in the user's cache so that later runs need not look again, and the environment it asks for.

import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { PACKAGE_ROOT } from './shell.mjs'

/** Set for the processes that run.mjs starts: their environment is complete. */
export const READY = 'COLORIZER_ENVIRONMENT_READY'

/** Where the Vulkan loader looks for drivers: one that comes or goes changes the folder's time. */
const DRIVER_FOLDERS = [
  '/usr/share/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
  '/etc/vulkan/icd.d',
  join(homedir(), '.local/share/vulkan/icd.d'),
]
/** What the user can choose a driver with. */
const DRIVER_VARIABLES = ['COLORIZER_DRIVER', 'LD_LIBRARY_PATH', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES']

/**
 * The user's cache folder for things that can be fetched again.
 * @param {NodeJS.ProcessEnv} [env]
 */
export function cacheFolder(env = process.env) {
  return resolve(
    env.COLORIZER_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'webgpu-colorizer'),
  )
}

/**
 * The environment in which Dawn finds `driver`; the user's own library path keeps its place after it.
 * @param {import('./adapter.mjs').Driver} driver
 * @param {NodeJS.ProcessEnv} base
 * @returns {NodeJS.ProcessEnv}
 */
export function driverEnv(driver, base) {
  if (!driver) return { ...base, [READY]: '1' }
  const libraries = [driver.libFolder, base.LD_LIBRARY_PATH].filter(Boolean).join(delimiter)
  return { ...base, LD_LIBRARY_PATH: libraries, VK_DRIVER_FILES: driver.icd, [READY]: '1' }
}

/**
 * @param {string} cache
 * @param {string} [stamp] what the decision depended on
 * @returns {import('./adapter.mjs').Found | null} null when nothing is remembered, or it no longer holds
 */
export function recall(cache, stamp = currentStamp()) {
  try {
    const memory = JSON.parse(readFileSync(memoryFile(cache), 'utf8'))
    const { adapter, driver } = memory
    if (memory.stamp !== stamp || !adapter) return null
    const isThere = !driver || (existsSync(driver.icd) && existsSync(driver.libFolder))
    return isThere ? { adapter, driver } : null
  } catch {
    return null // never written, or not by us: looking again mends it
  }
}

/**
 * Best effort: with a read-only home every run looks anew.
 * @param {string} cache
 * @param {import('./adapter.mjs').Found} found
 * @param {string} [stamp]
 */
export function remember(cache, { adapter, driver }, stamp = currentStamp()) {
  const part = `${memoryFile(cache)}.${process.pid}.part`
  try {
    mkdirSync(cache, { recursive: true })
    writeFileSync(part, `${JSON.stringify({ stamp, adapter, driver }, null, 2)}\n`)
    renameSync(part, memoryFile(cache))
  } catch {}
}

/** @param {string} cache */
function memoryFile(cache) {
  return join(cache, 'adapter.json')
}

/** Everything that would make another adapter the right one, cheap enough to read at every start. */
function currentStamp() {
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'))
  const chosen = DRIVER_VARIABLES.map((name) => `${name}=${process.env[name] ?? ''}`)
  const drivers = DRIVER_FOLDERS.map((folder) => statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return [hostname(), `webgpu ${dependencies.webgpu}`, ...chosen, ...drivers].join(' ')
}
