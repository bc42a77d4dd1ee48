// Finds a WebGPU adapter, installing a software one where there is none, and remembers the way to it.

import { fileURLToPath } from 'node:url'
import { driverCommand, installMesa, mayUseApt } from './apt.mjs'
import { cacheFolder, driverEnv, recall, remember } from './memory.mjs'
import { run, SetupError, say } from './shell.mjs'
import { installSwiftShader, swiftShaderRunsHere } from './swiftshader.mjs'

/**
 * @typedef {{ vendor: string, architecture: string, device: string, description: string, software: boolean }} Adapter
 * @typedef {{ libFolder: string, icd: string } | null} Driver null: what the system has
 * @typedef {{ adapter: Adapter, driver: Driver }} Found
 * @typedef {{ found: Found | null, why: string }} Attempt
 */

const EXIT_NO_ADAPTER = 3
/** A loaded machine takes a second; a driver that needs longer than this hangs. */
const PROBE_TIMEOUT_MS = 60_000

/**
 * The remembered adapter, if nothing has changed since; otherwise one that was looked for, or else set up.
 * Throws SetupError (3) when there is none and none can be set up.
 * @param {{ quiet: boolean }} options quiet: trust the memory, and only speak when something has to be done
 * @returns {Found}
 */
export function ensureAdapter({ quiet }) {
  const known = recallAdapter()
  if (known && quiet) return known
  const found = (known && probe(known.driver).found) || findAdapter()
  remember(cacheFolder(), found)
  if (!quiet || !known) announce(found.adapter)
  return found
}

/** What an earlier run found, or null if that no longer holds. */
export function recallAdapter() {
  return recall(cacheFolder())
}

/** @returns {Found} */
function findAdapter() {
  /** @type {string[]} */
  const failures = []
  for (const attempt of waysToAnAdapter()) {
    const { found, why } = attempt()
    if (found) return found
    failures.push(why)
  }
  throw new SetupError(`No usable WebGPU adapter: ${failures.join('; ')}.\n${whatToDo()}`, EXIT_NO_ADAPTER)
}

/** In order of preference: a driver that is there, a faster software one, one that needs no rights. */
function waysToAnAdapter() {
  const choice = process.env.COLORIZER_DRIVER ?? ''
  if (!['', 'swiftshader'].includes(choice)) {
    throw new SetupError(`COLORIZER_DRIVER is '${choice}'; the one choice is 'swiftshader'.`, 2)
  }
  /** @type {(() => Attempt)[]} */
  const ways = choice ? [] : [() => probe(null)]
  if (!choice && mayUseApt()) ways.push(tryMesa)
  if (swiftShaderRunsHere()) ways.push(trySwiftShader)
  return ways
}

/** @returns {Attempt} */
function tryMesa() {
  say("No WebGPU adapter here: installing Mesa's software Vulkan driver with apt (about a minute) …")
  const installed = installMesa()
  return installed.ok ? probe(null) : { found: null, why: `apt could not install Mesa (${installed.why})` }
}

/** @returns {Attempt} */
function trySwiftShader() {
  try {
    return probe(installSwiftShader(cacheFolder()))
  } catch (error) {
    if (!(error instanceof Error) || error instanceof SetupError) throw error
    return { found: null, why: `SwiftShader could not be fetched from npm (${error.message})` }
  }
}

/**
 * @param {Driver} driver
 * @returns {Attempt}
 */
function probe(driver) {
  const script = fileURLToPath(new URL('probe.mjs', import.meta.url))
  const env = driverEnv(driver, process.env)
  const done = run(process.execPath, [script], { env, timeoutMs: PROBE_TIMEOUT_MS })
  const name = driver ? 'SwiftShader' : 'the system'
  if (!done.ok) return { found: null, why: `${name}: ${done.why}` }
  /** @type {{ adapter?: Adapter | null, unloadable?: string }} */
  const { adapter, unloadable } = JSON.parse(done.stdout)
  if (unloadable) {
    throw new SetupError(`npm's webgpu (Dawn) does not load on this machine: ${unloadable}`, EXIT_NO_ADAPTER)
  }
  return adapter ? { found: { adapter, driver }, why: '' } : { found: null, why: `${name} offers none` }
}

/** @param {Adapter} adapter */
function announce({ vendor, architecture, device, description, software }) {
  const name = description || device || 'unnamed'
  say(`WebGPU adapter: ${name} (${[vendor, architecture].filter(Boolean).join(', ')})`)
  if (!software) return
  say('It is software, on the CPU: everything works, but a real GPU would be many times faster.')
}

/** The one command that mends it. */
function whatToDo() {
  if (process.platform !== 'linux') return 'Update the graphics driver, then try again.'
  return `Install a Vulkan driver, then try again:\n  ${driverCommand()}`
}
